//! Finds processes that scenarios started by what was put into their environment: never by name.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Set for every `dev` that a scenario starts, and inherited by what that starts.
pub const MARK: &str = "DEV_TEST_STACK";

/// Processes that carry this stack's mark. Only Linux tells; elsewhere none is found.
pub fn of(project: &str) -> Vec<(i32, String)> {
    let wanted = format!("{MARK}={project}").into_bytes();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let processes = entries.filter_map(Result::ok).filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let marked = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted);
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        marked.then(|| {
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (pid, line)
        })
    });
    processes.collect()
}

pub fn kill(project: &str) {
    for (pid, _) in of(project) {
        if let Some(pid) = Pid::from_raw(pid) {
            // It may have ended by itself meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
