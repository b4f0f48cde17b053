//! Values in which secrets are marked, not present: nothing here ever sees one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};
use secrecy::SecretString;

/// Stands around the name of a secret in a resolved value.
const MARK: char = '\u{1}';

/// A resolved value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    /// Key of `Stack::secrets`.
    Secret(String),
}

/// In place of every secret its name.
pub fn marked<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, SecretString> {
    let mark = |name: &String| (name.clone(), format!("{MARK}{name}{MARK}").into());
    names.map(mark).collect()
}

impl Text {
    pub fn parse(text: &str) -> Self {
        let pieces = text.split(MARK).enumerate();
        let pieces = pieces.map(|(at, piece)| match at % 2 {
            0 => Piece::Plain(piece.to_owned()),
            _ => Piece::Secret(piece.to_owned()),
        });
        let kept = pieces.filter(|piece| *piece != Piece::Plain(String::new()));
        Self {
            pieces: kept.collect(),
        }
    }

    /// `None` where it holds a secret.
    pub fn plain(&self) -> Option<String> {
        let plain = self.pieces.iter().map(|piece| match piece {
            Piece::Plain(text) => Some(text.as_str()),
            Piece::Secret(_) => None,
        });
        plain.collect()
    }

    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }
}

/// `text` where Kubernetes replaces `$(NAME)`: a doubled `$` is one.
/// <https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>
pub fn literal(text: &str) -> String {
    if text.contains("$(") || text.contains("$$") {
        text.replace('$', "$$")
    } else {
        text.to_owned()
    }
}

/// The environment of one container, as far as secrets are in it.
pub struct SecretEnv<'a> {
    /// The Secret that they are in.
    pub secret: &'a str,
    /// Variables that the container has, so that none of ours is in their way.
    pub taken: &'a dyn Fn(&str) -> bool,
    helpers: BTreeMap<String, String>,
    composed: Vec<EnvVar>,
}

impl<'a> SecretEnv<'a> {
    pub fn new(secret: &'a str, taken: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            secret,
            taken,
            helpers: BTreeMap::new(),
            composed: Vec::new(),
        }
    }

    pub fn add(&mut self, name: &str, text: &Text) {
        if let [Piece::Secret(secret)] = text.pieces.as_slice() {
            self.composed.push(self.var_of(name, secret));
            return;
        }
        let mut value = String::new();
        for piece in &text.pieces {
            match piece {
                // A `$` at its end would swallow the reference behind it.
                Piece::Plain(text) => value.push_str(&text.replace('$', "$$")),
                Piece::Secret(secret) => value.push_str(&format!("$({})", self.helper(secret))),
            }
        }
        self.composed.push(EnvVar {
            name: name.to_owned(),
            value: Some(value),
            value_from: None,
        });
    }

    /// The variable that holds `secret` for others to be made with.
    fn helper(&mut self, secret: &str) -> String {
        if let Some(name) = self.helpers.get(secret) {
            return name.clone();
        }
        let word = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        let stem: String = "SECRET_".chars().chain(secret.chars().map(word)).collect();
        let is_free =
            |name: &String| !(self.taken)(name) && self.helpers.values().all(|other| other != name);
        let numbered = (2..).map(|number| format!("{stem}_{number}"));
        let name = std::iter::once(stem.clone()).chain(numbered).find(is_free);
        let name = name.unwrap_or(stem);
        self.helpers.insert(secret.to_owned(), name.clone());
        name
    }

    fn var_of(&self, name: &str, secret: &str) -> EnvVar {
        EnvVar {
            name: name.to_owned(),
            value: None,
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    key: secret.to_owned(),
                    name: self.secret.to_owned(),
                    optional: None,
                }),
                ..EnvVarSource::default()
            }),
        }
    }

    /// What others are made with comes first.
    pub fn finish(self) -> Vec<EnvVar> {
        let helpers = self.helpers.iter();
        let helpers = helpers.map(|(secret, name)| self.var_of(name, secret));
        helpers.chain(self.composed.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(values: &[(&str, &str)]) -> Vec<serde_json::Value> {
        let taken = |name: &str| name == "SECRET_B";
        let mut env = SecretEnv::new("s", &taken);
        for (name, value) in values {
            env.add(name, &Text::parse(value));
        }
        let vars = env.finish().into_iter();
        vars.map(|var| serde_json::to_value(var).unwrap()).collect()
    }

    #[test]
    fn a_value_around_a_secret_is_put_together_in_the_pod() {
        let made = env(&[("URL", "a$\u{1}b\u{1}@$(c)")]);
        assert_eq!(made[0]["name"], "SECRET_B_2");
        assert_eq!(made[0]["valueFrom"]["secretKeyRef"]["key"], "b");
        assert_eq!(made[1]["value"], "a$$$(SECRET_B_2)@$$(c)");
    }

    #[test]
    fn a_secret_alone_needs_no_helper() {
        let made = env(&[("A", "\u{1}k\u{1}"), ("B", "\u{1}k\u{1}")]);
        assert_eq!(made.len(), 2);
        assert!(
            made.iter()
                .all(|var| var["valueFrom"]["secretKeyRef"]["key"] == "k")
        );
    }

    #[test]
    fn only_what_kubernetes_would_replace_is_doubled() {
        assert_eq!(literal("$HOME $"), "$HOME $");
        assert_eq!(literal("$(A) $$ $B"), "$$(A) $$$$ $$B");
    }
}
