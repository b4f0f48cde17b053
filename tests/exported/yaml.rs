//! YAML as the API server reads it.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The documents of a text, without empty ones.
pub fn documents(text: &str) -> Vec<Value> {
    let mut documents = Vec::new();
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, _) = event.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let done = match event {
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                continue;
            }
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::MappingEnd | Event::SequenceEnd => open.pop().expect("it is open").0,
            Event::Alias(_) => panic!("nobody writes one"),
            _ => continue,
        };
        match open.last_mut() {
            None => documents.push(done),
            Some((Value::Array(list), _)) => list.push(done),
            Some((Value::Object(map), key)) => match key.take() {
                None => *key = Some(done.as_str().expect("a key").to_owned()),
                Some(key) => {
                    assert!(
                        map.insert(key.clone(), done).is_none(),
                        "{key} twice\n{text}"
                    );
                }
            },
            Some(_) => panic!("only these hold others"),
        }
    }
    documents.retain(|document| !document.is_null());
    documents
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let is_plain = style == ScalarStyle::Plain;
    match text {
        _ if !is_plain => text.into(),
        "" | "~" | "null" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        _ => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
    }
}
