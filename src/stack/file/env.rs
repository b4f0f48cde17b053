//! `env` and `env_file`: what a preset gives, then files, then the table; each wins over what lies below.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::Code;
use super::dotenv;
use super::reader::Reader;
use super::sink::Finding;
use super::tree::Node;
use crate::stack::Template;

pub(super) fn env(
    reader: &mut Reader<'_>,
    service: &Node,
    below: BTreeMap<String, Template>,
) -> BTreeMap<String, Template> {
    let mut env = below;
    for file in service.get("env_file").map(Node::items).unwrap_or_default() {
        env.extend(from_file(reader, file));
    }
    for (name, value) in reader.variables(service.get("env")) {
        match value {
            Some(value) => env.insert(name, value),
            None => env.remove(&name),
        };
    }
    env
}

/// Values are taken as they are, without references.
fn from_file(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, Template)> {
    let Some(written) = node.text() else {
        return Vec::new();
    };
    let path: Utf8PathBuf = reader.path(written);
    let problem = match (reader.read_text)(&path) {
        Ok(text) => match dotenv::parse(&text) {
            Ok(pairs) => {
                return pairs
                    .into_iter()
                    .map(|(name, value)| (name, Template::text(value)))
                    .collect();
            }
            Err((line, problem)) => (
                format!("line {line} of `{written}` cannot be read: {problem}"),
                "write NAME=value, or NAME=\"two words\"",
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            format!("there is no file `{written}`"),
            "the path starts at the folder of the stack file",
        ),
        Err(error) => (
            format!("`{written}` cannot be read: {}", error.kind()),
            "it has to be a text file of NAME=value lines",
        ),
    };
    reader.report(
        Finding::new(Code::EnvFile, problem.0)
            .at(node.span, "this file")
            .help(problem.1),
    );
    Vec::new()
}
