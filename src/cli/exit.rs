//! What `dev` tells the shell that called it.

use crate::engine::event::FailureClass;

/// Exit codes of `dev`. Scripts may rely on them: they change only with a new major version.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done, and everything asked for is ready |
/// | 1 | a service failed |
/// | 2 | bad usage, or an error in the stack file |
/// | 3 | no container engine or cluster answers |
/// | 4 | not ready in time |
/// | 125 | `exec`, `run` and `ci` only: `dev` itself failed, not the command |
/// | 130 | interrupted |
///
/// `exec`, `run` and `ci` otherwise return the code of the command that they ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    Done,
    ServiceFailed,
    Usage,
    NoEngine,
    NotReady,
    /// `dev` failed where every other code belongs to the command it runs.
    OwnFailure,
    Interrupted,
    /// The code of the command that was run.
    Command(u8),
}

impl ExitCode {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::ServiceFailed => 1,
            Self::Usage => 2,
            Self::NoEngine => 3,
            Self::NotReady => 4,
            Self::OwnFailure => 125,
            Self::Interrupted => 130,
            Self::Command(code) => code,
        }
    }

    /// The same outcome seen from `exec`, `run` and `ci`: a failure of `dev` must not look like one of the command.
    pub const fn beside_a_command(self) -> Self {
        match self {
            Self::Done | Self::Interrupted | Self::Command(_) => self,
            _ => Self::OwnFailure,
        }
    }
}

/// The code for a service (or a call) that failed for good.
impl From<FailureClass> for ExitCode {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::Engine | FailureClass::NoEngine => Self::NoEngine,
            FailureClass::NotReady => Self::NotReady,
            FailureClass::Unresolved => Self::Usage,
            _ => Self::ServiceFailed,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(exit: ExitCode) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let all = [
            (ExitCode::Done, 0),
            (ExitCode::ServiceFailed, 1),
            (ExitCode::Usage, 2),
            (ExitCode::NoEngine, 3),
            (ExitCode::NotReady, 4),
            (ExitCode::OwnFailure, 125),
            (ExitCode::Interrupted, 130),
            (ExitCode::Command(7), 7),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code);
        }
    }

    #[test]
    fn a_failure_of_dev_is_told_from_one_of_the_command() {
        assert_eq!(ExitCode::NoEngine.beside_a_command().code(), 125);
        assert_eq!(ExitCode::Command(1).beside_a_command().code(), 1);
        assert_eq!(ExitCode::Interrupted.beside_a_command().code(), 130);
    }
}
