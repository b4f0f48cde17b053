//! What went wrong in a call, before it is put into words and classes.

use bollard::errors::Error;

/// Between the client library's errors and [`crate::runtime::RuntimeError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The engine answered with an error, in its own words. 0: in the middle of a stream.
    Answer { status: u16, words: String },
    /// No connection, or it broke.
    Connection(String),
    /// Nothing within the deadline.
    Late,
    /// The answer makes no sense.
    Nonsense(String),
}

impl Fault {
    /// The thing that the call was about is not there.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Answer { status: 404, .. })
    }

    /// Something else uses it.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Answer { status: 409, .. })
    }

    /// A network that containers are attached to.
    pub fn has_endpoints(&self) -> bool {
        matches!(self, Self::Answer { words, .. } if words.contains("has active endpoints"))
    }

    /// More than one network has the name.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Answer { words, .. } if words.contains("is ambiguous"))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => Self::Answer {
                status: status_code,
                words: message.trim().to_owned(),
            },
            Error::DockerStreamError { error } => Self::Answer {
                status: 0,
                words: error.trim().to_owned(),
            },
            Error::RequestTimeoutError => Self::Late,
            Error::JsonDataError { message, .. } => Self::Nonsense(message),
            Error::JsonSerdeError { err } => Self::Nonsense(err.to_string()),
            other => Self::Connection(chain(&other)),
        }
    }
}

impl From<hyper::Error> for Fault {
    fn from(error: hyper::Error) -> Self {
        Self::Connection(chain(&error))
    }
}

/// The innermost cause says more than the outermost, which is "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
