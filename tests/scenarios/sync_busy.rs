//! What is saved while something else is on its way all the time, or for long.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::support::{SOON, Stack, docker, eventually};
use super::sync::{gets_the_same, stream_is_open, with_files};
use super::sync_limits::has;

const MIB: u64 = 1024 * 1024;
/// More than fits into 31 bits, and into the memory of many machines.
const HUGE: u64 = 2048 * MIB + 5;

fn is_as_large(stack: &Stack, container: &str, size: u64) {
    eventually(6 * SOON, "it is as large as here", || {
        let there = "stat -c %s /www/huge 2>&1 || true";
        let there = docker(["exec", container, "sh", "-c", there]);
        let beside = docker(["exec", container, "ls", "-A", "/www"]);
        if there == size.to_string() && !beside.contains(".dev-sync-") {
            Ok(())
        } else {
            Err(format!("{there} of {size}, {beside}"))
        }
    });
    let sum = Command::new("md5sum").arg(stack.path("www/huge")).output();
    let sum = String::from_utf8(sum.expect("md5sum").stdout).expect("text");
    let there = docker(["exec", container, "md5sum", "/www/huge"]);
    assert_eq!(there.split(' ').next(), sum.split(' ').next());
}

#[test]
fn a_file_of_two_gib_holds_nothing_up_and_ends_as_it_is_then() {
    let stack = with_files("huge", "");
    let up = stack.up();
    let container = stream_is_open(&stack);
    let before = up.peak_memory();
    let beside = stack.outside("huge");
    let huge = fs::File::create(&beside).expect("a file");
    huge.set_len(HUGE).expect("a sparse file");
    fs::rename(&beside, stack.path("www/huge")).expect("a rename");
    let on_its_way = || {
        eventually(SOON, "it is on its way", || {
            match docker(["exec", &container, "ls", "-A", "/www"]) {
                there if there.contains(".dev-sync-") => Ok(()),
                there => Err(there),
            }
        });
    };
    on_its_way();
    for text in ["one", "two", "three"] {
        stack.write("www/a.txt", text);
        has(&stack, "a.txt", text);
    }
    let there = docker(["exec", &container, "ls", "-A", "/www"]);
    assert!(there.contains(".dev-sync-"), "still on its way: {there}");
    // What it gets on its way, it has in the end.
    let mut huge = fs::OpenOptions::new()
        .append(true)
        .open(stack.path("www/huge"));
    let huge = huge.as_mut().expect("it is there");
    huge.write_all(b"appended").expect("room");
    huge.sync_all().expect("a disk");
    is_as_large(&stack, &container, HUGE + 8);
    let more = up.peak_memory().saturating_sub(before) / MIB;
    assert!(more < 32, "{more} MiB more");

    huge.write_all(b"again").expect("room");
    on_its_way();
    huge.set_len(3 * MIB + 1).expect("it becomes smaller");
    is_as_large(&stack, &container, 3 * MIB + 1);
    gets_the_same(&stack, "site");
}

/// Ends a thread, also when a save does not arrive.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_constant_writer_holds_up_no_save_and_arrives_too() {
    let stack = with_files("writer", "");
    let _up = stack.up();
    let container = stream_is_open(&stack);
    let www = stack.path("www");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let mut line = 0;
            while !stop.load(Ordering::Relaxed) {
                line += 1;
                fs::write(www.join("log"), format!("{line}\n")).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        for number in 0..20 {
            let name = format!("saved-{}", number % 7);
            stack.write(&format!("www/{name}"), number.to_string());
            eventually(SOON, "the save arrives, and so does the log", || {
                let script = format!("cat /www/{name} /www/log 2>&1 || true");
                let said = docker(["exec", &container, "sh", "-c", &script]);
                // It has no line end: the line of the log follows at once.
                if said.starts_with(&number.to_string()) && !said.contains("No such file") {
                    Ok(())
                } else {
                    Err(said)
                }
            });
        }
    });
    gets_the_same(&stack, "site");
}
