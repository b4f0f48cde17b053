//! Text to trees. Anchors are written out, merge keys (`<<`) merged, `!reset` and `!override` noted, and everything is
//! bounded: what anchors explode to, and how deep it goes.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::node::{Entry, Map, Mark, Node, Value};
use super::scalar::plain;
use crate::stack::file::{Code, Finding, Span};

/// Values of one file with its anchors written out. The largest real files have some thousands.
const MAX_NODES: usize = 50_000;
/// Bytes of text in one file, that of its anchors written out. A file itself has at most one of these eight MiB.
const MAX_TEXT: usize = 8 << 20;
/// The same for all files of a project together.
const MAX_ALL: Size = Size {
    nodes: 2 * MAX_NODES,
    text: 2 * MAX_TEXT,
};
/// Levels; a Compose file has a dozen.
const MAX_DEPTH: usize = 64;

/// The documents of a file, in order. `layer` names it in spans; `all`: what the project's files had before it, to which
/// it is added.
///
/// # Errors
/// The first thing that is wrong: what follows it is guesswork.
pub(super) fn parse(text: &str, layer: usize, all: &mut Size) -> Result<Vec<Node>, Finding> {
    let mut builder = Builder {
        others: *all,
        offsets: Offsets::of(text),
        layer,
        open: Vec::new(),
        anchors: HashMap::new(),
        unfinished: Vec::new(),
        documents: Vec::new(),
        size: Size::default(),
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| builder.syntax(&error))?;
        let span = builder.span(span.start, span.end);
        builder.event(event, span)?;
    }
    all.nodes += builder.size.nodes;
    all.text += builder.size.text;
    Ok(builder.documents)
}

struct Builder {
    offsets: Offsets,
    layer: usize,
    open: Vec<Open>,
    /// With what each stands for.
    anchors: HashMap<usize, (Node, Size)>,
    /// Anchors of what is open.
    unfinished: Vec<usize>,
    documents: Vec<Node>,
    size: Size,
    /// Of the files before this one.
    others: Size,
}

/// How much has been read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    nodes: usize,
    text: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let mut size = Self {
            nodes: 1,
            text: node.as_text().map_or(0, str::len),
        };
        let map = node.as_map().into_iter().flat_map(Map::iter);
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => &[],
        };
        for child in map.map(|(_, entry)| &entry.node).chain(items) {
            let below = Self::of(child);
            size.nodes += below.nodes;
            size.text += below.text;
        }
        size
    }

    /// A further copy of what was read once.
    ///
    /// # Errors
    /// It makes the project too large; `span` is what asks for it.
    pub fn copy(&mut self, node: &Node, span: Span) -> Result<(), Finding> {
        let more = Self::of(node);
        self.nodes += more.nodes;
        self.text += more.text;
        if self.nodes <= MAX_ALL.nodes && self.text <= MAX_ALL.text {
            return Ok(());
        }
        let message = format!(
            "with what its services extend, the project has more than {} values or 16 MiB of text",
            MAX_ALL.nodes
        );
        Err(Finding::new(Code::TooLarge, message)
            .at(span, "this is where it became too many")
            .help("every service that extends another one is a copy of it; is it the right file?"))
    }
}

