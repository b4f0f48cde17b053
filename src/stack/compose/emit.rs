//! JSON values as YAML, as people write it: blocks, and quotes only where they are needed.

use serde_json::Value as Json;

use super::node::Value;
use super::scalar::plain;

/// A mapping as a YAML document.
pub fn yaml(value: &Json) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Json, level: usize, text: &mut String) {
    let indent = "  ".repeat(level);
    match value {
        Json::Object(object) => {
            for (key, value) in object {
                text.push_str(&format!("{indent}{}:", scalar(key)));
                under(value, level, text);
            }
        }
        Json::Array(items) => {
            for item in items {
                text.push_str(&format!("{indent}-"));
                match item {
                    Json::Object(object) if !object.is_empty() => {
                        let mut inner = String::new();
                        block(item, level + 1, &mut inner);
                        // The first key stands behind the dash.
                        text.push(' ');
                        text.push_str(inner.trim_start_matches(' '));
                    }
                    _ => under(item, level, text),
                }
            }
        }
        _ => {}
    }
}

/// What stands behind `key:` or `-`.
fn under(value: &Json, level: usize, text: &mut String) {
    match value {
        Json::Object(object) if !object.is_empty() => {
            text.push('\n');
            block(value, level + 1, text);
        }
        Json::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(value, level + 1, text);
        }
        Json::Object(_) => text.push_str(" {}\n"),
        Json::Array(_) => text.push_str(" []\n"),
        Json::String(value) if is_block(value) => {
            let chomp = if value.ends_with('\n') { "" } else { "-" };
            text.push_str(&format!(" |{chomp}\n"));
            let indent = "  ".repeat(level + 1);
            for line in value.lines() {
                let indent = if line.is_empty() { "" } else { &indent };
                text.push_str(&format!("{indent}{line}\n"));
            }
        }
        Json::String(value) => text.push_str(&format!(" {}\n", scalar(value))),
        other => text.push_str(&format!(" {other}\n")),
    }
}

/// Several lines that a block holds as they are: none begins or ends with what a reader may take for its own.
fn is_block(text: &str) -> bool {
    let is_safe = |c: char| {
        c == '\n' || c == '\t' || !c.is_control() && !"\u{85}\u{2028}\u{2029}\u{feff}".contains(c)
    };
    let is_plain = |line: &str| !line.ends_with([' ', '\t']) && !line.starts_with('\t');
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && text.chars().all(is_safe)
        && text.lines().all(is_plain)
}

/// Without quotes where it reads back as the same text, by every reader.
fn scalar(text: &str) -> String {
    let starts_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._".contains(c));
    let is_plain = starts_plain
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-+=@%$ (){}".contains(c))
        && !text.ends_with(' ')
        && !text.contains(['{', '}'])
        && matches!(plain(text), Value::Text(_))
        && !is_old_word(text);
    match is_plain {
        true => text.to_owned(),
        // What JSON quotes, YAML reads.
        false => unbroken(&Json::String(text.to_owned()).to_string()),
    }
}

/// Escapes what readers of YAML 1.1 take for the end of a line, and so for a space, and what may begin a file.
fn unbroken(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        match c {
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text
}

/// Booleans and dates of older readers.
fn is_old_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["y", "yes", "on", "n", "no", "off"].contains(&lower.as_str())
        || text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::compose::yaml::parse;

    #[test]
    fn reads_as_a_person_would_write_it() {
        let value = json!({
            "name": "gold",
            "services": {"web": {"command": ["a", "b: c"], "init": true, "networks": {"default": null},
                "ports": [{"target": 80, "published": "8080"}], "empty": [], "none": {}}},
        });
        let expected = "name: gold\nservices:\n  web:\n    command:\n      - a\n      - \"b: c\"\n    empty: []\n    init: true\n    \
                        networks:\n      default: null\n    none: {}\n    ports:\n      - published: \"8080\"\n        target: 80\n";
        let sorted: Json = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(yaml(&sorted), expected);
    }

    #[test]
    fn text_stays_text() {
        for text in [
            "yes",
            "1",
            "0x1",
            "null",
            "a: b",
            "#a",
            "- a",
            "",
            " a",
            "a\nb",
            "a\n  b\n\nc: #d\n",
            "a\nb\n\n",
            "\na\nb",
            " a\nb",
            "a \nb",
            "a\n\tb",
            "a\rb\nc",
            "ü",
            "2020-01-01",
            "a #b",
            "*a",
            "1e3",
            "{}",
            "a \u{2028}\u{85} b",
        ] {
            let document = yaml(&json!({ "k": text }));
            assert!(!document.contains(['\u{2028}', '\u{85}']), "{document}");
            let read = parse(&document, 0, &mut Default::default()).unwrap();
            assert_eq!(read[0].text_at("k"), Some(text), "{document}");
        }
    }
}
