//! Layers of text to a stack: no file is touched here.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::find::COMPOSE;
use super::reader::{ReadText, Reader};
use super::sink::{Finding, Sink, nearest};
use super::stack_shape::STACK;
use super::tree::{Node, Source, Span, Table};
use super::{Code, Document, LoadError, Loaded, assemble, check};
use crate::stack::compose;

/// Beyond this the errors of one broken file only repeat each other.
const MAX_SYNTAX_ERRORS: usize = 20;

/// One file of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Absolute.
    pub path: Utf8PathBuf,
    pub text: String,
}

/// Reads a stack from its layers, the lowest first. `dir` is the absolute folder that relative paths start from; `name`
/// wins over what the layers say; `read_text` gives the text of an `env_file` by its absolute path.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn parse(
    dir: &Utf8Path,
    layers: Vec<Layer>,
    name: Option<&str>,
    read_text: ReadText<'_>,
) -> Result<Loaded, LoadError> {
    let beneath = |_: Vec<_>, _: Option<&str>| {
        let message = "no Compose file is read here";
        Err(LoadError::one(Diagnostic::error(
            Code::ComposeUnsupported,
            message,
        )))
    };
    upon(dir, layers, name, read_text, &beneath)
}

/// How the Compose files that a stack file stands on are read, by their paths.
pub(super) type Beneath<'a> =
    &'a dyn Fn(Vec<Utf8PathBuf>, Option<&str>) -> Result<compose::Run, LoadError>;

/// The same on top of the Compose files that it names.
pub(super) fn upon(
    dir: &Utf8Path,
    layers: Vec<Layer>,
    name: Option<&str>,
    read_text: ReadText<'_>,
    beneath: Beneath<'_>,
) -> Result<Loaded, LoadError> {
    let paths: Vec<Utf8PathBuf> = layers.iter().map(|layer| layer.path.clone()).collect();
    let sources: Vec<Source> = layers.into_iter().map(|layer| source(dir, layer)).collect();
    let mut sink = Sink::new(&sources);
    let mut root = Table::default();
    for (index, source) in sources.iter().enumerate() {
        if let Some(table) = read_layer(index, &source.text, &mut sink) {
            root.merge(table);
        }
    }
    if sink.has_errors() {
        return Err(failed(sink));
    }
    check::prune(&mut root, &STACK);
    check::table(&mut root, &STACK, "a stack file", &mut sink);
    // Its networks and volumes carry the name of the stack that stands on it.
    let own = root.get("name").filter(|node| !sink.is_wrong(node.span));
    let named = name.or_else(|| own.and_then(Node::text));
    let base = match compose_files(&root, dir, &sink) {
        // Without them nothing that stands on them means anything.
        None => return Err(failed(sink)),
        Some(files) if files.is_empty() => None,
        Some(files) => match beneath(files, named) {
            Ok(run) => Some(run),
            Err(_) if is_gone(&root, dir, read_text, &mut sink) => return Err(failed(sink)),
            Err(error) => return Err(failed(sink).and(error)),
        },
    };
    let (base, mut warnings, env_files) = match base {
        Some(run) => (Some(run.stack), run.warnings, run.further_files),
        None => (None, Vec::new(), BTreeSet::new()),
    };
    let beneath: Vec<Utf8PathBuf> = base.iter().flat_map(|b| b.layers.clone()).collect();
    let mut reader = Reader {
        dir,
        read_text,
        sink,
        mentions: Vec::new(),
        outside: Vec::new(),
        watched: Vec::new(),
        services: BTreeSet::new(),
        secrets: BTreeSet::new(),
        unclear: BTreeSet::new(),
        service: String::new(),
        gates: true,
        base,
    };
    let mut stack = assemble::assemble(&mut reader, &root, name);
    stack.layers = beneath.into_iter().chain(paths).collect();
    if reader.sink.has_errors() {
        return Err(failed(reader.sink));
    }
    warnings.extend(reader.sink.finish().0);
    Ok(Loaded {
        stack,
        outside: reader.outside,
        variables: BTreeSet::new(),
        watched: reader.watched,
        document: Document(root),
        warnings,
        env_files,
    })
}

/// `compose = "compose.yaml"`, or several; `None` where what it says is told as wrong.
fn compose_files(root: &Table, dir: &Utf8Path, sink: &Sink) -> Option<Vec<Utf8PathBuf>> {
    let nodes = root.get("compose").map(Node::items).unwrap_or_default();
    let file = |node: &Node| {
        let name = node.text().filter(|_| !sink.is_wrong(node.span))?;
        Some(dir.join(name))
    };
    nodes.iter().map(file).collect()
}

/// Tells where the stack file names a Compose file that is not there; whether there is such a place.
fn is_gone(root: &Table, dir: &Utf8Path, read_text: ReadText<'_>, sink: &mut Sink) -> bool {
    let nodes = root.get("compose").map(Node::items).unwrap_or_default();
    let gone = |name: &str| {
        read_text(&dir.join(name)).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let mut some = false;
    for (node, name) in nodes.iter().filter_map(|node| Some((node, node.text()?))) {
        if !gone(name) {
            continue;
        }
        some = true;
        let there = COMPOSE.iter().copied();
        let there: Vec<&str> = there.filter(|name| !gone(name)).collect();
        let help = match nearest(name, there.iter().copied()).or(there.first().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("its path starts at {dir}"),
        };
        let finding = Finding::new(Code::OtherFile, format!("there is no file `{name}`"));
        sink.push(finding.at(node.span, "no such file").help(help));
    }
    some
}

pub(super) fn source(dir: &Utf8Path, layer: Layer) -> Source {
    let name = layer
        .path
        .strip_prefix(dir)
        .unwrap_or(&layer.path)
        .to_string();
    Source {
        name,
        text: Arc::from(layer.text),
    }
}

fn failed(sink: Sink) -> LoadError {
    let (diagnostics, hidden) = sink.finish();
    LoadError {
        diagnostics,
        hidden,
    }
}

/// What to look for where the parser gave up with `words`.
fn slip(words: &str) -> &'static str {
    match words {
        words if words.contains("duplicate key") => {
            "a key, and a table such as [services.api], stands in a file once: join what both say"
        }
        words if words.contains("invalid basic string") => {
            "a text that begins with `\"` ends with `\"` in the same line"
        }
        words if words.contains("invalid literal string") => {
            "a text that begins with `'` ends with `'` in the same line"
        }
        words if words.contains("must be quoted") => "text stands between quotation marks",
        _ => "see https://toml.io for how TOML is written",
    }
}

fn read_layer(layer: usize, text: &str, sink: &mut Sink) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let range = error.span().unwrap_or(0..0);
        let span = Span {
            layer,
            start: range.start,
            end: range.end,
        };
        let help = slip(error.message());
        sink.push(
            Finding::new(
                Code::Syntax,
                format!("this is not TOML: {}", error.message()),
            )
            .at(span, "here")
            .help(help),
        );
    }
    errors
        .is_empty()
        .then(|| Table::from_toml(table.get_ref(), layer))
}
