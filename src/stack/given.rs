use std::fmt;

use serde::{Serialize, Serializer};

/// The value of a secret that came with the stack file's surroundings. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Given(String);

impl Given {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Given {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}
