//! Objects as YAML, in the order in which people read them.

use serde_json::{Map, Value};

use crate::promote::Object;
use crate::stack::compose::yaml;

/// Keys that come first.
const FIRST: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// Width of comments.
const WIDTH: usize = 120;

/// One document, with its comments above.
pub fn document(object: &Object) -> String {
    let mut text = comments(&object.comments);
    text.push_str(&whole(&object.value));
    text
}

pub fn comments(lines: &[String]) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("# ")
        .subsequent_indent("# ");
    let lines = lines
        .iter()
        .map(|line| textwrap::fill(line, &options) + "\n");
    lines.collect()
}

pub fn whole(value: &Value) -> String {
    let Value::Object(object) = value else {
        return yaml(value);
    };
    let first = FIRST.iter().filter_map(|key| object.get_key_value(*key));
    let mut rest: Vec<_> = object
        .iter()
        .filter(|(key, _)| !FIRST.contains(&key.as_str()))
        .collect();
    rest.sort_by_key(|(key, _)| *key);
    let one = |(key, value): (&String, &Value)| {
        let alone: Map<String, Value> = [(key.clone(), value.clone())].into_iter().collect();
        yaml(&Value::Object(alone))
    };
    first.chain(rest).map(one).collect()
}

/// Several documents of one file.
pub fn documents<'a>(objects: impl IntoIterator<Item = &'a Object>) -> String {
    let documents: Vec<String> = objects.into_iter().map(document).collect();
    documents.join("---\n")
}
