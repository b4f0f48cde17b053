use std::time::Duration;

use serde::Serialize;

/// A question whose answer says whether a service is ready (or alive).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    pub kind: ProbeKind,
    /// Pause between probes once ready; while starting `dev` asks at its own pace.
    pub every: Duration,
    /// Of one attempt.
    pub timeout: Duration,
    /// From the start of the container until it has to be ready.
    pub within: Duration,
    /// Failures in a row that make a ready service unready.
    pub retries: u32,
}

/// Container ports throughout; from where they are asked is the prober's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Passes on status 200 to 399.
    Http { port: u16, path: String },
    /// Passes when something listens.
    Tcp { port: u16 },
    /// Passes when the command exits 0 inside the container.
    Exec { command: Vec<String> },
    /// Passes when a line of this generation's log matches the regular expression.
    Log { pattern: String },
    /// Start-up message; passes when the server asks for a password or lets in, refuses or is starting otherwise.
    Postgres {
        port: u16,
        user: String,
        database: String,
    },
    /// `PING`; passes on `+PONG` or `-NOAUTH`.
    Redis { port: u16 },
    /// Reads the greeting; passes when it is a handshake and no error packet.
    Mysql {
        port: u16,
        /// As whom it says who it is, so that the server has nothing to complain of in its log.
        #[serde(skip_serializing_if = "Option::is_none")]
        login: Option<Login>,
    },
}

impl Probe {
    pub const EVERY: Duration = Duration::from_secs(10);
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    pub const WITHIN: Duration = Duration::from_secs(120);
    pub const RETRIES: u32 = 3;

    /// A probe with the default pace.
    pub fn new(kind: ProbeKind) -> Self {
        Self {
            kind,
            every: Self::EVERY,
            timeout: Self::TIMEOUT,
            within: Self::WITHIN,
            retries: Self::RETRIES,
        }
    }
}

/// Variables of the service's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    pub user: String,
    pub password: String,
}
