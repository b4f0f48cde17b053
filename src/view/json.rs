//! One event a line, for programs. The form is versioned and has a JSON Schema.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Pace, View};
use crate::engine::event::{Stamped, VERSION};
use crate::engine::state::State;

/// One line of the `--json` output of `up`, `wait` and the like, or of `logs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Record {
    Log(LogRecord),
    Event(Stamped),
}

/// A line that a service printed: `dev logs --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogRecord {
    pub v: u32,
    /// Milliseconds since 1970, UTC.
    pub at: u64,
    pub event: LogTag,
    pub service: String,
    /// Which replica, from 1.
    pub index: u32,
    /// It was written to standard error.
    pub stderr: bool,
    /// As it was printed, escape sequences included, without its line end.
    pub line: String,
}

/// Always `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogTag {
    Log,
}

/// The schema of [`Record`], as `dev schema events` prints it and `schema/events.schema.json` holds it.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(Record);
    schema.insert("$id".to_owned(), format!("urn:dev:events:{VERSION}").into());
    schema.insert("title".to_owned(), "A line of `dev --json`".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes events as they come. Logs are left to `dev logs --json`.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    pub const fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes one record and its line end at once, so that lines of two writers do not mix.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn record(&mut self, record: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write> View for Json<W> {
    fn event(&mut self, event: &Stamped, _state: &State) -> io::Result<()> {
        self.record(event)
    }

    fn log(&mut self, _service: &str, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn tick(&mut self, _state: &State, _now: u64) -> io::Result<()> {
        Ok(())
    }

    fn pace(&self, _state: &State) -> Pace {
        Pace::Never
    }

    fn close(&mut self, _state: &State, _now: u64) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::view::samples::any;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/events.schema.json");

    #[test]
    fn the_committed_schema_is_the_one_of_the_code() {
        if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
            fs_err::write(FILE, schema()).unwrap();
        }
        let committed = fs_err::read_to_string(FILE).unwrap_or_default();
        let hint = "run the tests with INSTA_UPDATE=always to write it";
        assert!(
            committed == schema(),
            "schema/events.schema.json is not what the code says: {hint}"
        );
    }

    fn validator() -> jsonschema::Validator {
        jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap()
    }

    #[test]
    fn every_variant_fits_the_schema_and_comes_back() {
        let validator = validator();
        let mut kinds = std::collections::BTreeSet::new();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let events = any::stamped();
        for _ in 0..400 {
            let event = events.new_tree(&mut runner).unwrap().current();
            let value = serde_json::to_value(&event).unwrap();
            kinds.insert(value["event"].as_str().unwrap().to_owned());
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{value}: {errors:?}");
            assert_eq!(
                serde_json::from_value::<Record>(value).unwrap(),
                Record::Event(event)
            );
        }
        assert_eq!(kinds.len(), any::VARIANTS, "{kinds:?}");
    }

    #[test]
    fn what_is_no_event_does_not_fit() {
        let validator = validator();
        for wrong in [
            serde_json::json!({}),
            serde_json::json!({"v": 1, "at": 1, "event": "nonsense"}),
            serde_json::json!({"at": 1, "event": "retry", "service": "api"}),
            serde_json::json!({"v": 1, "at": 1, "event": "probe", "service": "api"}),
        ] {
            assert!(!validator.is_valid(&wrong), "{wrong}");
        }
        let log = LogRecord {
            v: VERSION,
            at: 1,
            event: LogTag::Log,
            service: "api".to_owned(),
            index: 1,
            stderr: false,
            line: "\u{1b}[31mred".to_owned(),
        };
        assert!(validator.is_valid(&serde_json::to_value(&log).unwrap()));
    }

    #[test]
    fn one_event_is_one_line() {
        let mut out = Vec::new();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let events = any::stamped();
        let mut json = Json::new(&mut out);
        for _ in 0..50 {
            let event = events.new_tree(&mut runner).unwrap().current();
            json.event(&event, &State::default()).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 50);
        assert!(
            text.lines()
                .all(|line| line.starts_with("{\"v\":1,\"at\":"))
        );
    }
}
