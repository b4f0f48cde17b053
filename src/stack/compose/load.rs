//! Files into one project: read, filled in, in canonical form, with what they include and extend, one over the other.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::attributes::PROJECT;
use super::canonical::canonical;
use super::defaults::defaults;
use super::form::Form;
use super::include::empty;
use super::interpolate::interpolate;
use super::merge::{merge, unify, without_resets};
use super::node::Node;
use super::paths::Base;
use super::variables::Environment;
use super::{short, stdin, yaml};
use crate::stack::file::{Code, Diagnostic, Finding, Sink, Source, Span};

static A_PROJECT: Form = Form::Table(&PROJECT);

/// Files that one project may read, those it includes among them.
const MAX_FILES: usize = 500;

/// How files get here: the outside stays outside.
pub trait Files {
    /// The text of a Compose file.
    ///
    /// # Errors
    /// Why it cannot be read, as a person is told.
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>>;

    /// The text of an `env_file`.
    ///
    /// # Errors
    /// It is not there, or a folder, or cannot be read.
    fn env(&self, path: &Utf8Path) -> io::Result<String>;

    /// What to do about something that is watched and not there; `None`: it is, or nobody knows.
    fn absent(&self, _path: &Utf8Path) -> Option<String> {
        None
    }
}

/// Notes what is read.
pub(super) struct Noting<'a> {
    source: &'a dyn Files,
    pub read: RefCell<BTreeSet<Utf8PathBuf>>,
}

impl<'a> Noting<'a> {
    pub fn new(source: &'a dyn Files) -> Self {
        Self {
            source,
            read: RefCell::default(),
        }
    }
}

impl Files for Noting<'_> {
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        self.read.borrow_mut().insert(path.to_owned());
        self.source.compose(path)
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        self.read.borrow_mut().insert(path.to_owned());
        self.source.env(path)
    }

    fn absent(&self, path: &Utf8Path) -> Option<String> {
        self.source.absent(path)
    }
}

/// Where a file is read from: the project that it is part of.
#[derive(Clone)]
pub(super) struct Scope {
    /// The project's folder. Absolute.
    pub dir: Utf8PathBuf,
    pub environment: Environment,
    /// Files that lead here by `include`.
    pub including: Vec<Utf8PathBuf>,
}

pub(super) struct Loader<'a> {
    pub source: &'a dyn Files,
    pub sink: Sink,
    /// What `~` stands for.
    pub home: Option<String>,
    /// Files read so far, by what names them in spans.
    pub layers: Vec<Utf8PathBuf>,
    /// Errors of files that could not be read at all.
    pub unread: Vec<Diagnostic>,
    /// Of all that was read, and copied from it.
    pub size: yaml::Size,
    /// Bytes of values with variables filled in.
    pub filled: usize,
    /// That short forms stand for.
    pub ports: usize,
}

impl Loader<'_> {
    pub fn base<'b>(&'b self, dir: &'b Utf8Path) -> Base<'b> {
        Base {
            dir,
            home: self.home.as_deref(),
        }
    }

    pub fn read_env(&self, path: &Utf8Path) -> io::Result<String> {
        self.source.env(path)
    }

    /// The documents of a file with their values filled in. `from`: where another file names it.
    ///
    /// # Errors
    /// It cannot be read, or is not YAML.
    pub fn documents(
        &mut self,
        path: &Utf8Path,
        from: Option<Span>,
        scope: &Scope,
    ) -> Result<Vec<Node>, Finding> {
        if self.layers.len() >= MAX_FILES {
            let message = format!("these are more than {MAX_FILES} files");
            return Err(at(Finding::new(Code::TooLarge, message), from));
        }
        let text = match self.source.compose(path) {
            Ok(text) => text,
            Err(diagnostic) => {
                let finding = Finding::new(Code::OtherFile, diagnostic.message());
                if from.is_none() {
                    self.unread.push(*diagnostic);
                }
                return Err(at(finding, from));
            }
        };
        let layer = self.layers.len();
        self.layers.push(path.to_owned());
        self.sink.add(&Source {
            name: stdin::shown(path).to_string(),
            text: text.as_str().into(),
        });
        let mut documents = yaml::parse(&text, layer, &mut self.size)?;
        let lookup = |name: &str| scope.environment.get(name).cloned();
        for document in &mut documents {
            interpolate(document, &lookup, &mut self.filled, &mut self.sink);
            self.count_ports(document)?;
        }
        Ok(documents)
    }

    /// Before they are written out.
    fn count_ports(&mut self, document: &Node) -> Result<(), Finding> {
        for (_, service) in document.section("services") {
            let items = |key| service.get(key).map(Node::items).unwrap_or_default();
            for item in items("ports").iter().chain(items("expose")) {
                self.ports += item.as_text().map_or(1, short::ports_in);
                if self.ports > short::MAX_PORTS {
                    return Err(too_many_ports(item.span));
                }
            }
        }
        Ok(())
    }

    /// One project of several files, the lowest first, with absolute paths.
    ///
    /// # Errors
    /// What keeps everything behind it from being understood.
    pub fn files(
        &mut self,
        files: &[(Utf8PathBuf, Option<Span>)],
        mut scope: Scope,
    ) -> Result<Node, Finding> {
        let mut project = empty();
        for (path, from) in files {
            for mut document in self.documents(path, *from, &scope)? {
                if document.as_map().is_none() {
                    let message = format!(
                        "a Compose file is a mapping, and this is {}",
                        document.kind()
                    );
                    return Err(Finding::new(Code::WrongType, message).at(document.span, "this"));
                }
                canonical(&mut document, &A_PROJECT, "", &mut self.sink);
                if self.sink.has_errors() {
                    continue;
                }
                unify(&mut document, &A_PROJECT);
                scope.including.push(path.clone());
                self.included(&mut document, &scope)?;
                scope.including.pop();
                if let Some(services) = document.get_mut("services").and_then(Node::as_map_mut) {
                    let with_bases = self.extended(std::mem::take(services), path, &scope)?;
                    *services = with_bases;
                }
                merge(&mut project, document, &A_PROJECT);
            }
        }
        without_resets(&mut project);
        unify(&mut project, &A_PROJECT);
        defaults(&mut project, &scope.environment);
        self.base(&scope.dir).resolve(&mut project);
        Ok(project)
    }
}

pub(super) fn too_many_ports(span: Span) -> Finding {
    let message = format!("the project has more than {} ports", short::MAX_PORTS);
    Finding::new(Code::TooLarge, message)
        .at(span, "this is where they became too many")
        .help("each number of a range is a port of its own")
}

fn at(finding: Finding, from: Option<Span>) -> Finding {
    match from {
        Some(span) => finding.at(span, "this file"),
        None => finding,
    }
}
