//! What `watch` names: it is there, or not, when the stack is read from disk.

use camino::Utf8PathBuf;

use super::Code;
use super::diagnostic::Diagnostic;
use super::find::absence;
use super::reader::Reader;
use super::sink::Finding;
use super::tree::Node;

/// A path that a rule watches, and where it is written.
#[derive(Debug, Clone)]
pub struct Watched {
    /// As far as it is no glob. Absolute.
    path: Utf8PathBuf,
    place: Diagnostic,
}

/// Those of one rule. `node`: its table.
pub(super) fn collect(reader: &mut Reader<'_>, node: &Node) {
    let items = node.get("paths").map(Node::items).unwrap_or_default();
    for item in items {
        let Some(text) = item.text().filter(|text| !text.starts_with('!')) else {
            continue;
        };
        let path = reader.path(literal(text).as_str());
        let finding = Finding::new(Code::NoEffect, message(text)).warning();
        let place = reader.sink.diagnostic(&finding.at(item.span, "not there"));
        reader.watched.push(Watched { path, place });
    }
}

/// What is said of a path as it is written.
pub(in crate::stack) fn message(text: &str) -> String {
    format!("`{text}` is not there: nothing is watched until it is")
}

/// What stands before the first part of a path that is a glob.
pub(super) fn literal(text: &str) -> Utf8PathBuf {
    let is_glob = |part: &&str| part.contains(['*', '?', '[', '{', '\\']);
    let parts: Vec<&str> = text.split('/').take_while(|part| !is_glob(part)).collect();
    Utf8PathBuf::from(match parts.join("/") {
        path if path.is_empty() && text.starts_with('/') => "/".to_owned(),
        path => path,
    })
}

impl Watched {
    /// A warning, where it is not there.
    pub(super) fn absent(&self) -> Option<Diagnostic> {
        absence(&self.path).map(|help| self.place.clone().with_help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_glob_has_to_be_there() {
        for (text, expected) in [
            ("app", "app"),
            ("app/**/*.py", "app"),
            ("*.toml", ""),
            ("/srv/[ab]/c", "/srv"),
            ("/*", "/"),
        ] {
            assert_eq!(literal(text), expected, "{text}");
        }
    }
}
