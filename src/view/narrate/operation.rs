//! Operations of a plan that a person wants to read of: those that take long, fail, or make or remove something that
//! is no service.

use super::Narrator;
use crate::engine::event::{Step, Verb};
use crate::view::line::Paint;
use crate::view::sanitise::cell;
use crate::view::time::took;

/// Milliseconds from which on it is told what took them.
const LONG: u64 = 1000;

impl Narrator {
    pub(super) fn operation(
        &mut self,
        service: Option<&str>,
        stack: &str,
        subject: &str,
        verb: Verb,
        step: &Step,
    ) {
        let dot = self.look.dot();
        let what = cell(subject);
        // What belongs to no service is told of the stack.
        let name = service.unwrap_or(stack);
        match (verb, step) {
            (Verb::Pull | Verb::Build, Step::Started) => {
                let word = if verb == Verb::Pull {
                    "pulls"
                } else {
                    "builds"
                };
                self.say(name, Paint::Busy, dot, false, format!("{word} {what}"));
            }
            (Verb::Pull | Verb::Build, Step::Done { millis }) => {
                self.failures.remove(name);
                let word = if verb == Verb::Pull {
                    "pulled"
                } else {
                    "built"
                };
                self.say(
                    name,
                    Paint::Good,
                    self.look.tick(),
                    false,
                    format!("{word} {what} in {}", took(*millis)),
                );
            }
            (Verb::Create, Step::Done { .. }) if service.is_none() => {
                self.say(name, Paint::Dim, dot, false, format!("created {what}"));
            }
            // As a rule it takes a moment, and nobody waits for it.
            (Verb::Copy, Step::Done { millis }) if *millis >= LONG => {
                let text = format!("copied its files in {}", took(*millis));
                self.say(name, Paint::Good, self.look.tick(), false, text);
            }
            (Verb::Prepare, Step::Done { millis }) if *millis >= LONG => {
                let text = format!("ran its `pre_start` in {}", took(*millis));
                self.say(name, Paint::Good, self.look.tick(), false, text);
            }
            (Verb::Remove, Step::Done { .. }) if service.is_none() => {
                self.say(name, Paint::Dim, dot, false, format!("removed {what}"));
            }
            (Verb::Remove, Step::Done { .. }) => {
                self.say(name, Paint::Dim, dot, false, "removed".to_owned())
            }
            (_, Step::Failed { failure }) if service.is_some() => {
                self.failed(name, failing(verb), failure, None, true)
            }
            (_, Step::Failed { failure }) => self.failed(
                name,
                &format!("{what} {}", failing(verb)),
                failure,
                None,
                true,
            ),
            _ => {}
        }
    }
}

const fn failing(verb: Verb) -> &'static str {
    match verb {
        Verb::Pull => "could not be pulled",
        Verb::Build => "could not be built",
        Verb::Create => "could not be created",
        Verb::Copy => "could not be given its files",
        Verb::Prepare | Verb::Start => "could not be started",
        Verb::Stop => "could not be stopped",
        Verb::Remove => "could not be removed",
        Verb::Update => "could not be updated",
        Verb::Provision => "could not be set up",
        Verb::Run => "failed",
    }
}
