//! The program that runs inside a container. Built by `build.rs`, carried by `dev`.
//!
//! `serve` works off requests from its input; with `--once` its own file is removed first. `whoami` says as whom it runs.

#![forbid(unsafe_code)]

mod change;
mod place;
mod protocol;
mod serve;
mod sum;

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let is = |at: usize, word: &str| arguments.get(at).is_some_and(|given| given == word);
    // A process's own folder belongs to whom it runs as.
    let me = std::fs::metadata("/proc/self").map_or((0, 0), |found| (found.uid(), found.gid()));
    let done = if is(0, "whoami") {
        writeln!(io::stdout(), "{}\n{}", me.0, me.1)
    } else if is(0, "serve") {
        if is(1, "--once")
            && let Ok(own) = std::env::current_exe()
        {
            let _gone = std::fs::remove_file(own);
        }
        serve::serve(io::stdin().lock(), io::stdout().lock(), me)
    } else {
        return ExitCode::from(2);
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