/// A list or a mapping that has begun.
struct Open {
    span: Span,
    mark: Mark,
    anchor: usize,
    /// What was read before it.
    before: Size,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        map: Map,
        /// What `<<` brings, the strongest first.
        merged: Vec<Node>,
        merge_key: Option<Span>,
        key: Option<(String, Span)>,
    },
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        match event {
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let size = Size {
                    nodes: 1,
                    text: text.len(),
                };
                self.count(size, span)?;
                let value = scalar(&text, style, tag.as_deref());
                let mut node = Node::new(value, span);
                node.mark = mark(tag.as_ref());
                if anchor > 0 {
                    self.anchors.insert(anchor, (node.clone(), size));
                }
                self.put(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Content::List(Vec::new()), anchor, mark(tag.as_ref()), span)
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    map: Map::new(),
                    merged: Vec::new(),
                    merge_key: None,
                    key: None,
                };
                self.begin(content, anchor, mark(tag.as_ref()), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(
        &mut self,
        content: Content,
        anchor: usize,
        mark: Mark,
        span: Span,
    ) -> Result<(), Finding> {
        let before = self.size;
        self.count(Size { nodes: 1, text: 0 }, span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        if let Some(Open {
            content: Content::Map { key: None, .. },
            ..
        }) = self.open.last()
        {
            return Err(Finding::new(Code::Syntax, "a key has to be text").at(span, "this key"));
        }
        if anchor > 0 {
            self.unfinished.push(anchor);
        }
        self.open.push(Open {
            span,
            mark,
            anchor,
            before,
            content,
        });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map {
                mut map, merged, ..
            } => {
                for Node { value, .. } in merged {
                    if let Value::Map(below) = value {
                        for (key, entry) in below {
                            map.entry(key).or_insert(entry);
                        }
                    }
                }
                Value::Map(map)
            }
        };
        // A block ends where the next thing begins; an error there would point at the wrong line.
        let first_line = Span {
            end: open.span.end.max(open.span.start + 1),
            ..open.span
        };
        let is_flow = self.offsets.is_flow_end(end);
        let span = if is_flow {
            Span {
                end: end.end,
                ..open.span
            }
        } else {
            first_line
        };
        let mut node = Node::new(value, span);
        node.mark = open.mark;
        if open.anchor > 0 {
            self.unfinished.retain(|anchor| *anchor != open.anchor);
            let size = Size {
                nodes: self.size.nodes - open.before.nodes,
                text: self.size.text - open.before.text,
            };
            self.anchors.insert(open.anchor, (node.clone(), size));
        }
        self.put(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Finding> {
        if self.unfinished.contains(&anchor) {
            return Err(
                Finding::new(Code::Cycle, "this stands for what it is a part of")
                    .at(span, "this alias")
                    .help("an anchor cannot hold itself"),
            );
        }
        let size = self
            .anchors
            .get(&anchor)
            .map(|(_, size)| *size)
            .unwrap_or_default();
        self.count(size, span)?;
        match self.anchors.get(&anchor) {
            Some((node, _)) => self.put(node.clone()),
            None => {
                Err(Finding::new(Code::Syntax, "there is no such anchor").at(span, "this alias"))
            }
        }
    }

    /// A finished value goes where it belongs.
    fn put(&mut self, node: Node) -> Result<(), Finding> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => {
                self.documents.push(node);
                Ok(())
            }
            Some(Content::List(items)) => {
                if node.mark != Mark::Reset {
                    items.push(node);
                }
                Ok(())
            }
            Some(Content::Map {
                map,
                merged,
                merge_key,
                key,
            }) => match key.take() {
                None => {
                    *key = Some(checked_key(&node, map, merge_key)?);
                    Ok(())
                }
                Some((name, _)) if name == "<<" => merge(merged, node),
                Some((name, key_span)) => {
                    map.insert(name, Entry { key_span, node });
                    Ok(())
                }
            },
        }
    }

    fn count(&mut self, size: Size, span: Span) -> Result<(), Finding> {
        self.size.nodes += size.nodes;
        self.size.text += size.text;
        let message = match (self.size.nodes > MAX_NODES, self.size.text > MAX_TEXT) {
            (true, _) => format!("the file has more than {MAX_NODES} values"),
            (_, true) => "the file has more than 8 MiB of text".to_owned(),
            _ if self.others.nodes + self.size.nodes > MAX_ALL.nodes => format!(
                "the files of this project have more than {} values together",
                MAX_ALL.nodes
            ),
            _ if self.others.text + self.size.text > MAX_ALL.text => {
                "the files of this project have more than 16 MiB of text together".to_owned()
            }
            _ => return Ok(()),
        };
        // Who has written no anchor is told nothing of them.
        let (how, help) = match self.anchors.is_empty() {
            true => ("", "is it the right file?"),
            false => (
                ", anchors written out",
                "anchors that hold aliases multiply; is it the right file?",
            ),
        };
        Err(Finding::new(Code::TooLarge, format!("{message}{how}"))
            .at(span, "this is where it became too many")
            .help(help))
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        Span {
            layer: self.layer,
            start: self.offsets.byte(start.index()),
            end: self.offsets.byte(end.index().max(start.index())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Finding {
        let at = *error.marker();
        let span = self.offsets.shown(self.span(at, at));
        // The parser looks ahead, and has a bound of its own for that.
        if error.info().contains("recursion limit") {
            return too_deep(span);
        }
        let finding = Finding::new(Code::Syntax, format!("this is not YAML: {}", error.info()));
        let tab = error.info().contains("tab").then_some(span.start);
        let tab = tab.and_then(|start| super::slip::tab(&self.offsets.text, start));
        let finding = match tab {
            Some(start) => {
                let end = start + 1;
                finding.at(Span { start, end, ..span }, "a tab")
            }
            None => finding.at(span, "here"),
        };
        match super::slip::help(error.info()) {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}

fn too_deep(span: Span) -> Finding {
    let message = format!("this goes deeper than {MAX_DEPTH} levels");
    Finding::new(Code::TooLarge, message)
        .at(span, "here")
        .help("no attribute of a Compose file is that deep; is it the right file?")
}

/// The key, which may stand only once.
fn checked_key(
    node: &Node,
    map: &Map,
    merge_key: &mut Option<Span>,
) -> Result<(String, Span), Finding> {
    let Some(key) = node.as_text().map(ToOwned::to_owned) else {
        let message = format!("a key has to be text, and this is {}", node.kind());
        return Err(Finding::new(Code::Syntax, message)
            .at(node.span, "this key")
            .help("write it between quotes"));
    };
    let first = match key.as_str() {
        "<<" => merge_key.replace(node.span),
        _ => map.get(&key).map(|entry| entry.key_span),
    };
    match first {
        None => Ok((key, node.span)),
        Some(first) => Err(Finding::new(
            Code::Syntax,
            format!("the key `{key}` stands here twice"),
        )
        .at(node.span, "the second one")
        .at(first, "the first one")),
    }
}

fn merge(merged: &mut Vec<Node>, node: Node) -> Result<(), Finding> {
    match node.value {
        Value::Map(_) => merged.push(node),
        Value::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
            merged.extend(items);
        }
        _ => {
            let message = format!(
                "`<<` takes a mapping or a list of such, not {}",
                node.kind()
            );
            return Err(Finding::new(Code::WrongType, message).at(node.span, "this"));
        }
    }
    Ok(())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    match style {
        ScalarStyle::Plain if !is_text => plain(text),
        _ => Value::Text(text.to_owned()),
    }
}

fn mark(tag: Option<&Cow<'_, Tag>>) -> Mark {
    match tag {
        Some(tag) if tag.handle == "!" && tag.suffix == "reset" => Mark::Reset,
        Some(tag) if tag.handle == "!" && tag.suffix == "override" => Mark::Override,
        _ => Mark::Merge,
    }
}

/// From the parser's characters to bytes.
struct Offsets {
    text: String,
    /// Empty where each character is one byte.
    bytes: Vec<u32>,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            // A stack file is far below 4 GiB.
            text.char_indices()
                .map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX))
                .collect()
        };
        Self {
            text: text.to_owned(),
            bytes,
        }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            return character.min(self.text.len());
        }
        let byte = self.bytes.get(character).copied();
        byte.map_or(self.text.len(), |byte| byte as usize)
    }

    /// What is behind all text is shown at its last character.
    fn shown(&self, span: Span) -> Span {
        let last = self.text.trim_end().char_indices().last();
        let last = last.map_or(0, |(at, _)| at);
        Span {
            start: span.start.min(last),
            end: span.end.min(last),
            ..span
        }
    }

    fn is_flow_end(&self, span: Span) -> bool {
        span.end > span.start && matches!(self.text.as_bytes().get(span.start), Some(b']' | b'}'))
    }
}
