use super::names;

/// Why a preset cannot be used like this. What was wrong is part of the text; where it stands is the caller's to add.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    #[error("there is no preset `{name}`")]
    Unknown { name: String },
    #[error("`{version}` is no version of `{preset}`")]
    Version { preset: String, version: String },
    #[error("preset `{preset}` has no databases")]
    NoDatabases { preset: String },
    #[error("preset `{preset}` has no setting `{option}`")]
    UnknownOption {
        preset: String,
        option: String,
        known: Vec<String>,
    },
    #[error("`{name}` is no name for a {what}")]
    Name { what: &'static str, name: String },
    /// The preset's own file is wrong, which its tests prevent.
    #[error("the data of preset `{preset}` is wrong: {problem}")]
    Data { preset: String, problem: String },
}

impl PresetError {
    /// What to write instead.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { name } => Some(match nearest(name, &names()) {
                Some(near) => format!("did you mean `{near}`? There are: {}", names().join(", ")),
                None => format!("there are: {}", names().join(", ")),
            }),
            Self::Version { .. } => {
                Some("write an image tag, as in `postgres:16` or `redis:7-alpine`".to_owned())
            }
            Self::NoDatabases { .. } => Some("remove `databases`".to_owned()),
            Self::UnknownOption { known, .. } if known.is_empty() => Some("remove it".to_owned()),
            Self::UnknownOption { known, .. } => Some(format!("it has: {}", known.join(", "))),
            Self::Name { what: "bucket", .. } => Some(
                "3 to 63 lower-case letters, digits, `-` and `.`, as in `user-uploads`".to_owned(),
            ),
            Self::Name { .. } => {
                Some("1 to 63 letters, digits, `_` and `-`, as in `auth_db`".to_owned())
            }
            Self::Data { .. } => None,
        }
    }
}

fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let scored = names.iter().map(|name| {
        (
            strsim::damerau_levenshtein(&wrong.to_lowercase(), name),
            *name,
        )
    });
    scored
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, name)| name)
}
