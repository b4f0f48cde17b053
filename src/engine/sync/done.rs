//! What came of bringing files to a container.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use crate::engine::event::FailureClass;
use crate::helper::protocol::{Expected, HOLDS, Problem, ProblemKind};
use crate::runtime::RuntimeError;
use crate::stack::AfterSync;
use crate::watch::sync::Piece;

/// Problems that one message names.
const NAMED: usize = 5;
/// What to do about a file that cannot be read.
pub(super) const LET_READ: &str =
    "let the user that runs `dev` read it, or leave it out with `ignore`";

/// What one pass has done.
#[derive(Default)]
pub(super) struct Done {
    pub sent: Vec<(Piece, Expected)>,
    pub then: Vec<AfterSync>,
    /// What could not be done there, in words …
    pub problems: Vec<String>,
    /// … and what cannot be read here.
    pub unread: Vec<String>,
    /// Large files are yet to follow.
    pub large: bool,
    pub class: Option<FailureClass>,
    pub read_only: bool,
    /// What to do about a single file that would take the place of a folder.
    pub into: Option<String>,
}

/// Why a pass has to be done again.
pub(super) enum Broken {
    Stream(io::Error),
    /// Root is refused.
    Denied,
    Other(RuntimeError),
}

pub(super) fn over_folder(source: impl Display, target: &str) -> String {
    format!("{source} cannot become {target}: in the container that is a folder")
}

/// A single file goes into a folder where the target says so.
pub(super) fn into(target: &str) -> String {
    format!("`sync = \"{target}/\"` puts the file into that folder")
}

pub(super) fn looks(pieces: Vec<Piece>) -> Vec<(Piece, Expected)> {
    let looks = pieces.into_iter().filter_map(|piece| {
        let expected = piece.looks().ok()??;
        Some((piece, expected))
    });
    looks.collect()
}

impl Done {
    pub fn take_in(&mut self, problems: &[Problem]) {
        for problem in problems {
            let path = String::from_utf8_lossy(&problem.path);
            let named = self.file_over_folder(problem);
            match named {
                Some(source) => {
                    let source = source.display();
                    self.problems.push(over_folder(&source, &path));
                    self.into = Some(into(&path));
                }
                None => self.problems.push(format!("{path}: {}", problem.text)),
            }
            if problem.kind == ProblemKind::Full {
                self.class = Some(FailureClass::DiskFull);
            }
            self.read_only |= problem.kind == ProblemKind::ReadOnly;
            self.sent.retain(|(piece, _)| piece.target != problem.path);
        }
    }

    /// The file that a rule names, and that would take the place of a folder.
    fn file_over_folder(&self, problem: &Problem) -> Option<PathBuf> {
        let mut pieces = self.sent.iter().map(|(piece, _)| piece);
        let piece = pieces.find(|piece| piece.is_named() && piece.target == problem.path)?;
        (problem.text == HOLDS).then(|| piece.source.clone())
    }

    /// Whether all is there that can be read here.
    pub fn there(&self) -> Result<(), RuntimeError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        self.result()
    }

    pub fn result(&self) -> Result<(), RuntimeError> {
        let problems = self.unread.iter().chain(&self.problems);
        let message = match problems.clone().count() {
            0 => return Ok(()),
            1 => "a file could not be synced".to_owned(),
            count => format!("{count} files could not be synced"),
        };
        let refused = match self.problems.is_empty() {
            true => FailureClass::Other,
            false => FailureClass::Sync,
        };
        let class = self.class.unwrap_or(refused);
        let named = problems.take(NAMED).cloned().collect();
        let error = RuntimeError::new(class, message).detail(named);
        Err(if let Some(help) = &self.into {
            error.help(help)
        } else if self.read_only {
            error.help("mount a volume that can be written there, or sync to another path")
        } else if !self.unread.is_empty() {
            error.help(LET_READ)
        } else {
            error
        })
    }
}

impl From<Broken> for RuntimeError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Other(error) => error,
            Broken::Denied => Self::new(FailureClass::Sync, "the container refuses the files"),
            Broken::Stream(error) => Self::new(
                FailureClass::Other,
                format!("files do not reach the container: {error}"),
            )
            .help("what it lacks is sent as soon as it takes something in again"),
        }
    }
}
