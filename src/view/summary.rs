//! The last line of a command that brought something up.

use super::Look;
use super::line::{Line, Paint};
use super::sanitise::cell;
use super::time::took;
use super::words;
use crate::engine::state::{Phase, ServiceState, State};

/// `✓ gold is up in 2.1s`, or what is not and why that matters. `named`: the services that were asked for by name, and
/// `state` is of what counts for them; none: the whole stack. `done`: the command ends well. `millis`: since it began.
pub fn closing(state: &State, named: &[String], done: bool, millis: u64, look: Look) -> Line {
    let name = match named {
        [] => cell(&state.name),
        names => cell(&names.join(", ")),
    };
    let is = if named.len() > 1 { "are" } else { "is" };
    let (ready, all) = words::tally(state);
    let wanted = || state.services.iter().filter(|service| service.info.wanted);
    if done && wanted().all(|service| words::serves(service) && service.is_as_asked()) {
        let line = Line::new().with(Paint::Good, format!("{} ", look.tick()));
        return line
            .with(Paint::Bold, name)
            .with(Paint::Plain, format!(" {is} up in {}", took(millis)));
    }
    let parts = missing(state).map(|(what, names)| format!("{what}: {}", names.join(", ")));
    let mut parts: Vec<String> = parts.collect();
    // Before the first look it is not known; and then nothing is further than waiting.
    let looked = |service: &ServiceState| !matches!(service.phase, Phase::Waiting | Phase::Idle);
    if !state.runtime_up && state.services.iter().any(looked) {
        parts.push("the container engine does not answer".to_owned());
    }
    if parts.is_empty() {
        parts.push("there was more to do".to_owned());
    }
    Line::new()
        .with(Paint::Bad, format!("{} ", look.cross()))
        .with(Paint::Bold, name)
        .with(
            Paint::Plain,
            format!(
                ": {ready} of {all} ready after {}; {}",
                took(millis),
                parts.join("; ")
            ),
        )
}

/// What stands between the stack and the end that was asked for, and the services of which that is so.
fn missing(state: &State) -> impl Iterator<Item = (&'static str, Vec<String>)> {
    let is_failed = |service: &ServiceState| service.phase == Phase::Failed;
    let is_unready = |service: &ServiceState| !words::serves(service) && !is_failed(service);
    type Which<'a> = &'a dyn Fn(&ServiceState) -> bool;
    let kinds: [(&str, Which<'_>); 7] = [
        ("failed", &is_failed),
        ("not ready", &is_unready),
        ("an older version runs", &ServiceState::is_outdated),
        ("files not synced", &|s| s.lacks_files() && !s.is_outdated()),
        ("what follows a sync failed", &|s| {
            s.lacks_what_follows() && !s.is_outdated()
        }),
        ("the new version is not ready", &|s| {
            s.coming().is_some() && !s.is_outdated()
        }),
        ("not made yet", &|s| {
            words::serves(s) && !words::is_settled(s)
        }),
    ];
    let wanted = |which: Which<'_>| {
        let services = state.services.iter().filter(|s| s.info.wanted && which(s));
        let names = services.map(|service| cell(&service.info.name));
        names.collect::<Vec<String>>()
    };
    let found = kinds.map(|(what, which)| (what, wanted(which)));
    found.into_iter().filter(|(_, names)| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::samples;

    #[test]
    fn says_what_came_of_it() {
        let look = Look {
            color: false,
            unicode: true,
        };
        let text = |state: &State| closing(state, &[], true, 2_140, look).render(look);
        assert_eq!(text(&samples::ready()), "✓ gold is up in 2.1s");
        assert_eq!(
            text(&samples::failed()),
            "✗ gold: 2 of 5 ready after 2.1s; failed: migrate; not ready: api, web"
        );
        let mut older = samples::ready();
        older.services[0].failure = samples::failed()
            .services
            .into_iter()
            .find_map(|service| service.failure);
        assert_eq!(
            text(&older),
            "✗ gold: 5 of 5 ready after 2.1s; an older version runs: db"
        );
        let ended = |state: &State| closing(state, &[], false, 2_140, look).render(look);
        let mut coming = samples::ready();
        samples::beside(&mut coming, "api", "503");
        assert_eq!(
            ended(&coming),
            "✗ gold: 5 of 5 ready after 2.1s; the new version is not ready: api"
        );
        assert_eq!(
            ended(&samples::ready()),
            "✗ gold: 5 of 5 ready after 2.1s; there was more to do"
        );
        let mut away = samples::ready();
        away.runtime_up = false;
        assert_eq!(
            ended(&away),
            "✗ gold: 5 of 5 ready after 2.1s; the container engine does not answer"
        );
        let mut lacking = samples::ready();
        lacking.services[0].sync_failure = Some(crate::engine::event::Failure {
            class: crate::engine::event::FailureClass::Sync,
            message: "a file could not be synced".to_owned(),
            detail: Vec::new(),
            help: None,
        });
        assert_eq!(
            text(&lacking),
            "✗ gold: 5 of 5 ready after 2.1s; files not synced: db"
        );
        if let Some(failure) = &mut lacking.services[0].sync_failure {
            failure.class = crate::engine::event::FailureClass::AfterSync;
        }
        assert_eq!(
            text(&lacking),
            "✗ gold: 5 of 5 ready after 2.1s; what follows a sync failed: db"
        );
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let state = crate::view::status::only(samples::ready(), &names);
            closing(&state, &names, true, 2_140, look).render(look)
        };
        assert_eq!(named(&["db"]), "✓ db is up in 2.1s");
        assert_eq!(named(&["db", "api"]), "✓ db, api are up in 2.1s");
    }
}
