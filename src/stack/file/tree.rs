//! TOML with spans, layers merged: what every reader reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

/// Bytes of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::stack) struct Span {
    pub layer: usize,
    pub start: usize,
    pub end: usize,
}

/// One layer's text under the name that errors show.
#[derive(Debug, Clone)]
pub(in crate::stack) struct Source {
    pub name: String,
    pub text: Arc<str>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub value: Value,
    pub span: Span,
}

/// Entries in the order in which they were first written.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key, made where it is not there.
    pub(super) fn entry_or_empty(&mut self, key: &str) -> &mut Node {
        let nowhere = Span {
            layer: 0,
            start: 0,
            end: 0,
        };
        let at = self.entries.iter().position(|entry| entry.key == key);
        let at = at.unwrap_or_else(|| {
            self.entries.push(Entry {
                key: key.to_owned(),
                key_span: nowhere,
                node: Node {
                    value: Value::Text(String::new()),
                    span: nowhere,
                },
            });
            self.entries.len() - 1
        });
        &mut self.entries[at].node
    }

    /// Lays `over` on top: tables merge, everything else replaces and keeps its place in the order.
    pub fn merge(&mut self, over: Self) {
        let index: BTreeMap<String, usize> = self
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.key.clone(), at))
            .collect();
        for entry in over.entries {
            let Some(below) = index
                .get(&entry.key)
                .and_then(|at| self.entries.get_mut(*at))
            else {
                self.entries.push(entry);
                continue;
            };
            match (&mut below.node.value, entry.node.value) {
                (Value::Table(below), Value::Table(above)) => below.merge(above),
                (_, value) => {
                    below.key_span = entry.key_span;
                    below.node = Node {
                        value,
                        span: entry.node.span,
                    };
                }
            }
        }
    }

    pub(super) fn from_toml(table: &DeTable<'_>, layer: usize) -> Self {
        let entries = table.iter().map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: span(layer, key.span()),
            node: Node::from_toml(value, layer),
        });
        Self {
            entries: entries.collect(),
        }
    }
}

impl Node {
    fn from_toml(value: &toml::Spanned<DeValue<'_>>, layer: usize) -> Self {
        let plain = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            // Out of every range that a key has; the range check says so.
            DeValue::Integer(number) => Value::Integer(
                i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX),
            ),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => Value::Boolean(*truth),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|i| Self::from_toml(i, layer)).collect())
            }
            DeValue::Table(table) => Value::Table(Table::from_toml(table, layer)),
        };
        Self {
            value: plain,
            span: span(layer, value.span()),
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        T::try_from(self.integer()?).ok()
    }

    pub fn boolean(&self) -> Option<bool> {
        match self.value {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        }
    }

    pub fn is_false(&self) -> bool {
        self.boolean() == Some(false)
    }

    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The entries of a table, none for anything else.
    pub fn entries(&self) -> &[Entry] {
        self.table().map_or(&[], |table| &table.entries)
    }

    /// The items of an array; a single value is an array of itself.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.table()?.get(key)
    }

    pub fn text_of(&self, key: &str) -> Option<String> {
        self.get(key)?.text().map(str::to_owned)
    }

    /// The texts of a list under `key`, without what is no text.
    pub fn texts_of(&self, key: &str) -> Vec<String> {
        self.get(key).map(Self::texts).unwrap_or_default()
    }

    pub fn texts(&self) -> Vec<String> {
        self.items()
            .iter()
            .filter_map(Self::text)
            .map(str::to_owned)
            .collect()
    }

    /// `a list`, as errors say it.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Boolean(true) => "true",
            Value::Boolean(false) => "false",
            Value::Datetime => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

fn span(layer: usize, range: std::ops::Range<usize>) -> Span {
    Span {
        layer,
        start: range.start,
        end: range.end,
    }
}
