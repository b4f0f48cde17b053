//! Text with references in it, parsed but not resolved: what it says depends on who asks.

use serde::Serialize;

/// A value of the stack file, cut into text and references.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Template {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Text(String),
    Reference(Reference),
}

/// `${…}`
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// `${db.url}`, `${db.auth_db.url}`, `${api.http.public}`: `path` is what follows the service.
    Service { service: String, path: Vec<String> },
    /// `${self.http.public}`; inside a preset's outputs also `${self.user}`.
    Own { path: Vec<String> },
    /// `${env:X}`, `${env:X:-default}`
    Env {
        name: String,
        default: Option<String>,
    },
    /// `${secret:X}`
    Secret { name: String },
    /// `${git:sha}`, `${git:branch}`
    Git { what: String },
}

/// One output of a service, as its preset or file defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    pub value: Template,
    /// Never shown in views, although the value is plain in development.
    pub secret: bool,
}

impl Template {
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            parts: vec![Part::Text(text.into())],
        }
    }

    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }
}
