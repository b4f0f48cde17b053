//! `[secrets]`: where each value comes from, never the value.

use super::Code;
use super::formats::{KEY, VARIABLE};
use super::reader::Reader;
use super::shape::{Kind, Shape, TEXT, key};
use super::sink::Finding;
use super::tree::Entry;
use crate::stack::SecretSource;

pub(super) static SECRET: Shape = Shape {
    name: "secret",
    keys: &[
        key(
            "generate",
            Kind::Integer { min: 8, max: 4096 },
            "Random text of this many characters, made once and kept.",
        ),
        key(
            "env",
            Kind::Text(&VARIABLE),
            "A variable of the environment of `dev`.",
        ),
        key("file", TEXT, "A file's content, without its last newline."),
        key(
            "sops",
            TEXT,
            "A file that sops decrypts; `key` names the value in it.",
        )
        .or(&["age"]),
        key(
            "key",
            TEXT,
            "The key in the file of `sops`; without it the secret's own name.",
        ),
    ],
};

pub(super) const SECRETS: Kind = Kind::Map {
    keys: &KEY,
    noun: "secret",
    value: &Kind::Table(&SECRET),
};

pub(super) fn secret(reader: &mut Reader<'_>, entry: &Entry) -> Option<SecretSource> {
    let node = &entry.node;
    let given: Vec<&str> = ["generate", "env", "file", "sops"]
        .into_iter()
        .filter(|k| node.get(k).is_some())
        .collect();
    let help = "write one of { generate = 32 }, { env = \"NAME\" }, { file = \"PATH\" } or { sops = \"PATH\", key = \"KEY\" }";
    match given.as_slice() {
        [] => {
            let message = format!("secret `{}` does not say where it comes from", entry.key);
            reader.report(
                Finding::new(Code::MissingKey, message)
                    .at(entry.key_span, "from where?")
                    .help(help),
            );
            return None;
        }
        [_] => {}
        several => {
            let message = format!(
                "secret `{}` comes from {}",
                entry.key,
                several.join(" and ")
            );
            reader.report(
                Finding::new(Code::Conflict, message)
                    .at(entry.key_span, "from which?")
                    .help(help),
            );
            return None;
        }
    }
    if let Some(length) = node.get("generate").and_then(|n| n.number()) {
        return Some(SecretSource::Generate(length));
    }
    if let Some(variable) = node.text_of("env") {
        return Some(SecretSource::Env(variable));
    }
    if let Some(file) = node.text_of("file") {
        return Some(SecretSource::File(reader.path(&file)));
    }
    let file = reader.path(&node.text_of("sops")?);
    Some(SecretSource::Sops {
        file,
        key: node.text_of("key").unwrap_or_else(|| entry.key.clone()),
    })
}
