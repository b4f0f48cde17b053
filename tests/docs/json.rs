use std::collections::BTreeSet;

use dev::engine::event::ServiceInfo;
use dev::engine::state::{Phase, ServiceState, State};
use dev::view::{doctor, json, status, why};
use serde_json::Value;

use crate::{file, markdown};

const PAGE: &str = "docs/reference/json.md";

fn schema() -> Value {
    serde_json::from_str(&json::schema()).expect("the schema is JSON")
}

fn definition<'a>(schema: &'a Value, name: &str) -> &'a Value {
    &schema["$defs"][name]
}

fn keys(object: &Value) -> BTreeSet<String> {
    let object = object.as_object().expect("an object");
    object.keys().cloned().collect()
}

/// What the first cell of each row of a table names.
fn fields(page: &str, heading: &str) -> BTreeSet<String> {
    let rows = markdown::rows(page, heading);
    rows.iter()
        .flat_map(|row| markdown::code(&row[0]))
        .collect()
}

/// Every fixed text that a schema allows, in `enum`, `const`, or the tag of alternatives.
fn values(schema: &Value, tag: &str) -> BTreeSet<String> {
    let own = schema["enum"].as_array().into_iter().flatten();
    let one = Some(&schema["const"]);
    let tagged = Some(&schema["properties"][tag]["const"]);
    let mut found: BTreeSet<String> = own
        .chain(one)
        .chain(tagged)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    for alternative in schema["oneOf"].as_array().into_iter().flatten() {
        found.extend(values(alternative, tag));
    }
    found
}

#[test]
fn every_event_with_its_fields() {
    let schema = schema();
    let of_code: BTreeSet<(String, BTreeSet<String>)> = definition(&schema, "Stamped")["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| {
            let mut fields = keys(&variant["properties"]);
            fields.remove("event");
            let name = variant["properties"]["event"]["const"].as_str().unwrap();
            (name.to_owned(), fields)
        })
        .collect();
    let documented: BTreeSet<(String, BTreeSet<String>)> = markdown::rows(&file(PAGE), "event")
        .iter()
        .map(|row| {
            (
                markdown::code(&row[0]).remove(0),
                markdown::code(&row[1]).into_iter().collect(),
            )
        })
        .collect();
    assert_eq!(documented, of_code);
}

#[test]
fn every_value_with_a_name() {
    let schema = schema();
    let documented = markdown::rows(&file(PAGE), "where");
    let of_code = [
        ("`verb`", "Verb", ""),
        ("`step.step`", "Step", "step"),
        ("`holds[].kind`", "Hold", "kind"),
        ("`action`", "WatchOutcome", ""),
        ("`level`", "Level", ""),
        ("`class` of a failure", "FailureClass", ""),
    ];
    assert_eq!(documented.len(), of_code.len());
    for (row, (place, name, tag)) in documented.iter().zip(of_code) {
        assert_eq!(row[0], place);
        let named: BTreeSet<String> = markdown::code(&row[1]).into_iter().collect();
        assert_eq!(named, values(definition(&schema, name), tag), "{name}");
    }
}

#[test]
fn the_fields_of_log_lines() {
    let schema = schema();
    let of_code = keys(&definition(&schema, "LogRecord")["properties"]);
    let sections = markdown::sections(&file(PAGE));
    let (_, text) = sections
        .iter()
        .find(|(name, _)| name == "Log lines")
        .unwrap();
    assert_eq!(fields(text, "field"), of_code);
}

#[test]
fn the_fields_of_the_status_report() {
    let info = ServiceInfo {
        name: "api".to_owned(),
        wanted: true,
        stopped: false,
        leaving: false,
        job: false,
        source: "build".to_owned(),
        needs: Vec::new(),
        optional: Vec::new(),
        addresses: Vec::new(),
        open_ports: vec![8000],
        on_host: false,
        on_cluster: false,
        off_host: None,
        probed: true,
        provisions: false,
        replicas: 1,
    };
    let mut state = State::default();
    state.services.push(ServiceState::new(info, 0));
    let report = serde_json::to_value(status::report(&state, 0)).unwrap();
    let sections = markdown::sections(&file(PAGE));
    let (_, text) = sections
        .iter()
        .find(|(name, _)| name == "The status report")
        .unwrap();
    assert_eq!(fields(text, "field"), keys(&report));
    assert_eq!(
        fields(text, "field of a service"),
        keys(&report["services"][0])
    );

    let rows = markdown::rows(text, "field of a service");
    let states = rows.iter().find(|row| row[0] == "`state`").unwrap();
    let named: BTreeSet<String> = markdown::code(&states[1]).into_iter().collect();
    let schema = serde_json::to_value(schemars::schema_for!(Phase)).unwrap();
    assert_eq!(named, values(&schema, ""));
}

#[test]
fn the_fields_of_why() {
    let mut state = State::default();
    let info = ServiceInfo {
        name: "api".to_owned(),
        wanted: true,
        job: false,
        source: "build".to_owned(),
        needs: Vec::new(),
        optional: Vec::new(),
        addresses: Vec::new(),
        open_ports: vec![8000],
        on_host: false,
        on_cluster: false,
        off_host: None,
        probed: true,
        provisions: false,
        replicas: 1,
        stopped: false,
        leaving: false,
    };
    state.services.push(ServiceState::new(info, 0));
    let report = why::report(&state, &["api".to_owned()], 0);
    let report = serde_json::to_value(report).unwrap();
    let sections = markdown::sections(&file(PAGE));
    let (_, text) = sections.iter().find(|(name, _)| name == "Why").unwrap();
    assert_eq!(fields(text, "field"), keys(&report));
    assert_eq!(
        fields(text, "field of an explanation"),
        keys(&report["services"][0])
    );
}

#[test]
fn the_fields_of_the_doctors_report() {
    let checks = [doctor::Check::failed("ports", "taken", "end it")];
    let report = serde_json::to_value(doctor::report(&checks)).unwrap();
    let sections = markdown::sections(&file(PAGE));
    let mut sections = sections.iter();
    let (_, text) = sections
        .find(|(name, _)| name == "The doctor's report")
        .unwrap();
    assert_eq!(fields(text, "field"), keys(&report));
    assert_eq!(fields(text, "field of a check"), keys(&report["checks"][0]));
}

#[test]
fn its_examples_fit_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let examples = markdown::blocks(&file(PAGE), "json").concat();
    for line in examples.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
    }
    assert!(examples.lines().count() >= 4);
}
