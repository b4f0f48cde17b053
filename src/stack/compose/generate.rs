//! Any project: a value for each attribute of the tables, from bytes of chance. No bytes left means the least that there
//! can be, so that what fails shrinks.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::attributes::PROJECT;
use super::form::{Attribute, Dict, Form, List, Named, Short, Support, Table, Unique};

/// Of services, and of everything that they name. What is needed has the smaller number.
const NAMES: [&str; 3] = ["n0", "n1", "n2"];

/// Text that is something else to a careless writer or reader of YAML.
const TEXTS: &[&str] = &[
    "plain",
    "two words",
    "a: b",
    "yes",
    "1e3",
    "0x1f",
    "null",
    "~",
    "ü",
    "tab\there",
    "line\nbreak\n",
    "#a",
    "- a",
    "'q'",
    "say \"so\"",
    "{}",
    "[a]",
    "$HOME",
    "${A:-b}",
    "2020-01-01",
    " begins",
    "ends ",
    "a\n  b\n\nc",
    "!x",
    "&a",
    "*a",
    "%a",
    "@a",
    "`a`",
    "010",
    "true",
    ".5",
    "\u{1f600}",
    "a\\nb",
    "a,b",
    "=",
    "a=b=c",
];

/// Attributes that are resolved away, so that a canonical file has none of them, with what comes in their place.
pub(super) const RESOLVED: &[&str] = &[
    "include",
    "services.NAME.env_file",
    "services.NAME.extends",
    "services.NAME.label_file",
    "version",
];

static A_PROJECT: Form = Form::Table(&PROJECT);

/// The attributes that a project has, by their paths as [`super::rows`] has them.
pub(super) fn attributes(project: &Json) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(project, &A_PROJECT, "", &mut found);
    found
}

fn collect(value: &Json, form: &'static Form, path: &str, found: &mut BTreeSet<String>) {
    match (form, value) {
        (Form::Table(table), Json::Object(map)) => {
            for (key, value) in map {
                let Some(attribute) = table.attribute(key) else {
                    continue;
                };
                let path = super::canonical::joined(path, key);
                found.insert(path.clone());
                collect(value, &attribute.form, &path, found);
            }
        }
        (Form::List(list), Json::Array(items)) => {
            for item in items {
                collect(item, &list.item, &format!("{path}[]"), found);
            }
        }
        (Form::Named(named), Json::Object(map)) => {
            for value in map.values() {
                collect(value, &named.item, &format!("{path}.NAME"), found);
            }
        }
        _ => {}
    }
}

pub(super) struct Generator<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Without what `dev` refuses to run.
    runs: bool,
}

impl<'a> Generator<'a> {
    pub fn new(bytes: &'a [u8], runs: bool) -> Self {
        Self {
            bytes: bytes.iter(),
            runs,
        }
    }

    pub fn project(&mut self) -> Json {
        let mut project = self.table(&PROJECT, "");
        for section in [
            "services", "networks", "volumes", "secrets", "configs", "models",
        ] {
            if section == "models" && self.runs {
                continue;
            }
            let form = PROJECT.attribute(section).map(|attribute| &attribute.form);
            let Some(Form::Named(named)) = form else {
                continue;
            };
            let items = NAMES.map(|name| {
                let item = self.value(&named.item, &format!("{section}.NAME"));
                (name.to_owned(), item)
            });
            project.insert(
                section.to_owned(),
                Json::Object(items.into_iter().collect()),
            );
        }
        let mut project = Json::Object(project);
        super::roundtrip::fit(&mut project);
        project
    }

