use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// What `dev status --json` prints, as far as scenarios ask for it.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    pub name: String,
    pub ready: bool,
    pub runtime_up: bool,
    pub layers: Vec<String>,
    pub rejected: Option<String>,
    pub services: Vec<Service>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    pub name: String,
    pub state: String,
    pub why: Option<String>,
    pub degraded_by: Vec<String>,
    pub failure: Option<Value>,
    pub restarts: u32,
    pub addresses: Vec<String>,
}

impl Status {
    /// # Panics
    /// There is no such service.
    pub fn service(&self, name: &str) -> &Service {
        let found = self.services.iter().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("no service `{name}` in {self}"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.services.iter().any(|service| service.name == name)
    }

    /// The service is in this state.
    pub fn is(&self, name: &str, state: &str) -> bool {
        self.has(name) && self.service(name).state == state
    }

    /// Why the service waits, in one line; empty where there is no reason.
    pub fn why(&self, name: &str) -> &str {
        self.service(name).why.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.name)?;
        for service in &self.services {
            write!(f, " {}={}", service.name, service.state)?;
            if let Some(why) = &service.why {
                write!(f, " ({why})")?;
            }
        }
        match &self.rejected {
            Some(error) => write!(f, " rejected: {error}"),
            None => Ok(()),
        }
    }
}
