//! What a table may hold. The one source of the check of keys and types, of the nearest key in errors, and of the JSON
//! Schema: so the three cannot disagree.

use super::formats::Format;

/// A table with fixed keys.
pub(super) struct Shape {
    /// `service`; also the name in the JSON Schema.
    pub name: &'static str,
    pub keys: &'static [Key],
}

pub(super) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
    /// What people who come from elsewhere write instead.
    pub aliases: &'static [&'static str],
    pub required: bool,
    /// A table has at most one such key.
    pub exclusive: bool,
}

/// What a value may be.
pub(super) enum Kind {
    Text(&'static Format),
    /// Text with `${…}`; numbers are read as text.
    Template,
    Boolean,
    True,
    False,
    Integer {
        min: i64,
        max: i64,
    },
    /// More than zero, at most this.
    Number {
        max: f64,
    },
    OneOf(&'static [&'static str]),
    List(&'static Kind),
    Table(&'static Shape),
    /// A table whose keys the author chooses; `false` as a value removes the entry.
    Map {
        keys: &'static Format,
        noun: &'static str,
        value: &'static Kind,
    },
    /// The alternatives differ in their TOML type.
    Either(&'static [Kind]),
}

pub(super) const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        doc,
        aliases: &[],
        required: false,
        exclusive: false,
    }
}

impl Key {
    pub const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub const fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl Shape {
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Kind {
    /// `false` is a value of its own, and does not only mean "as if it were not written".
    pub fn takes_false(&self) -> bool {
        match self {
            Self::Boolean | Self::False => true,
            Self::Either(kinds) => kinds.iter().any(Self::takes_false),
            _ => false,
        }
    }

    /// `a list`, as errors say it.
    pub fn expected(&self) -> String {
        match self {
            Self::Text(format) => format.expected.to_owned(),
            Self::Template => "text".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::True => "true".to_owned(),
            Self::False => "false".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("an integer from {min}"),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Number { .. } => "a number".to_owned(),
            Self::OneOf(_) | Self::Either(_) => {
                let mut parts = self.alternatives();
                let last = parts.pop().unwrap_or_default();
                match parts.is_empty() {
                    true => last,
                    false => format!("{} or {last}", parts.join(", ")),
                }
            }
            Self::List(_) => "a list".to_owned(),
            Self::Table(shape) => {
                let keys: Vec<&str> = shape.keys.iter().map(|key| key.name).take(4).collect();
                let more = if shape.keys.len() > 4 { ", …" } else { "" };
                format!("a table {{ {}{more} }}", keys.join(", "))
            }
            Self::Map { noun: "port", .. } => "a table such as { http = 8000 }".to_owned(),
            Self::Map {
                noun: "variable", ..
            } => "a table such as { NAME = \"value\" }".to_owned(),
            Self::Map { noun, .. } => format!("a table of {noun}s"),
        }
    }

    fn alternatives(&self) -> Vec<String> {
        match self {
            Self::OneOf(words) => words.iter().map(|word| format!("\"{word}\"")).collect(),
            Self::Either(kinds) => kinds.iter().flat_map(Self::alternatives).collect(),
            Self::Boolean => vec!["true".to_owned(), "false".to_owned()],
            kind => vec![kind.expected()],
        }
    }
}

// Kinds that many tables share.
pub(super) const TEXT: Kind = Kind::Text(&super::formats::NOT_EMPTY);
pub(super) const TEXTS: Kind = Kind::List(&TEXT);
/// A list, or one text that stands for a list of itself.
pub(super) const ONE_OR_MORE: Kind = Kind::Either(&[TEXT, TEXTS]);
/// Files, folders and globs.
pub(super) const GLOBS: Kind = Kind::Either(&[
    Kind::Text(&super::formats::GLOB),
    Kind::List(&Kind::Text(&super::formats::GLOB)),
]);
/// Words as they are, or one text for a shell.
pub(super) const COMMAND: Kind = Kind::Either(&[Kind::Template, Kind::List(&Kind::Template)]);
pub(super) const DURATION: Kind = Kind::Text(&super::formats::DURATION);
pub(super) const PACE: Kind = Kind::Text(&super::formats::PACE);
pub(super) const SIZE: Kind = Kind::Text(&super::formats::SIZE);
pub(super) const PORT_NUMBER: Kind = Kind::Integer {
    min: 1,
    max: 65_535,
};
pub(super) const ENVIRONMENT: Kind = Kind::Map {
    keys: &super::formats::VARIABLE,
    noun: "variable",
    value: &Kind::Template,
};
