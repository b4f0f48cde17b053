use crate::stack::Reference;

/// Why a reference has no value. `reference` is the text of the reference, without a default it may have; a value that
/// was found is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("`{reference}`: there is no service `{service}`")]
    NoService {
        reference: String,
        service: String,
        known: Vec<String>,
    },
    #[error("`{reference}`: service `{service}` has no output of that name")]
    NoOutput {
        reference: String,
        service: String,
        known: Vec<String>,
    },
    #[error("`{reference}`: `self` is a service, and there is none here")]
    NoSelf { reference: String },
    #[error(
        "`{reference}`: port `{port}` of `{service}` is not published, so nothing on the host can reach it"
    )]
    NotPublished {
        reference: String,
        service: String,
        port: String,
    },
    #[error("`{reference}`: port `{port}` of `{service}` has no address outside of the cluster")]
    NotExposed {
        reference: String,
        service: String,
        port: String,
    },
    #[error("`{reference}`: no host port is chosen yet for port `{port}` of `{service}`")]
    NoHostPort {
        reference: String,
        service: String,
        port: String,
    },
    #[error("`{reference}`: `{asker}` and `{service}` share no network")]
    NoNetwork {
        reference: String,
        asker: String,
        service: String,
    },
    #[error("`{reference}`: its value refers to itself")]
    Endless { reference: String },
    #[error("`{reference}`: the environment variable `{name}` is not set")]
    NoEnv { reference: String, name: String },
    #[error("`{reference}`: no secret `{name}`")]
    NoSecret { reference: String, name: String },
    /// It is in the stack, and has no value now.
    #[error("{why}")]
    AbsentSecret { why: String, help: String },
    #[error("`{reference}`: this folder is no git checkout with a commit")]
    NoGit { reference: String },
}

impl Unresolved {
    /// What to write or do instead.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoService { service, known, .. } => Some(suggest(service, known, "services")),
            Self::NoOutput {
                reference, known, ..
            } if !known.is_empty() => {
                let wanted = reference.trim_start_matches("${").trim_end_matches('}');
                let wanted = wanted.split_once('.').map_or("", |(_, path)| path);
                Some(suggest(wanted, known, "outputs"))
            }
            Self::NoOutput { service, .. } => Some(format!(
                "give `{service}` a port, as in `ports = {{ http = 8000 }}`"
            )),
            Self::NoSelf { .. } => Some("name the service".to_owned()),
            Self::NotPublished { port, .. } => {
                Some(format!("remove `publish = false` from port `{port}`"))
            }
            Self::NotExposed { port, .. } => Some(format!(
                "expose it: `kubernetes = {{ expose = {{ host = \"…\", port = \"{port}\" }} }}`, or give another value in `promote.env`"
            )),
            Self::NoNetwork { .. } => {
                Some("put both on one network, or refer to its `public` address".to_owned())
            }
            Self::Endless { .. } => Some("write one of the values out".to_owned()),
            Self::NoEnv { name, .. } => Some(format!(
                "set it, or give a default: `${{env:{name}:-default}}`"
            )),
            Self::NoSecret { name, .. } => Some(format!(
                "add it: `[secrets]`, `{name} = {{ generate = 32 }}`"
            )),
            Self::AbsentSecret { help, .. } => Some(help.clone()),
            Self::NoGit { reference } => {
                let inside = reference.trim_end_matches('}');
                Some(format!(
                    "commit something first, or give a default: `{inside}:-none}}`"
                ))
            }
            Self::NoHostPort { .. } => None,
        }
    }
}

fn suggest(wrong: &str, known: &[String], what: &str) -> String {
    let scored = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    let near = scored
        .filter(|(distance, name)| *distance <= name.len().max(3) / 2)
        .min();
    let list = || {
        format!(
            "{what}: {}",
            known
                .iter()
                .take(12)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => list(),
    }
}

/// A reference as it is written, without its default, which may be long and should not be shown.
pub(super) fn written(reference: &Reference) -> String {
    match reference {
        Reference::Env { name, .. } => format!("${{env:{name}}}"),
        Reference::Git { what, .. } => format!("${{git:{what}}}"),
        other => other.to_string(),
    }
}
