//! Log lines on standard output, as the options of `dev logs` have them.

use regex::Regex;

use super::args::{GlobalArgs, LogsArgs, Tail};
use super::instance::Instance;
use super::log_end::Wanted;
use super::output::{look, to_stderr, write_line};
use super::show::now;
use crate::engine::event::VERSION;
use crate::plan::observed::ObservedContainer;
use crate::runtime::world::LogLine;
use crate::secret::Redactor;
use crate::view::json::{LogRecord, LogTag};
use crate::view::{Gutter, Look, bare};

pub const NANOS: i128 = 1_000_000;

/// One line and whose it is.
#[derive(Debug, Clone)]
pub struct Entry {
    pub service: String,
    pub index: u32,
    pub at: i128,
    pub error: bool,
    pub line: String,
}

impl Entry {
    pub fn new(container: &ObservedContainer, line: LogLine) -> Self {
        let (service, index) = (container.service.clone(), container.index);
        Self {
            service,
            index,
            at: line.at,
            error: line.error,
            line: line.line,
        }
    }
}

pub struct Printer {
    pub redactor: Redactor,
    pub gutter: Gutter,
    /// None: all.
    pub instances: Vec<Instance>,
    /// Nanoseconds since 1970.
    pub since: i128,
    /// Nanoseconds since 1970.
    pub until: i128,
    pub grep: Option<Regex>,
    /// Each line with its time.
    pub timestamps: bool,
    /// Without the services' names.
    pub bare: bool,
    pub look: Look,
    pub json: bool,
    /// On standard error.
    pub aside: bool,
    /// The reader has gone away.
    pub unread: bool,
}

impl Printer {
    pub fn new(
        global: &GlobalArgs,
        arguments: &LogsArgs,
        names: &[String],
        instances: Vec<Instance>,
        redactor: Redactor,
    ) -> Self {
        let mut look = look();
        look.color &= !arguments.no_color;
        Self {
            redactor,
            gutter: Gutter::new(names.iter().map(String::as_str), look),
            instances,
            since: arguments
                .since
                .map_or(0, |since| i128::from(since.from(now())) * NANOS),
            until: until(arguments),
            grep: arguments.grep.clone(),
            timestamps: arguments.timestamps,
            bare: arguments.no_log_prefix,
            look,
            json: global.json,
            aside: false,
            unread: false,
        }
    }

    /// What of each log it prints something of.
    pub fn wanted(&self, tail: Tail) -> Wanted {
        let chooses = self.grep.is_some() || self.until != i128::MAX;
        Wanted {
            since: self.since,
            tail: if chooses { Tail::All } else { tail },
        }
    }

    /// In the order of time over all services; the last ones of each, where asked.
    pub fn print_all(&mut self, mut entries: Vec<Entry>, tail: Tail) {
        entries.retain(|entry| self.wants(entry));
        entries.sort_by_key(|entry| entry.at);
        if let Tail::Last(count) = tail {
            let mut seen: std::collections::BTreeMap<String, usize> =
                std::collections::BTreeMap::new();
            let mut keep: Vec<Entry> = Vec::new();
            for entry in entries.into_iter().rev() {
                let seen = seen.entry(entry.service.clone()).or_default();
                *seen += 1;
                if *seen <= count {
                    keep.push(entry);
                }
            }
            keep.reverse();
            entries = keep;
        }
        for entry in &entries {
            self.write(entry);
        }
    }

    pub fn print(&mut self, entry: &Entry) {
        if self.wants(entry) {
            self.write(entry);
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        let is_meant =
            |instance: &Instance| instance.service == entry.service && instance.is(entry.index);
        (self.since..=self.until).contains(&entry.at)
            && (self.instances.is_empty() || self.instances.iter().any(is_meant))
            && self
                .grep
                .as_ref()
                .is_none_or(|grep| grep.is_match(&entry.line))
    }

    fn write(&mut self, entry: &Entry) {
        let line = self.redactor.redact(&entry.line).into_owned();
        if self.json {
            let at = u64::try_from(entry.at / NANOS).unwrap_or(0);
            let record = LogRecord {
                v: VERSION,
                at,
                event: LogTag::Log,
                service: entry.service.clone(),
                index: entry.index,
                stderr: entry.error,
                line,
            };
            if let Ok(text) = serde_json::to_string(&record) {
                self.unread |= !write_line(&text);
            }
        } else {
            let line = match self.timestamps {
                true => format!("{} {line}", time(entry.at)),
                false => line,
            };
            let line = match self.bare {
                true => bare(&line, self.look),
                false => self.gutter.log(&entry.service, &line),
            };
            if self.aside {
                to_stderr(&line);
            } else {
                self.unread |= !write_line(&line);
            }
        }
    }
}

fn until(arguments: &LogsArgs) -> i128 {
    let until = arguments.until;
    until.map_or(i128::MAX, |until| i128::from(until.from(now())) * NANOS)
}

/// As the container engine writes it: RFC 3339, nanoseconds, UTC.
fn time(nanos: i128) -> String {
    let nanos = i64::try_from(nanos).unwrap_or(0);
    let at = chrono::DateTime::from_timestamp_nanos(nanos);
    at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
