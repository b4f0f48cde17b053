use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;

/// Why a secret has no value. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("secret `{name}`: the environment variable `{variable}` is not set, or empty")]
    NoVariable { name: String, variable: String },
    #[error("secret `{name}`: cannot read {file}: {source}")]
    File {
        name: String,
        file: Utf8PathBuf,
        source: io::Error,
    },
    #[error("secret `{name}`: cannot keep a generated value in {file}: {source}")]
    Keep {
        name: String,
        file: Utf8PathBuf,
        source: io::Error,
    },
    #[error("secret `{name}`: {file} is empty, although a generated value was kept there")]
    Empty { name: String, file: Utf8PathBuf },
    #[error("secret `{name}`: it needs `sops`, which was not found")]
    NoSops { name: String },
    #[error("secret `{name}`: sops did not decrypt {file} within {within:?}")]
    Slow {
        name: String,
        file: Utf8PathBuf,
        within: Duration,
    },
    #[error("secret `{name}`: sops could not decrypt {file}: {message}")]
    Sops {
        name: String,
        file: Utf8PathBuf,
        message: String,
    },
}

impl SecretError {
    /// The secret that it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::NoVariable { name, .. }
            | Self::File { name, .. }
            | Self::Keep { name, .. }
            | Self::Empty { name, .. }
            | Self::NoSops { name }
            | Self::Slow { name, .. }
            | Self::Sops { name, .. } => name,
        }
    }

    /// Stable code of the diagnostic.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoVariable { .. } => "secret::env",
            Self::File { .. } => "secret::file",
            Self::Keep { .. } | Self::Empty { .. } => "secret::generate",
            Self::NoSops { .. } | Self::Slow { .. } | Self::Sops { .. } => "secret::sops",
        }
    }

    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::NoVariable { variable, .. } => format!("set it: `export {variable}=…`"),
            Self::File { file, .. } => format!("put the value into {file}, readable by you alone"),
            Self::Keep { file, .. } => format!("make the folder of {file} writable"),
            Self::Empty { file, .. } => {
                format!(
                    "restore {file} if something was made with its value, else remove it for a new one"
                )
            }
            Self::NoSops { .. } => {
                "install it: https://github.com/getsops/sops/releases".to_owned()
            }
            Self::Slow { file, .. } | Self::Sops { file, .. } => {
                format!(
                    "try `sops -d {file}`: it may ask for a key, or need one that you do not have; age keys are looked for in \
                     SOPS_AGE_KEY_FILE and in sops/age/keys.txt of your configuration folder"
                )
            }
        }
    }
}
