//! A stack file as one document: its layers merged, everything else as it was written.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::tree::{Node, Table, Value};

/// Reads again to the same stack, from the same folder. Keeps the order of keys, because the first port is the main one.
#[derive(Debug, Clone, Default)]
pub struct Document(pub(super) Table);

impl Document {
    /// Writes a text at a path of keys, over what is there; tables on the way are made.
    pub fn set(&mut self, path: &[&str], text: impl Into<String>) {
        let Some((last, tables)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.0;
        for key in tables {
            let entry = table.entry_or_empty(key);
            if !matches!(entry.value, Value::Table(_)) {
                entry.value = Value::Table(Table::default());
            }
            let Value::Table(inner) = &mut entry.value else {
                return;
            };
            table = inner;
        }
        table.entry_or_empty(last).value = Value::Text(text.into());
    }

    /// Takes away what is at a path of keys.
    pub fn remove(&mut self, path: &[&str]) {
        let Some((last, tables)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.0;
        for key in tables {
            let Some(Value::Table(inner)) = table.value_mut(key) else {
                return;
            };
            table = inner;
        }
        table.entries.retain(|entry| entry.key != *last);
    }

    /// Changes every text and number at a path of keys and beneath it, as text.
    pub fn change(&mut self, path: &[&str], change: &mut dyn FnMut(&str) -> String) {
        let Some((last, tables)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.0;
        for key in tables {
            let Some(Value::Table(inner)) = table.value_mut(key) else {
                return;
            };
            table = inner;
        }
        if let Some(value) = table.value_mut(last) {
            value.change(change);
        }
    }
}

impl Table {
    pub(super) fn value_mut(&mut self, key: &str) -> Option<&mut Value> {
        let entry = self.entries.iter_mut().find(|entry| entry.key == key)?;
        Some(&mut entry.node.value)
    }
}

impl Value {
    fn change(&mut self, change: &mut dyn FnMut(&str) -> String) {
        match self {
            Self::Text(text) => *text = change(text),
            Self::Array(items) => items.iter_mut().for_each(|item| item.value.change(change)),
            Self::Table(table) => table
                .entries
                .iter_mut()
                .for_each(|entry| entry.node.value.change(change)),
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) | Self::Datetime => {}
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for entry in &self.entries {
            map.serialize_entry(&entry.key, &entry.node)?;
        }
        map.end()
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Boolean(truth) => serializer.serialize_bool(*truth),
            // No key takes one, so no document has one.
            Value::Datetime => serializer.serialize_str(""),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Value::Table(table) => table.serialize(serializer),
        }
    }
}
