//! Hashes over a canonical form: every item with its length, so that no two different things read the same.

use serde::Serialize;

use crate::stack::resolve::Value;

/// The hash of something without secrets, in hexadecimal. `kind`: as for [`Digest::new`].
pub(super) fn of(kind: &str, what: &impl Serialize) -> String {
    let text = serde_json::to_string(what).unwrap_or_default();
    let mut digest = Digest::new(kind, &[0; 32]);
    digest.text(&text);
    digest.finish()
}

/// A hash in the making.
pub(super) struct Digest<'a> {
    hasher: blake3::Hasher,
    key: &'a [u8; 32],
}

impl<'a> Digest<'a> {
    /// `kind` keeps the hashes of different things apart, and of different versions of this form.
    pub fn new(kind: &str, key: &'a [u8; 32]) -> Self {
        let mut digest = Self {
            hasher: blake3::Hasher::new(),
            key,
        };
        digest.text(kind);
        digest
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.hasher.update(text.as_bytes());
    }

    pub fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    pub fn flag(&mut self, flag: bool) {
        self.hasher.update(&[u8::from(flag)]);
    }

    /// A secret goes in as a keyed hash: from the digest, nobody can try out what it might be.
    pub fn value(&mut self, value: &Value) {
        self.flag(value.secret);
        if value.secret {
            self.hasher
                .update(blake3::keyed_hash(self.key, value.text.as_bytes()).as_bytes());
        } else {
            self.text(&value.text);
        }
    }

    pub fn option<T>(&mut self, option: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(option.is_some());
        if let Some(value) = option {
            write(self, value);
        }
    }

    pub fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.number(items.len() as u64);
        items.for_each(|item| write(self, item));
    }

    /// Named values.
    pub fn pairs(&mut self, pairs: &[(String, Value)]) {
        self.list(pairs.iter(), |digest, (name, value)| {
            digest.text(name);
            digest.value(value);
        });
    }

    pub fn optional_text(&mut self, text: Option<&str>) {
        self.option(text, Self::text);
    }

    pub fn optional_values(&mut self, values: Option<&[Value]>) {
        self.option(values, |digest, values| {
            digest.list(values.iter(), Self::value)
        });
    }

    /// Hex.
    pub fn finish(self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}
