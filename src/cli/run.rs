//! From arguments to an exit code.

use std::ffi::OsString;
use std::io::IsTerminal;

use super::args::{Cli, Command};
use super::error::CliError;
use super::exit::ExitCode;
use super::output;
use crate::runtime::process::{GUARD, SUPERVISE, guard, supervise};

/// Runs the command that `arguments` name, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Before anything else: this is no command of a person's.
    if arguments.get(1).is_some_and(|first| first == SUPERVISE) {
        let started = supervise();
        return if started {
            ExitCode::Done
        } else {
            ExitCode::ServiceFailed
        };
    }
    if arguments.get(1).is_some_and(|first| first == GUARD) {
        return ExitCode::Command(guard(&arguments[2..]));
    }
    let cli = match Cli::read(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let written = error.print();
            return if error.exit_code() == 0 {
                if let Err(error) = written {
                    output::unwritten(&error);
                }
                written_or(ExitCode::Done)
            } else {
                ExitCode::Usage
            };
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output::to_stderr(&format!("cannot begin: {error}"));
            return ExitCode::ServiceFailed;
        }
    };
    let beside = matches!(cli.command, Command::Exec(_) | Command::Ci(_));
    let code = match runtime.block_on(dispatch(&cli)) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            if beside {
                error.exit_code().beside_a_command()
            } else {
                error.exit_code()
            }
        }
    };
    // A read of the terminal cannot be cancelled, and must not keep the process.
    runtime.shutdown_background();
    written_or(code)
}

/// What cannot be written was not said: a command that did all else well has failed.
fn written_or(code: ExitCode) -> ExitCode {
    let Some(why) = output::why_unwritten() else {
        return code;
    };
    output::to_stderr(&format!("cannot write the output: {why}"));
    if code == ExitCode::Done {
        ExitCode::ServiceFailed
    } else {
        code
    }
}

async fn dispatch(cli: &Cli) -> Result<ExitCode, CliError> {
    let global = &cli.global;
    match &cli.command {
        Command::Up(arguments) => super::up::run(global, arguments).await,
        Command::Down(arguments) => super::down::down(global, arguments).await,
        Command::Stop(arguments) => super::down::stop(global, arguments).await,
        Command::Start(arguments) => super::down::start(global, arguments).await,
        Command::Restart(arguments) => super::restart::run(global, arguments).await,
        Command::Status(arguments) => super::status::run(global, arguments).await,
        Command::Logs(arguments) => super::logs::run(global, arguments).await,
        Command::Why(arguments) => super::why::run(global, arguments).await,
        Command::Wait(arguments) => super::wait::run(global, arguments).await,
        Command::Plan(arguments) => super::plan::run(global, arguments).await,
        Command::Exec(arguments) => super::exec::run(global, arguments).await,
        Command::Ci(arguments) => super::ci::run(global, arguments).await,
        Command::Env(arguments) => super::env::run(global, arguments).await,
        Command::Open(arguments) => super::open::run(global, arguments).await,
        Command::Config(arguments) => super::config::run(global, arguments).await,
        Command::Promote(arguments) => super::promote::run(global, arguments).await,
        Command::Export(arguments) => super::export::run(global, arguments).await,
        Command::Init(arguments) => super::init::run(global, arguments),
        Command::Doctor(_) => super::doctor::run(global).await,
        Command::Schema(arguments) => Ok(super::schema::run(arguments)),
        Command::Completions(arguments) => Ok(super::completions::run(arguments)),
    }
}

fn report(error: &CliError) {
    let terminal = std::io::stderr().is_terminal();
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if let CliError::Stack(errors) = error {
        output::to_stderr(&crate::stack::file::render(errors, color, width()));
        return;
    }
    let mut text = String::new();
    match crate::stack::file::reporter(color, width()).render_report(&mut text, error) {
        Ok(()) => output::to_stderr(text.trim_end()),
        Err(_) => output::to_stderr(&error.to_string()),
    }
}

/// Columns of what goes to stderr.
pub(super) fn width() -> usize {
    let term = console::Term::stderr();
    if term.is_term() {
        usize::from(term.size().1).clamp(40, 120)
    } else {
        100
    }
}
