//! What a command fails with, as a diagnostic with a stable code.

use miette::Diagnostic;

use super::exit::ExitCode;
use crate::engine::event::{Failure, FailureClass};
use crate::runtime::RuntimeError;
use crate::stack::alike;
use crate::stack::file::LoadError;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Stack(#[from] LoadError),
    #[error("{}", .0.message)]
    Runtime(Failure),
    #[error("{}", lines(.0.iter().map(|absent| absent.why.clone())))]
    Secrets(Vec<crate::stack::resolve::Absent>),
    /// Services that cannot be planned for, each with why.
    #[error("{}", lines(.0.iter().map(|(service, failure)| format!("{service}: {}", failure.message))))]
    Unresolved(Vec<(String, Failure)>),
    /// What of the stack cannot go to a cluster.
    #[error("{}", lines(.0.iter().map(ToString::to_string)))]
    NotPromotable(Vec<crate::promote::Refusal>),
    /// The state folder, a socket, the terminal.
    #[error("{0}")]
    State(std::io::Error),
    #[error("{message}")]
    Usage {
        message: String,
        help: Option<String>,
    },
    #[error("another checkout uses the name of this stack: {dir}")]
    OtherCheckout { dir: String, name: String },
    #[error("{message}")]
    Own {
        message: String,
        help: Option<String>,
    },
}

impl CliError {
    pub fn state(error: std::io::Error) -> Self {
        Self::State(error)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            help: None,
        }
    }

    pub fn unknown_service(name: &str, known: &[&str]) -> Self {
        let help = match alike(name, known) {
            Some(other) => format!("did you mean `{other}`?"),
            None if known.is_empty() => {
                "nothing of it is known: `dev config` shows what the stack file says".to_owned()
            }
            None => format!("it has: {}", known.join(", ")),
        };
        Self::Usage {
            message: format!("the stack has no service `{name}`"),
            help: Some(help),
        }
    }

    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Stack(_)
            | Self::Usage { .. }
            | Self::Secrets(_)
            | Self::Unresolved(_)
            | Self::NotPromotable(_)
            | Self::OtherCheckout { .. } => ExitCode::Usage,
            Self::Runtime(failure) => failure.class.into(),
            Self::State(_) | Self::Own { .. } => ExitCode::ServiceFailed,
        }
    }
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("\n")
}

impl From<RuntimeError> for CliError {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(error.0)
    }
}

impl Diagnostic for CliError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let code = match self {
            Self::Stack(error) => return error.code(),
            Self::Secrets(_) => "dev::secret",
            Self::Unresolved(_) => "dev::unresolved",
            Self::NotPromotable(_) => "dev::promote",
            Self::Runtime(failure) => match failure.class {
                FailureClass::Engine | FailureClass::NoEngine => "dev::engine",
                _ => "dev::runtime",
            },
            Self::State(_) => "dev::state",
            Self::Usage { .. } => "dev::usage",
            Self::OtherCheckout { .. } => "dev::name_in_use",
            Self::Own { .. } => "dev::internal",
        };
        Some(Box::new(code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        match self {
            Self::Stack(error) => error.help(),
            Self::Runtime(failure) => {
                let mut text = failure.detail.join("\n");
                if let Some(help) = &failure.help {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(help);
                }
                (!text.is_empty()).then(|| Box::new(text) as Box<dyn std::fmt::Display>)
            }
            Self::Usage { help, .. } | Self::Own { help, .. } => help
                .clone()
                .map(|help| Box::new(help) as Box<dyn std::fmt::Display>),
            Self::OtherCheckout { name, .. } => Some(Box::new(format!(
                "both would share containers and data: give this one another name, as in `--name {name}-2`"
            ))),
            Self::Secrets(errors) => Some(Box::new(lines(
                errors.iter().map(|error| error.help.clone()),
            ))),
            Self::Unresolved(services) => {
                let helps = services
                    .iter()
                    .filter_map(|(_, failure)| failure.help.clone());
                let text = lines(helps);
                (!text.is_empty()).then(|| Box::new(text) as Box<dyn std::fmt::Display>)
            }
            Self::NotPromotable(refusals) => {
                let mut helps: Vec<String> =
                    refusals.iter().map(crate::promote::Refusal::help).collect();
                helps.dedup();
                Some(Box::new(lines(helps.into_iter())))
            }
            Self::State(_) => Some(Box::new(
                "the state of a stack lies in `.dev/` beside its stack file",
            )),
        }
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self {
            Self::Stack(error) => error.related(),
            _ => None,
        }
    }
}

/// A stack file's errors without colour, for views and logs.
pub fn plain(error: &LoadError) -> String {
    crate::stack::file::render(error, false, 100)
}
