use crate::stack::resolve::Unresolved;

/// Something of the stack that cannot go to a cluster as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing of the stack goes to a cluster: all of it stays at home")]
    Nothing,
    #[error("services.{service}: a process on the host cannot go to a cluster")]
    HostProcess { service: String },
    #[error("services.{service}.{field}: {error}")]
    Unresolved {
        service: String,
        field: String,
        error: Unresolved,
    },
    #[error("services.{service}.{field}: `{other}` stays at home")]
    AtHome {
        service: String,
        field: String,
        other: String,
    },
    #[error("services.{service}.volumes: {source_path} is mounted from the host, {why}")]
    Bind {
        service: String,
        source_path: String,
        why: String,
    },
    #[error("services.{service}: volume `{volume}` is also that of `{other}`")]
    SharedVolume {
        service: String,
        volume: String,
        other: String,
    },
    #[error(
        "services.{service}: volume `{volume}` would be another one for each of {replicas} replicas"
    )]
    ReplicatedVolume {
        service: String,
        volume: String,
        replicas: u32,
    },
    #[error("services.{service}: a job cannot keep volume `{volume}` on a cluster")]
    JobVolume { service: String, volume: String },
    #[error("services.{service}: `{what}` is the host's, and a cluster has another one")]
    Host { service: String, what: &'static str },
    #[error(
        "services.{service}: what the Compose file says of {what} has no counterpart in the objects that `dev` makes"
    )]
    Options { service: String, what: String },
    #[error("services.{service}.{field}: it holds a secret, and everybody may read it there")]
    SecretInSight { service: String, field: String },
    #[error("services.{service}.{field}: it is a secret, and does not come from `[secrets]`")]
    PlainSecret { service: String, field: String },
    #[error("services.{service}.kubernetes.expose: it has no port to expose")]
    NoPort { service: String },
    #[error("services.{service}: no image of it is known")]
    NoImage { service: String },
    #[error("services.{service} and services.{other} would both be called `{name}`")]
    SameName {
        service: String,
        other: String,
        name: String,
    },
}

impl Refusal {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Nothing => "leave out `promote = false` where a service should go".to_owned(),
            Self::HostProcess { .. } => {
                "give it an image or a build, or leave it at home: `promote = false`".to_owned()
            }
            Self::Unresolved { error, .. } => error.help().unwrap_or_default(),
            Self::AtHome { field, other, .. } if field.starts_with("env.") => {
                let name = field.trim_start_matches("env.");
                format!("take `{other}` along, or say what it is there: `promote = {{ env = {{ {name} = \"…\" }} }}`")
            }
            Self::AtHome { other, .. } => {
                format!("take `{other}` along, or say otherwise in `promote`: `promote = {{ command = […] }}`")
            }
            Self::Bind { .. } => "copy it into the image that `promote = { build = { target = \"…\" } }` builds, or use a \
                 named volume; files that fit into a ConfigMap go along where they are mounted with `:ro`"
                .to_owned(),
            Self::SharedVolume { .. } => {
                "let one of them have it, and the other ask that one; a claim belongs to one workload".to_owned()
            }
            Self::ReplicatedVolume { .. } => {
                "leave it at one: `kubernetes = { replicas = 1 }`, or go without: `volume = false`".to_owned()
            }
            Self::JobVolume { .. } => "let it ask the service that has the volume".to_owned(),
            Self::Options { .. } => {
                "leave it out, or leave the service at home: `promote = false` in a dev.toml that stands on the Compose file"
                    .to_owned()
            }
            Self::Host { .. } => "leave it out, or leave the service at home: `promote = false`".to_owned(),
            Self::SecretInSight { .. } => {
                "hand it over in `env`, and let the program read it from there".to_owned()
            }
            Self::PlainSecret { .. } => {
                "put it into `[secrets]`, and refer to it: `${secret:NAME}`".to_owned()
            }
            Self::NoPort { .. } => "give it one: `ports = { http = 8000 }`; a job has none".to_owned(),
            Self::NoImage { .. } => "build it first: `dev up`".to_owned(),
            Self::SameName { .. } => "give one of them another name".to_owned(),
        }
    }
}
