//! `dev completions`.

use super::args::{CompletionsArgs, command};
use super::exit::ExitCode;
use super::output::to_stdout;

pub fn run(arguments: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "dev", &mut script);
    to_stdout(String::from_utf8_lossy(&script).trim_end());
    ExitCode::Done
}
