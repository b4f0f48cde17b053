//! What is wrong with a stack file: where, why, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode,
};

use super::Code;
use super::fitted::Fitted;

/// Columns that errors take at least.
const LEAST_WIDTH: usize = 40;

/// One finding. Its text holds keys and references of the stack file, and never a value of an `env_file`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) source_text: Option<Arc<NamedSource<Arc<str>>>>,
    /// Bytes of `source_text`; the first is the one that is meant.
    pub(super) labels: Vec<(Range<usize>, String)>,
    /// What other layers have to do with it.
    pub(super) related: Vec<Diagnostic>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Location {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Diagnostic {
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            source_text: None,
            labels: Vec::new(),
            related: Vec::new(),
        }
    }

    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    pub(in crate::stack) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn code(&self) -> Code {
        self.code
    }

    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Where it is, if it came from a file.
    pub fn location(&self) -> Option<Location> {
        let source = self.source_text.as_ref()?;
        let before = source.inner().get(..self.labels.first()?.0.start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Location {
            file: source.name().to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }

    /// As people read it, with the lines of the file. `width` in columns.
    pub fn render(&self, color: bool, width: usize) -> String {
        let width = width.max(LEAST_WIDTH);
        let mut text = String::new();
        match reporter(color, width).render_report(&mut text, &Fitted::new(self, width)) {
            Ok(()) => text,
            Err(_) => format!("{}: {}\n", self.code.as_str(), self.message),
        }
    }
}

/// What draws errors, however narrow the terminal. `width` in columns.
pub fn reporter(color: bool, width: usize) -> GraphicalReportHandler {
    let theme = if color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    // What is between spaces is often to be copied, and goes into the next line as a whole.
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(width.max(LEAST_WIDTH))
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_break_words(false)
}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code.as_str()))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_text
            .as_ref()
            .map(|source| &**source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source_text.as_ref()?;
        Some(Box::new(self.labels.iter().enumerate().map(
            |(index, (span, label))| {
                let label = (!label.is_empty()).then(|| label.clone());
                match index {
                    0 => LabeledSpan::new_primary_with_span(label, span.clone()),
                    _ => LabeledSpan::new_with_span(label, span.clone()),
                }
            },
        )))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(
            self.related
                .iter()
                .map(|related| related as &dyn miette::Diagnostic),
        ))
    }
}

/// Everything that is wrong with a stack, at least one error.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", headline(.diagnostics, *.hidden))]
pub struct LoadError {
    /// Errors and warnings, in the order of layers and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// Errors beyond the first hundred, which are counted only.
    pub hidden: usize,
}

fn headline(diagnostics: &[Diagnostic], hidden: usize) -> String {
    let errors = diagnostics.iter().filter(|d| !d.is_warning()).count() + hidden;
    match (errors, diagnostics.first()) {
        (1, Some(only)) => only.message.clone(),
        (count, _) => format!("the stack file has {count} errors"),
    }
}

impl LoadError {
    /// Both.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.diagnostics.extend(more.diagnostics);
        self.hidden += more.hidden;
        self
    }

    pub(in crate::stack) fn one(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
            hidden: 0,
        }
    }
}

impl miette::Diagnostic for LoadError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("dev::stack"))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(
            self.diagnostics
                .iter()
                .map(|d| d as &dyn miette::Diagnostic),
        ))
    }
}

/// Every finding as people read it, with the lines of the files. `width` in columns.
pub fn render(error: &LoadError, color: bool, width: usize) -> String {
    let shown = error.diagnostics.iter();
    let shown: Vec<String> = shown.map(|d| d.render(color, width)).collect();
    let mut text = shown.join("\n");
    if error.hidden > 0 {
        text.push_str(&format!("\nand {} more errors\n", error.hidden));
    }
    text
}
