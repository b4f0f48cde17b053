//! A finding for a terminal of some width: lines of the file that do not fit are cropped around what is meant, so that what
//! is underlined stays beneath its line.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use miette::{
    LabeledSpan, MietteError, MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};
use unicode_width::UnicodeWidthChar;

use super::diagnostic::Diagnostic;

/// Left of a line: its number, and the frame.
const FRAME: usize = 8;
/// A line is never cropped to less.
const LEAST: usize = 20;
/// Beside an underline: its tail, and the ends of the line.
const TAIL: usize = 8;

/// A finding with the part of its file that is shown.
#[derive(Debug)]
pub(super) struct Fitted<'a> {
    finding: &'a Diagnostic,
    shown: Option<Shown>,
    related: Vec<Fitted<'a>>,
}

/// The file, with cropped lines.
#[derive(Debug)]
struct Shown {
    name: String,
    text: String,
    labels: Vec<Range<usize>>,
    /// By the start of a label, where it starts in the line of the file: from 0.
    columns: BTreeMap<usize, usize>,
}

impl<'a> Fitted<'a> {
    /// `width` in columns.
    pub fn new(finding: &'a Diagnostic, width: usize) -> Self {
        let room = width.saturating_sub(FRAME).max(LEAST);
        Self {
            finding,
            shown: Shown::new(finding, room),
            related: finding
                .related
                .iter()
                .map(|related| Self::new(related, width))
                .collect(),
        }
    }
}

impl Shown {
    fn new(finding: &Diagnostic, room: usize) -> Option<Self> {
        let source = finding.source_text.as_ref()?;
        let original: &str = source.inner();
        let mut labels: Vec<Range<usize>> = finding
            .labels
            .iter()
            .map(|(span, _)| span.clone())
            .collect();
        let (mut text, mut at) = (String::with_capacity(original.len()), 0);
        for line in original.split_inclusive('\n') {
            let inside = at..at + line.len();
            let meant = finding
                .labels
                .iter()
                .find(|(span, _)| inside.contains(&span.start));
            let meant = meant.map(|(span, label)| {
                let end = span.end.min(inside.end) - inside.start;
                (span.start - inside.start..end, columns(label))
            });
            let window = window(line.trim_end_matches(['\n', '\r']), meant, room);
            let begins = text.len();
            window.write(line, &mut text);
            for (label, (span, _)) in labels.iter_mut().zip(&finding.labels) {
                if inside.contains(&span.start) {
                    label.start = begins + window.place(span.start - inside.start);
                }
                if span.end > inside.start && span.end <= inside.end {
                    label.end = begins + window.place(span.end - inside.start);
                }
            }
            at = inside.end;
        }
        let end = text.len();
        for (label, (span, _)) in labels.iter_mut().zip(&finding.labels) {
            if span.start >= original.len() {
                *label = end..end;
            }
            label.end = label.end.max(label.start);
        }
        let column = |span: &Range<usize>| {
            let span = SourceSpan::from(span.clone());
            Some(source.read_span(&span, 0, 0).ok()?.column())
        };
        let starts = labels.iter().zip(&finding.labels);
        let columns = starts.filter_map(|(label, (span, _))| Some((label.start, column(span)?)));
        Some(Self {
            name: source.name().to_owned(),
            columns: columns.collect(),
            text,
            labels,
        })
    }
}

/// The part of a line that is shown, in bytes of the line.
struct Window {
    part: Range<usize>,
    before: bool,
    after: bool,
}

const MORE: &str = "…";

impl Window {
    fn write(&self, line: &str, text: &mut String) {
        if self.before {
            text.push_str(MORE);
        }
        text.push_str(&line[self.part.clone()]);
        if self.after {
            text.push_str(MORE);
        }
        text.push_str(&line[line.trim_end_matches(['\n', '\r']).len()..]);
    }

    /// Where a byte of the line is shown; what is not, at the nearest end.
    fn place(&self, byte: usize) -> usize {
        let shift = if self.before { MORE.len() } else { 0 };
        byte.clamp(self.part.start, self.part.end) - self.part.start + shift
    }
}

/// What of a line fits into so many columns: from its beginning, or around what is meant, which has a text of so many
/// columns to its right.
fn window(line: &str, meant: Option<(Range<usize>, usize)>, room: usize) -> Window {
    if columns(line) <= room {
        return Window {
            part: 0..line.len(),
            before: false,
            after: false,
        };
    }
    // Both ends are marked.
    let room = room - 2;
    let mut start = 0;
    if let Some((span, label)) = meant {
        let (begin, end) = (span.start.min(line.len()), span.end.min(line.len()));
        let (before, within) = (columns(&line[..begin]), columns(&line[begin..end]));
        let needed = within.max(within / 2 + label + TAIL);
        if before + needed > room {
            let lead = room.saturating_sub(needed).min(room / 3);
            start = nth_column(line, before - lead.min(before));
        }
    }
    let end = start + nth_column(&line[start..], room);
    Window {
        part: start..end,
        before: start > 0,
        after: end < line.len(),
    }
}

fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// As the frame draws it: a tab is four columns.
fn width(c: char) -> usize {
    match c {
        '\t' => 4,
        c => c.width().unwrap_or(0),
    }
}

/// The byte at which a column begins, or the end.
fn nth_column(text: &str, column: usize) -> usize {
    let mut sum = 0;
    for (at, c) in text.char_indices() {
        sum += width(c);
        if sum > column {
            return at;
        }
    }
    text.len()
}

impl SourceCode for Shown {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, before, after)?;
        let meant = self
            .columns
            .get(&span.offset())
            .filter(|_| before + after == 0);
        let column = meant.copied().unwrap_or(found.column());
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            found.line(),
            column,
            found.line_count(),
        )))
    }
}

impl fmt::Display for Fitted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.finding, f)
    }
}

impl std::error::Error for Fitted<'_> {}

impl miette::Diagnostic for Fitted<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        miette::Diagnostic::code(self.finding)
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.finding.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        miette::Diagnostic::help(self.finding)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.shown.as_ref().map(|shown| shown as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let shown = self.shown.as_ref()?;
        let labels = shown.labels.iter().zip(&self.finding.labels);
        Some(Box::new(labels.enumerate().map(
            |(index, (span, (_, label)))| {
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
        let related = self.related.iter();
        Some(Box::new(related.map(|one| one as &dyn miette::Diagnostic)))
    }
}
