//! `include`: other projects whose services, volumes and the like become part of this one. Each is resolved by itself, in
//! its own folder and with its own `.env`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::attributes::PROJECT;
use super::dotenv;
use super::form::Form;
use super::load::{Loader, Scope};
use super::merge::merge;
use super::node::{Node, Value};
use super::variables::Environment;
use crate::stack::file::{Code, Finding, Span};

static A_PROJECT: Form = Form::Table(&PROJECT);

/// Files that include each other in a row.
const MAX_CHAIN: usize = 50;

const SECTIONS: &[&str] = &[
    "services", "volumes", "networks", "secrets", "configs", "models",
];

impl Loader<'_> {
    /// Lays `project` over what it includes.
    ///
    /// # Errors
    /// What cannot be read, and a circle.
    pub(super) fn included(&mut self, project: &mut Node, scope: &Scope) -> Result<(), Finding> {
        let Some(includes) = project.remove("include") else {
            return Ok(());
        };
        for include in includes.items() {
            let mut below = self.one_include(include, scope)?;
            if let Some(map) = below.as_map_mut() {
                map.retain(|key, _| SECTIONS.contains(&key.as_str()));
            }
            let above = std::mem::replace(project, below);
            merge(project, above, &A_PROJECT);
        }
        Ok(())
    }

    fn one_include(&mut self, include: &Node, scope: &Scope) -> Result<Node, Finding> {
        let base = self.base(&scope.dir);
        let written = include.get("path").map(Node::items).unwrap_or_default();
        let mut files = Vec::new();
        for node in written {
            let path = node.as_text().unwrap_or_default();
            if is_remote(path) {
                return Err(remote(path, node.span));
            }
            files.push((Utf8PathBuf::from(base.absolute(path)), node.span));
        }
        let Some((main, span)) = files.first().cloned() else {
            let finding = Finding::new(Code::MissingKey, "`include` needs `path`");
            return Err(finding.at(include.span, "here"));
        };
        if scope.including.contains(&main) {
            let mut trail: Vec<&str> = scope.including.iter().map(|path| path.as_str()).collect();
            trail.push(main.as_str());
            let message = format!("files include each other: {}", trail.join(" → "));
            return Err(Finding::new(Code::Cycle, message).at(span, "this closes the circle"));
        }
        if scope.including.len() >= MAX_CHAIN {
            let message = format!("these are more than {MAX_CHAIN} files that include each other");
            return Err(Finding::new(Code::TooLarge, message).at(span, "this one is too many"));
        }
        let dir = match include.text_at("project_directory") {
            Some(dir) => Utf8PathBuf::from(base.absolute(dir)),
            None => main.parent().unwrap_or(Utf8Path::new("/")).to_owned(),
        };
        let environment = self.included_environment(include, scope, &dir)?;
        let inner = Scope {
            dir,
            environment,
            including: scope.including.clone(),
        };
        self.files(
            &files
                .into_iter()
                .map(|(path, span)| (path, Some(span)))
                .collect::<Vec<_>>(),
            inner,
        )
    }

    /// What is set around, and below that the files of the included project.
    fn included_environment(
        &mut self,
        include: &Node,
        scope: &Scope,
        dir: &Utf8Path,
    ) -> Result<Environment, Finding> {
        let named = include.get("env_file").map(Node::items).unwrap_or_default();
        let mut environment = scope.environment.clone();
        let mut found = std::collections::BTreeMap::new();
        let base = self.base(&scope.dir);
        let mut paths: Vec<(Utf8PathBuf, Option<Span>)> = Vec::new();
        for node in named
            .iter()
            .filter(|node| node.as_text() != Some("/dev/null"))
        {
            let path = base.absolute(node.as_text().unwrap_or_default());
            paths.push((path.into(), Some(node.span)));
        }
        if named.is_empty() {
            paths.push((dir.join(".env"), None));
        }
        for (path, span) in paths {
            let text = match (self.read_env(&path), span) {
                (Ok(text), _) => text,
                (Err(error), None) if is_not_there(&error) => continue,
                (Err(error), span) => {
                    return Err(env_file(&path, &error, span.unwrap_or(include.span)));
                }
            };
            let around = &scope.environment;
            let lookup = |name: &str| around.get(name).cloned();
            dotenv::read(&text, &lookup, &mut found).map_err(|error| {
                let message = format!("{path}, line {}: {}", error.line, error.problem);
                Finding::new(Code::EnvFile, message).at(span.unwrap_or(include.span), "read here")
            })?;
        }
        environment.fill(found);
        Ok(environment)
    }
}

/// A `.env` that nobody has named need not be there, and may be a folder with that name.
fn is_not_there(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | IsADirectory | NotADirectory)
}

pub(super) fn env_file(path: &Utf8Path, error: &io::Error, span: Span) -> Finding {
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {path}"),
        io::ErrorKind::IsADirectory => format!("{path} is a folder"),
        _ => format!("{path} cannot be read: {error}"),
    };
    Finding::new(Code::EnvFile, message).at(span, "named here")
}

fn is_remote(path: &str) -> bool {
    [
        "https://",
        "http://",
        "oci://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ]
    .iter()
    .any(|start| path.starts_with(start))
}

fn remote(path: &str, span: Span) -> Finding {
    let message = format!("{path} is not on this machine, and `dev` fetches no Compose files");
    Finding::new(Code::OtherFile, message)
        .at(span, "this file")
        .help("keep a copy in the project and include that")
}

/// An empty project, to lay files over.
pub(super) fn empty() -> Node {
    let nowhere = Span {
        layer: 0,
        start: 0,
        end: 0,
    };
    Node::new(Value::Map(super::node::Map::new()), nowhere)
}
