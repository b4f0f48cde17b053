//! What a stack file with errors still tells: enough to find what runs of its stack.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::DeTable;

use super::formats::PROJECT;
use super::parse::source;
use super::reader::Reader;
use super::sink::Sink;
use super::tree::{Node, Source, Table};
use super::{Layer, LoadRequest, assemble, find, secrets};
use crate::stack::SecretSource;

/// The remains of a stack file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Where the stack file lies. Absolute.
    pub dir: Utf8PathBuf,
    /// The stack's name; `None` where the text is too broken to tell.
    pub name: Option<String>,
    /// Where its secrets come from; `None` where it may have some that cannot be told.
    pub secrets: Option<BTreeMap<String, SecretSource>>,
}

/// Reads what can be read of a stack file that [`super::load`] refuses; `None` where there is no text to read.
pub fn salvage(request: &LoadRequest) -> Option<Salvaged> {
    if find::is_compose(request) {
        return None;
    }
    let (dir, layers) = find::layers(request).ok()?;
    Some(from_layers(dir, layers, request.name.as_deref()))
}

fn from_layers(dir: Utf8PathBuf, layers: Vec<Layer>, name: Option<&str>) -> Salvaged {
    let secretive = layers.iter().any(|layer| layer.text.contains("secret"));
    let sources: Vec<Source> = layers
        .into_iter()
        .map(|layer| source(&dir, layer))
        .collect();
    let mut root = Table::default();
    let mut whole = true;
    for (index, source) in sources.iter().enumerate() {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        whole &= errors.is_empty();
        root.merge(Table::from_toml(table.get_ref(), index));
    }
    let told = name.or_else(|| root.get("name").and_then(Node::text));
    let told = told.filter(|name| (PROJECT.check)(name).is_ok());
    let told = told.map(str::to_owned);
    let name = told.or_else(|| whole.then(|| assemble::default_name(&dir)));
    let secrets = match (whole, secretive) {
        (true, _) => secrets_of(&dir, &sources, &root),
        (false, true) => None,
        (false, false) => Some(BTreeMap::new()),
    };
    Salvaged { dir, name, secrets }
}

/// All of them, or none.
fn secrets_of(
    dir: &Utf8Path,
    sources: &[Source],
    root: &Table,
) -> Option<BTreeMap<String, SecretSource>> {
    let mut reader = Reader {
        dir,
        read_text: &|_| Err(std::io::ErrorKind::NotFound.into()),
        sink: Sink::new(sources),
        mentions: Vec::new(),
        outside: Vec::new(),
        watched: Vec::new(),
        services: BTreeSet::new(),
        secrets: BTreeSet::new(),
        unclear: BTreeSet::new(),
        service: String::new(),
        gates: true,
        base: None,
    };
    let entries = root.get("secrets").map(Node::entries).unwrap_or_default();
    let read = |entry: &super::tree::Entry| {
        Some((entry.key.clone(), secrets::secret(&mut reader, entry)?))
    };
    entries.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salvaged(text: &str) -> Salvaged {
        let layer = Layer {
            path: "/src/shop/dev.toml".into(),
            text: text.to_owned(),
        };
        from_layers("/src/shop".into(), vec![layer], None)
    }

    #[test]
    fn a_name_above_what_is_no_toml_is_known() {
        let remains = salvaged("name = \"gold\"\n[services.db\nimage = \"x\"\n");
        assert_eq!(remains.name.as_deref(), Some("gold"));
        assert_eq!(remains.secrets, Some(BTreeMap::new()));
        assert_eq!(salvaged("name = \n").name, None);
    }

    #[test]
    fn without_a_name_it_is_the_folders() {
        let name = salvaged("[services.db]\nimgae = \"x\"\n").name.unwrap();
        assert!(name.starts_with("shop-"), "{name}");
    }

    #[test]
    fn secrets_are_all_known_or_none() {
        let wrong = "[services.db]\nimgae = \"x\"\n[secrets]\nA = { env = \"A\" }\n";
        let known = salvaged(wrong).secrets.unwrap();
        assert_eq!(known["A"], SecretSource::Env("A".to_owned()));
        assert_eq!(
            salvaged(&format!("{wrong}B = {{ evn = \"B\" }}\n")).secrets,
            None
        );
        assert_eq!(salvaged(&format!("{wrong}[services\n")).secrets, None);
    }
}
