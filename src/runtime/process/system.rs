//! What the system knows of processes. All that only one system has is here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::runtime::sockets::processes;

/// The variable that every process of ours has in its environment, whatever became of its parents.
pub const MARK: &str = "DEV_PROCESS";

/// This program, also after its file was replaced.
pub fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        std::env::current_exe().unwrap_or_else(|_| PathBuf::from("dev"))
    }
}

/// One line of `/proc/PID/stat`. Source: proc_pid_stat(5).
struct Stat {
    parent: i32,
    group: i32,
    is_zombie: bool,
    /// Ticks after the boot.
    start: String,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything, brackets too.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        start: (*fields.get(19)?).to_owned(),
    })
}

/// Together with its number it names a process for good: the boot, and the time after it. `None`: there is none, or it has
/// ended.
pub fn start_time(pid: i32) -> Option<String> {
    let stat = stat(pid).filter(|stat| !stat.is_zombie)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{} {}", boot.trim(), stat.start))
}

/// The process group that a process is in.
pub fn group(pid: i32) -> Option<i32> {
    stat(pid).map(|stat| stat.group)
}

/// The namespace in which numbers of processes mean something.
pub fn namespace() -> String {
    fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Everything below a process, itself left out.
pub fn descendants(of: i32) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in processes() {
        if let Some(stat) = stat(pid).filter(|stat| !stat.is_zombie) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut todo = vec![of];
    while let Some(parent) = todo.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if found.insert(*child) {
                todo.push(*child);
            }
        }
    }
    found
}

/// Everything that has this mark in its environment.
pub fn marked(mark: &str) -> BTreeSet<i32> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let has = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|text| text.split(|byte| *byte == 0).any(|entry| entry == wanted))
    };
    processes().into_iter().filter(has).collect()
}

/// The name of the process that a supervisor above this one is for.
pub fn supervised(pid: i32) -> Option<String> {
    let mut pid = pid;
    // Nothing is nested as deeply.
    for _ in 0..64 {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0).skip(1);
        if words.next() == Some(super::supervisor::SUPERVISE.as_bytes()) {
            return words
                .next()
                .map(|name| String::from_utf8_lossy(name).into_owned());
        }
        pid = stat(pid)?.parent;
    }
    None
}

/// The environment that a process began with, and the folder that it is in.
pub fn inside(pid: i32) -> Option<(Vec<(String, String)>, PathBuf)> {
    let text = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = text.split(|byte| *byte == 0).filter_map(|entry| {
        let entry = String::from_utf8_lossy(entry).into_owned();
        let (name, value) = entry.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let folder = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    Some((variables.collect(), folder))
}

/// What is gone already needs no signal.
pub fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = kill_process(pid, signal);
    }
}

pub fn send_group(leader: i32, signal: Signal) {
    if let Some(leader) = Pid::from_raw(leader) {
        let _gone = kill_process_group(leader, signal);
    }
}

/// From now on whatever loses its parent below this process becomes its child.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        // Without it, what forks away is found by its process group and its mark only.
        let _refused = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_birth() {
        let own = i32::try_from(std::process::id()).expect("a number");
        let born = start_time(own).expect("it runs");
        assert_eq!(start_time(own), Some(born));
        assert_eq!(start_time(-1), None);
    }

    #[test]
    fn children_are_found_below_their_parent() {
        let own = i32::try_from(std::process::id()).expect("a number");
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .env(MARK, "a-test-of-marks")
            .spawn()
            .expect("sleep");
        let number = i32::try_from(child.id()).expect("a number");
        let below = descendants(own);
        // A new program runs a moment before its environment can be read.
        let late = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut with_mark = marked("a-test-of-marks");
        while !with_mark.contains(&number) && std::time::Instant::now() < late {
            std::thread::yield_now();
            with_mark = marked("a-test-of-marks");
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(below.contains(&number));
        assert!(with_mark.contains(&number));
        assert_eq!(start_time(number), None);
    }
}
