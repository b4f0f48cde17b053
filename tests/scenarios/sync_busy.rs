//! What is saved while something else is on its way all the time.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::support::{SOON, docker, eventually};
use super::sync::{gets_the_same, stream_is_open, with_files};

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
