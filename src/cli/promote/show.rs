//! What a promotion says while it goes on, and at its end.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::cli::output::{to_stderr, to_stdout};
use crate::promote::Object;
use crate::runtime::kube::{Change, Pending, What};
use crate::secret::Redactor;
use crate::stack::Stack;

/// Version of the `--json` form.
const VERSION: u32 = 1;
/// A value in a plan is cut here.
const LONGEST: usize = 100;

pub struct Show {
    json: bool,
    /// Of the longest name of a service.
    width: usize,
    /// Pods say what they like.
    redactor: Redactor,
}

impl Show {
    pub fn new(json: bool, stack: &Stack) -> Self {
        let width = stack.services.keys().map(String::len).max().unwrap_or(0);
        Self {
            json,
            width,
            redactor: Redactor::default(),
        }
    }

    /// What is in none of its lines from now on.
    pub fn hide<'a>(&mut self, secrets: impl Iterator<Item = &'a SecretString>) {
        self.redactor = Redactor::new(secrets);
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A line on its way.
    pub fn line(&self, service: &str, text: &str) {
        if !self.json {
            to_stdout(&format!("{service:<width$}  {text}", width = self.width));
        }
    }

    /// The objects of a wave that were not as they should be.
    pub fn applied(&self, changes: &[Change], wave: &[&Object]) {
        let wave: BTreeSet<(&str, &str)> = wave
            .iter()
            .map(|object| (object.kind.name(), object.name.as_str()))
            .collect();
        for change in changes
            .iter()
            .filter(|change| wave.contains(&(change.kind.name(), change.name.as_str())))
        {
            let verb = match &change.what {
                What::Create => "created",
                What::Change(_) => "changed",
                What::Nothing | What::Remove => continue,
            };
            let name = format!("{} {} {verb}", change.kind, change.name);
            self.line(change.service.as_deref().unwrap_or_default(), &name);
        }
    }

    /// A workload got ready, or there is something new that it waits for. Where nothing was to do, ready is not news.
    pub fn state(&self, service: &str, why: Option<&str>, nothing: bool) {
        match why {
            None if nothing => {}
            None => self.line(service, "ready"),
            Some(why) => {
                let why = self.redactor.redact(why.lines().next().unwrap_or_default());
                self.line(service, &format!("waits: {why}"));
            }
        }
    }

    pub fn removed(&self, changes: &[Change]) {
        for change in changes {
            let text = format!("{} {} removed", change.kind, change.name);
            self.line(change.service.as_deref().unwrap_or_default(), &text);
        }
    }

    pub fn failed(&self, pending: &[Pending], within: Option<Duration>) {
        let why = |pending: &Pending| self.redactor.redact(&pending.why).into_owned();
        if self.json {
            let services = pending
                .iter()
                .map(|pending| json!({ "service": pending.service, "why": why(pending) }));
            let services: Vec<Value> = services.collect();
            to_stdout(&json!({ "v": VERSION, "ready": false, "in_time": within.is_none(), "services": services }).to_string());
            return;
        }
        for pending in pending {
            let late = within.map(|within| format!("not ready within {} s: ", within.as_secs()));
            to_stderr(&format!(
                "{}: {}{}",
                pending.service,
                late.unwrap_or_default(),
                why(pending)
            ));
        }
    }

    pub fn plan(&self, context: &str, namespace: &str, changes: &[&Change]) {
        if self.json {
            to_stdout(&json!({ "v": VERSION, "context": context, "namespace": namespace, "changes": as_json(changes) }).to_string());
            return;
        }
        let changing: Vec<&&Change> = changes
            .iter()
            .filter(|change| change.what != What::Nothing)
            .collect();
        for change in &changing {
            let sign = match change.what {
                What::Create => '+',
                What::Remove => '-',
                What::Change(_) | What::Nothing => '~',
            };
            to_stdout(&format!("{sign} {} {}", change.kind, change.name));
            if let What::Change(fields) = &change.what {
                for field in fields {
                    let side =
                        |value: &Option<String>| value.as_deref().map_or("nothing".to_owned(), cut);
                    to_stdout(&format!(
                        "    {}: {} → {}",
                        field.path,
                        side(&field.old),
                        side(&field.new)
                    ));
                }
            }
        }
        if changing.is_empty() {
            to_stdout("nothing to do");
        }
    }

    pub fn done(&self, context: &str, namespace: &str, revision: Option<u64>, changes: &[&Change]) {
        if self.json {
            let report = json!({
                "v": VERSION,
                "ready": true,
                "context": context,
                "namespace": namespace,
                "revision": revision,
                "changes": as_json(changes),
            });
            to_stdout(&report.to_string());
            return;
        }
        match revision {
            Some(revision) => to_stdout(&format!(
                "ready: revision {revision} in namespace {namespace} of {context}"
            )),
            None => to_stdout(&format!(
                "nothing to do: all is ready in namespace {namespace} of {context}"
            )),
        }
    }
}

fn cut(text: &str) -> String {
    let line = text.replace('\n', "⏎");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn as_json(changes: &[&Change]) -> Vec<Value> {
    let changes = changes.iter().filter(|change| change.what != What::Nothing);
    let fields = |what: &What| -> Vec<Value> {
        match what {
            What::Change(fields) => fields
                .iter()
                .map(|field| json!({ "path": field.path, "old": field.old, "new": field.new }))
                .collect(),
            _ => Vec::new(),
        }
    };
    let verb = |what: &What| match what {
        What::Create => "create",
        What::Change(_) => "change",
        What::Remove => "remove",
        What::Nothing => "nothing",
    };
    let change = |change: &&Change| {
        json!({
            "kind": change.kind.name(),
            "name": change.name,
            "service": change.service,
            "verb": verb(&change.what),
            "fields": fields(&change.what),
        })
    };
    changes.map(change).collect()
}
