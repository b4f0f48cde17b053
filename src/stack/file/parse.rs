//! Layers of text to a stack: no file is touched here.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::reader::{ReadText, Reader};
use super::sink::{Finding, Sink};
use super::stack_shape::STACK;
use super::tree::{Source, Span, Table};
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
    check::table(&root, &STACK, "a stack file", &mut sink);
    let base = match named_files(&root, dir) {
        files if files.is_empty() || sink.has_errors() => None,
        // Its networks and volumes carry the name of the stack that stands on it.
        files => Some(beneath(
            files,
            name.or_else(|| root.get("name").and_then(super::tree::Node::text)),
        )?),
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
        services: BTreeSet::new(),
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
        document: Document(root),
        warnings,
        env_files,
    })
}

/// `compose = "compose.yaml"`, or several.
fn named_files(root: &Table, dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some(node) = root.get("compose") else {
        return Vec::new();
    };
    let one = node.text().map(str::to_owned).into_iter();
    let names = one.chain(node.texts());
    names.map(|name| dir.join(name)).collect()
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

fn read_layer(layer: usize, text: &str, sink: &mut Sink) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let range = error.span().unwrap_or(0..0);
        let span = Span {
            layer,
            start: range.start,
            end: range.end,
        };
        let help = "see https://toml.io for how TOML is written";
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
