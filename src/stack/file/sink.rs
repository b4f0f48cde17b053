//! Collects findings against layers.

use std::sync::Arc;

use miette::{NamedSource, Severity};

use super::Code;
use super::diagnostic::Diagnostic;
use super::tree::{Source, Span};

/// Findings beyond this are counted, not kept: nobody reads them, and each costs.
const MAX_FINDINGS: usize = 100;

#[derive(Debug)]
pub(in crate::stack) struct Sink {
    sources: Vec<Arc<NamedSource<Arc<str>>>>,
    found: Vec<((Span, usize), Diagnostic)>,
    hidden: usize,
}

/// A finding while it is being put together.
#[derive(Debug)]
pub(in crate::stack) struct Finding {
    code: Code,
    severity: Severity,
    message: String,
    help: Option<String>,
    labels: Vec<(Span, String)>,
}

impl Finding {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            labels: Vec::new(),
        }
    }

    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The first place is the one that is meant.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Sink {
    pub fn new(sources: &[Source]) -> Self {
        let sources = sources
            .iter()
            .map(|source| Arc::new(NamedSource::new(&source.name, source.text.clone())))
            .collect();
        Self {
            sources,
            found: Vec::new(),
            hidden: 0,
        }
    }

    /// One more layer, the last.
    pub fn add(&mut self, source: &Source) {
        let source = NamedSource::new(&source.name, source.text.clone());
        self.sources.push(Arc::new(source));
    }

    /// No further finding will be kept, so none needs a suggestion.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_FINDINGS
    }

    /// What only follows from a key that is told as unknown is not kept.
    pub fn push(&mut self, finding: Finding) {
        if self.follows(&finding) {
            return;
        }
        // Warnings make room for errors.
        if self.is_full()
            && finding.severity == Severity::Error
            && let Some(at) = self.found.iter().rposition(|(_, d)| d.is_warning())
        {
            self.found.remove(at);
        }
        if self.is_full() {
            self.hidden += usize::from(finding.severity == Severity::Error);
            return;
        }
        let first = finding.labels.first().map(|(span, _)| *span);
        let here = first.map_or(0, |span| span.layer);
        let mut diagnostic = self.on_layer(&finding, here);
        diagnostic.help.clone_from(&finding.help);
        let mut others: Vec<usize> = finding
            .labels
            .iter()
            .map(|(span, _)| span.layer)
            .filter(|l| *l != here)
            .collect();
        others.sort_unstable();
        others.dedup();
        for layer in others {
            let mut related = self.on_layer(&finding, layer);
            related.severity = Severity::Advice;
            "the other end".clone_into(&mut related.message);
            diagnostic.related.push(related);
        }
        let place = first.unwrap_or(Span {
            layer: 0,
            start: 0,
            end: 0,
        });
        self.found.push(((place, self.found.len()), diagnostic));
    }

    fn follows(&self, finding: &Finding) -> bool {
        let unknown = |span: &Span| {
            let mut told = self.found.iter();
            told.any(|((place, _), found)| found.code == Code::UnknownKey && place == span)
        };
        finding.labels.iter().any(|(span, _)| unknown(span))
    }

    /// As it would be shown, without being one.
    pub fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        let layer = finding.labels.first().map_or(0, |(span, _)| span.layer);
        self.on_layer(finding, layer)
    }

    fn on_layer(&self, finding: &Finding, layer: usize) -> Diagnostic {
        let source = self
            .sources
            .get(layer)
            .filter(|_| !finding.labels.is_empty());
        let len = source.map_or(0, |source| source.inner().len());
        let labels = finding
            .labels
            .iter()
            .filter(|(span, _)| span.layer == layer);
        Diagnostic {
            code: finding.code,
            severity: finding.severity,
            message: finding.message.clone(),
            help: None,
            source_text: source.cloned(),
            labels: labels
                .map(|(s, label)| (s.start.min(len)..s.end.min(len), label.clone()))
                .collect(),
            related: Vec::new(),
        }
    }

    /// Whether an error is told whose place lies within `span`.
    pub fn is_wrong(&self, span: Span) -> bool {
        self.found.iter().any(|((place, _), diagnostic)| {
            !diagnostic.is_warning()
                && place.layer == span.layer
                && place.start >= span.start
                && place.end <= span.end
        })
    }

    pub fn has_errors(&self) -> bool {
        self.found
            .iter()
            .any(|(_, diagnostic)| !diagnostic.is_warning())
    }

    /// In the order of layers and lines, with the number of errors that were not kept.
    pub fn finish(mut self) -> (Vec<Diagnostic>, usize) {
        self.found.sort_by_key(|(place, _)| *place);
        (
            self.found
                .into_iter()
                .map(|(_, diagnostic)| diagnostic)
                .collect(),
            self.hidden,
        )
    }
}

/// The candidate that was probably meant by `word`.
pub(in crate::stack) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    if word.len() > 64 {
        return None;
    }
    let close = candidates.into_iter().filter_map(|candidate| {
        let lower = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&word, &lower);
        let prefix = word.len().min(lower.len()) >= 3
            && (lower.starts_with(&word) || word.starts_with(&lower));
        (distance <= slips(&word) || prefix).then_some((distance, candidate))
    });
    close
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether `word` is `candidate` but for a slip or two of the fingers.
pub(in crate::stack) fn is_close(word: &str, candidate: &str) -> bool {
    let (word, candidate) = (word.to_lowercase(), candidate.to_lowercase());
    strsim::damerau_levenshtein(&word, &candidate) <= slips(&word)
}

fn slips(word: &str) -> usize {
    (word.chars().count() / 3).max(1)
}
