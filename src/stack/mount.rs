use camino::Utf8PathBuf;
use serde::Serialize;

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Mount {
    /// A named volume: a key of `Stack::volumes`.
    Volume {
        key: String,
        target: String,
        read_only: bool,
    },
    /// A folder or file of the host; `source` is absolute.
    Bind {
        source: Utf8PathBuf,
        target: String,
        read_only: bool,
    },
    /// Memory, gone with the container.
    Tmpfs { target: String },
    /// A volume without a name.
    Anonymous { target: String, read_only: bool },
    /// The files of another image.
    Image {
        reference: String,
        target: String,
        read_only: bool,
    },
}

impl Mount {
    /// Where it appears in the container.
    pub fn target(&self) -> &str {
        match self {
            Self::Volume { target, .. }
            | Self::Bind { target, .. }
            | Self::Tmpfs { target }
            | Self::Anonymous { target, .. }
            | Self::Image { target, .. } => target,
        }
    }

    /// The image whose files it is.
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::Image { reference, .. } => Some(reference),
            Self::Volume { .. }
            | Self::Bind { .. }
            | Self::Tmpfs { .. }
            | Self::Anonymous { .. } => None,
        }
    }
}
