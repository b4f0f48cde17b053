//! Where only changes are told, silence could mean that nothing goes on: what takes long says so, ever less often.

use super::{Narrator, Told};
use crate::engine::event::Step;
use crate::engine::state::{Phase, ServiceState, State};
use crate::view::line::Paint;
use crate::view::sanitise::cell;
use crate::view::time::age;
use crate::view::words;

impl Narrator {
    /// What still goes on, after 10 s, 30 s, 70 s, …
    pub fn remind(&mut self, state: &State, now: u64) -> Vec<Told> {
        for service in &state.services {
            let name = &service.info.name;
            self.remind_of_successor(service, now);
            let Some(seen) = self.seen.get_mut(name) else {
                continue;
            };
            let Some((due, pause)) = seen.remind.filter(|(due, _)| *due <= now) else {
                continue;
            };
            seen.remind = Some((due.max(now).saturating_add(pause), pause.saturating_mul(2)));
            let since = age(now.saturating_sub(seen.since));
            let why = doing(service)
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            let text = format!("still {} after {since}{why}", words::word(service));
            self.say(name, Paint::Dim, self.look.dot(), false, text);
        }
        std::mem::take(&mut self.out)
    }
}

fn doing(service: &ServiceState) -> Option<String> {
    let text = match service.work.as_ref().map(|work| &work.step) {
        Some(Step::Progress { text, .. }) if service.phase != Phase::Starting => Some(cell(text)),
        _ => words::answer(service),
    };
    text.or_else(|| Some(cell(&service.last_line)))
        .filter(|text| !text.is_empty())
}