    /// Below `bound`; 0 where nothing is left.
    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % bound
    }

    fn is_wanted(&mut self, attribute: &Attribute) -> bool {
        let is_refused = matches!(attribute.support, Support::Refused(_));
        !(self.runs && is_refused) && self.below(5) > 2
    }

    fn table(&mut self, table: &'static Table, path: &str) -> Map<String, Json> {
        let mut map = Map::new();
        for attribute in table.attributes {
            let path = match path {
                "" => attribute.key.to_owned(),
                _ => format!("{path}.{}", attribute.key),
            };
            if RESOLVED.contains(&path.as_str()) {
                continue;
            }
            if table.required.contains(&attribute.key) || self.is_wanted(attribute) {
                let value = self.value(&attribute.form, &path);
                map.insert(attribute.key.to_owned(), value);
            }
        }
        map
    }

    fn text(&mut self) -> Json {
        let at = self.below(TEXTS.len());
        Json::from(TEXTS[at])
    }

    fn one(&mut self, of: &[Json]) -> Json {
        let at = self.below(of.len());
        of[at].clone()
    }

    fn value(&mut self, form: &'static Form, path: &str) -> Json {
        match form {
            Form::Any | Form::Text | Form::TextOrNull => self.text(),
            Form::Choice(words) => {
                let at = self.below(words.len());
                Json::from(words[at])
            }
            Form::PullPolicy => {
                self.one(&["missing", "never", "always", "every_2h", "build"].map(Json::from))
            }
            Form::Bool | Form::Flag | Form::OptOut => Json::from(self.below(2) == 1),
            Form::External => Json::from(false),
            Form::Int(least, most) => {
                let number = i64::try_from(self.below(100)).unwrap_or(0);
                Json::from(number.clamp(*least, *most))
            }
            Form::Count => Json::from(self.below(4)),
            Form::Number => self.one(&[json!(1), json!(0.5), json!("1.25"), json!(3.75)]),
            Form::Bytes => {
                self.one(&[json!("64m"), json!(1_048_576), json!("1.5g"), json!("4096")])
            }
            Form::Duration => {
                self.one(&["5s", "1m30s", "200ms", "1h", "1.5s", "90s"].map(Json::from))
            }
            Form::FileMode => self.one(&[json!("0440"), json!(292), json!("0777")]),
            Form::Scalar => self.one(&[json!("a b"), json!(7), json!("7")]),
            Form::DeviceCount => self.one(&[json!(1), json!("all"), json!(2)]),
            Form::Ulimit => self.one(&[json!(512), json!({"soft": 1, "hard": 2}), json!(-1)]),
            Form::Command => match self.below(3) {
                0 => json!("one 'two three'"),
                1 => json!([]),
                _ => Json::Array(vec![self.text(), self.text()]),
            },
            Form::HealthTest => match self.below(4) {
                0 => json!("true || false"),
                1 => json!(["NONE"]),
                2 => Json::Array(vec![json!("CMD"), self.text()]),
                _ => Json::Array(vec![json!("CMD-SHELL"), self.text()]),
            },
            Form::Dict(kind) => self.dict(*kind),
            Form::Hosts => json!(["other=10.1.2.3", "v6=::1"]),
            Form::Ssh => json!(["default", "id=/key"]),
            Form::Options => json!({"one": self.text(), "two": self.text()}),
            Form::MultiOptions => json!({"one": self.text(), "two": ["a", "b"]}),
            Form::Named(named) => self.named(named, path),
            Form::List(list) => self.list(list, path),
            Form::Table(table) if table.short == Short::Null && self.below(8) == 7 => Json::Null,
            Form::Table(table) => Json::Object(self.table(table, path)),
        }
    }

    fn dict(&mut self, kind: Dict) -> Json {
        match (kind, self.below(3)) {
            (Dict::Environment, 1) => json!(["A=1", "B=", "C", "D=a=b"]),
            (_, 2) => json!({"A": 1, "B": true, "C": 1.5}),
            _ => json!({"A": self.text(), "b.c/d": self.text()}),
        }
    }

    fn named(&mut self, named: &'static Named, path: &str) -> Json {
        let count = 1 + self.below(NAMES.len());
        let items = NAMES[..count].iter().map(|name| {
            let item = match named.empty && self.below(3) == 2 {
                true => Json::Null,
                false => self.value(&named.item, &format!("{path}.NAME")),
            };
            ((*name).to_owned(), item)
        });
        Json::Object(items.collect())
    }

    fn list(&mut self, list: &'static List, path: &str) -> Json {
        let count = 1 + self.below(2);
        let mut items: Vec<Json> = Vec::new();
        for _ in 0..count {
            let item = self.value(&list.item, &format!("{path}[]"));
            // `7` and `"7"` are one.
            let is_same = |other: &Json| {
                other == &item
                    || item.as_i64().map(|n| n.to_string()).as_deref() == other.as_str()
                    || other.as_i64().map(|n| n.to_string()).as_deref() == item.as_str()
            };
            if list.unique == Unique::Not || !items.iter().any(is_same) {
                items.push(item);
            }
        }
        Json::Array(items)
    }
}
