/// What is wrong with a stack file, as a stable name that people can search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    NotFound,
    NotAFile,
    Unreadable,
    Empty,
    TooLarge,
    NotUtf8,
    MissingLayer,
    ComposeUnsupported,
    OtherFile,
    Syntax,
    UnknownKey,
    WrongType,
    MissingKey,
    Conflict,
    BadValue,
    BadDuration,
    BadSize,
    BadSignal,
    BadPort,
    BadName,
    BadTemplate,
    ReferenceInRun,
    UnknownService,
    UnknownOutput,
    UnknownPort,
    Unreachable,
    UnknownSecret,
    UnknownNetwork,
    UnknownVolume,
    UnknownConfig,
    NotSet,
    UnknownPreset,
    NoSource,
    TwoSources,
    Cycle,
    PortConflict,
    EnvFile,
    NoEffect,
}

/// Every code with its stable text and its meaning, in the order of the reference.
pub const CODES: &[(Code, &str, &str)] = &[
    (
        Code::NotFound,
        "dev::stack::not_found",
        "There is no stack file in this folder or above it.",
    ),
    (
        Code::NotAFile,
        "dev::stack::not_a_file",
        "The path of the stack file is a folder or something else that is no file.",
    ),
    (
        Code::Unreadable,
        "dev::stack::unreadable",
        "The system refused to read the file.",
    ),
    (
        Code::Empty,
        "dev::stack::empty",
        "The stack has no service.",
    ),
    (
        Code::TooLarge,
        "dev::stack::too_large",
        "The file is larger than any stack file could be.",
    ),
    (
        Code::NotUtf8,
        "dev::stack::not_utf8",
        "The file is not UTF-8 text.",
    ),
    (
        Code::MissingLayer,
        "dev::stack::missing_layer",
        "`--env` names a layer whose file does not exist.",
    ),
    (
        Code::ComposeUnsupported,
        "dev::stack::compose_unsupported",
        "A Compose file asks for something that `dev` cannot do, or says it in a way that means nothing.",
    ),
    (
        Code::OtherFile,
        "dev::stack::other_file",
        "A file that a Compose file includes or extends, and that cannot be read.",
    ),
    (
        Code::Syntax,
        "dev::stack::syntax",
        "The file is not TOML; a Compose file: not YAML.",
    ),
    (
        Code::UnknownKey,
        "dev::stack::unknown_key",
        "A key that the table does not have.",
    ),
    (
        Code::WrongType,
        "dev::stack::wrong_type",
        "A value of another type than its key asks for.",
    ),
    (
        Code::MissingKey,
        "dev::stack::missing_key",
        "A key without which the rest means nothing.",
    ),
    (
        Code::Conflict,
        "dev::stack::conflict",
        "Two settings that exclude each other.",
    ),
    (
        Code::BadValue,
        "dev::stack::bad_value",
        "A value of the right type that its key cannot take.",
    ),
    (
        Code::BadDuration,
        "dev::stack::bad_duration",
        "A duration that is not one.",
    ),
    (
        Code::BadSize,
        "dev::stack::bad_size",
        "A size that is not one.",
    ),
    (
        Code::BadSignal,
        "dev::stack::bad_signal",
        "A signal that does not exist.",
    ),
    (
        Code::BadPort,
        "dev::stack::bad_port",
        "A port that is not one.",
    ),
    (
        Code::BadName,
        "dev::stack::bad_name",
        "A name with letters that engines and clusters do not take.",
    ),
    (
        Code::BadTemplate,
        "dev::stack::bad_template",
        "A `${…}` that says nothing.",
    ),
    (
        Code::ReferenceInRun,
        "dev::stack::reference_in_run",
        "A reference in `run`, which goes to the shell as it is.",
    ),
    (
        Code::UnknownService,
        "dev::stack::unknown_service",
        "A service that the stack does not have.",
    ),
    (
        Code::UnknownOutput,
        "dev::stack::unknown_output",
        "A reference to an output that its service does not have.",
    ),
    (
        Code::UnknownPort,
        "dev::stack::unknown_port",
        "A port name that its service does not have.",
    ),
    (
        Code::Unreachable,
        "dev::stack::unreachable",
        "A reference to a service that cannot be reached from where it is used.",
    ),
    (
        Code::UnknownSecret,
        "dev::stack::unknown_secret",
        "A secret that `[secrets]` does not declare.",
    ),
    (
        Code::UnknownVolume,
        "dev::stack::unknown_volume",
        "A volume that a Compose file uses and does not declare.",
    ),
    (
        Code::UnknownConfig,
        "dev::stack::unknown_config",
        "A config that a Compose file uses and does not declare.",
    ),
    (
        Code::NotSet,
        "dev::stack::not_set",
        "A reference to something outside the stack that is not there, without a default: a variable, a git commit.",
    ),
    (
        Code::UnknownNetwork,
        "dev::stack::unknown_network",
        "A network that `[networks]` does not declare.",
    ),
    (
        Code::UnknownPreset,
        "dev::stack::unknown_preset",
        "A preset that does not exist.",
    ),
    (
        Code::NoSource,
        "dev::stack::no_source",
        "A service that says not what it is made from.",
    ),
    (
        Code::TwoSources,
        "dev::stack::two_sources",
        "A service that is made from two things at once.",
    ),
    (
        Code::Cycle,
        "dev::stack::cycle",
        "Services that wait for each other, so that none can start.",
    ),
    (
        Code::PortConflict,
        "dev::stack::port_conflict",
        "Two services that want the same port of the host.",
    ),
    (
        Code::EnvFile,
        "dev::stack::env_file",
        "An `env_file` that cannot be read. Its content is never shown.",
    ),
    (
        Code::NoEffect,
        "dev::stack::no_effect",
        "A setting that changes nothing as things are; a warning.",
    ),
];

impl Code {
    /// `dev::stack::unknown_key`
    pub fn as_str(self) -> &'static str {
        CODES
            .iter()
            .find(|(code, _, _)| *code == self)
            .map_or("dev::stack", |(_, text, _)| text)
    }
}
