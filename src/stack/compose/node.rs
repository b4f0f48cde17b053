//! A tree of values, each with its place in a file: what every step from text to model works on.

use std::collections::BTreeMap;

use crate::stack::file::Span;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub span: Span,
    pub mark: Mark,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

/// What a value does to the one that it meets in a lower file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mark {
    /// Merges by the rule of its attribute.
    #[default]
    Merge,
    /// `!reset`: takes it away, and itself, too.
    Reset,
    /// `!override`: stands in its place.
    Override,
}

/// Entries by key. Their order means nothing in a Compose file.
pub(super) type Map = BTreeMap<String, Entry>;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key_span: Span,
    pub node: Node,
}

impl Node {
    pub fn new(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            mark: Mark::Merge,
        }
    }

    pub fn text(text: impl Into<String>, span: Span) -> Self {
        Self::new(Value::Text(text.into()), span)
    }

    /// A table of what a short form means.
    pub fn table(entries: impl IntoIterator<Item = (&'static str, Value)>, span: Span) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Entry::new(Self::new(value, span))));
        Self::new(Value::Map(entries.collect()), span)
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items of a list; of anything else none.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn items_mut(&mut self) -> &mut [Node] {
        match &mut self.value {
            Value::List(items) => items,
            _ => &mut [],
        }
    }

    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    pub fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// Puts a value where there is none.
    pub fn default(&mut self, key: &str, value: Value) {
        let span = self.span;
        if let Some(map) = self.as_map_mut() {
            map.entry(key.to_owned())
                .or_insert_with(|| Entry::new(Self::new(value, span)));
        }
    }

    pub fn set(&mut self, key: &str, value: Value) {
        let span = self.span;
        if let Some(map) = self.as_map_mut() {
            map.insert(key.to_owned(), Entry::new(Self::new(value, span)));
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Node> {
        Some(self.as_map_mut()?.remove(key)?.node)
    }

    /// The tables of a section such as `services`, by name.
    pub fn section(&self, key: &str) -> impl Iterator<Item = (&str, &Node)> {
        let map = self.get(key).and_then(Self::as_map);
        map.into_iter()
            .flatten()
            .map(|(name, entry)| (name.as_str(), &entry.node))
    }

    pub fn section_mut(&mut self, key: &str) -> impl Iterator<Item = (&String, &mut Node)> {
        let map = self.get_mut(key).and_then(Self::as_map_mut);
        map.into_iter()
            .flatten()
            .map(|(name, entry)| (name, &mut entry.node))
    }

    /// In words, for errors.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

impl Entry {
    /// Under a key that stands nowhere by itself.
    pub fn new(node: Node) -> Self {
        Self {
            key_span: node.span,
            node,
        }
    }
}
