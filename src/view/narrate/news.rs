//! News that is not the state of one service: the stack file, the engine, files that were saved.

use super::Narrator;
use crate::engine::event::{ServiceInfo, WatchOutcome};
use crate::engine::state::State;
use crate::view::line::Paint;
use crate::view::sanitise::cell;
use crate::view::time::took;
use crate::view::words;

impl Narrator {
    pub(super) fn stack(
        &mut self,
        name: &str,
        layers: &[String],
        services: &[ServiceInfo],
        state: &State,
    ) {
        let all = services.len();
        // Who only looks wants none of them.
        let wanted = match services.iter().filter(|info| info.wanted).count() {
            0 => all,
            wanted => wanted,
        };
        let now = (name.to_owned(), layers.to_vec(), (wanted, all));
        if self.rejected.take().is_none() && self.stack.as_ref() == Some(&now) {
            return;
        }
        let with = words::overlays(state);
        let with = if with.is_empty() {
            String::new()
        } else {
            format!(" with {}", with.join(", "))
        };
        let count = match (wanted, all) {
            (wanted, all) if wanted < all => format!("{wanted} of {all} services"),
            (1, _) => "1 service".to_owned(),
            (_, all) => format!("{all} services"),
        };
        self.say(
            name,
            Paint::Dim,
            self.look.dot(),
            false,
            format!("{count}{with}"),
        );
        self.stack = Some(now);
    }

    pub(super) fn rejected(&mut self, error: &str, state: &State) {
        if self.rejected.as_deref() == Some(error) {
            return;
        }
        self.rejected = Some(error.to_owned());
        let text = "the stack file has errors; what runs stays as it is".to_owned();
        self.say(&state.name, Paint::Bad, self.look.cross(), false, text);
        for line in error.lines() {
            self.beneath(Paint::Plain, self.look.bar(), Paint::Bad, line, false);
        }
    }

    pub(super) fn runtime(&mut self, up: bool, text: &str, state: &State) {
        let text = cell(text);
        if up && std::mem::take(&mut self.runtime_down) {
            self.say(&state.name, Paint::Good, self.look.tick(), true, text);
        } else if !up && !std::mem::replace(&mut self.runtime_down, true) {
            self.say(&state.name, Paint::Bad, self.look.cross(), true, text);
        }
    }

    pub(super) fn watched(
        &mut self,
        service: &str,
        action: WatchOutcome,
        files: usize,
        first: &str,
        millis: u64,
    ) {
        let first = cell(first);
        let what = match files {
            0 if first.is_empty() => "what changed".to_owned(),
            0 | 1 => first,
            n => format!("{first} and {} more", n - 1),
        };
        let took = took(millis);
        let (paint, mark, text) = match action {
            WatchOutcome::Synced => (
                Paint::Good,
                self.look.tick(),
                format!("synced {what} in {took}"),
            ),
            WatchOutcome::SyncedRestarts => (
                Paint::Busy,
                self.look.tick(),
                format!("synced {what} in {took}, restarts"),
            ),
            WatchOutcome::Restarted => (
                Paint::Busy,
                self.look.dot(),
                format!("restarts: {what} changed"),
            ),
            WatchOutcome::Signalled => (
                Paint::Good,
                self.look.tick(),
                format!("was sent its signal: {what} changed"),
            ),
            WatchOutcome::Rebuilding => (
                Paint::Busy,
                self.look.dot(),
                format!("rebuilds: {what} changed"),
            ),
            WatchOutcome::Rerun => (
                Paint::Busy,
                self.look.dot(),
                format!("runs again: {what} changed"),
            ),
            WatchOutcome::Failed => (
                Paint::Bad,
                self.look.cross(),
                format!("could not take in {what}"),
            ),
        };
        self.say(service, paint, mark, true, text);
    }
}
