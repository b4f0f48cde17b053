//! The last line of a command that brought something up.

use super::Look;
use super::line::{Line, Paint};
use super::sanitise::cell;
use super::time::took;
use super::words;
use crate::engine::state::{Phase, ServiceState, State};

/// `✓ gold is up in 2.1s`, or what is not and why that matters. `named`: the services that were asked for by name, and
/// `state` is of what counts for them; none: the whole stack. `millis`: since the command began.
pub fn closing(state: &State, named: &[String], millis: u64, look: Look) -> Line {
    let name = match named {
        [] => cell(&state.name),
        names => cell(&names.join(", ")),
    };
    let is = if named.len() > 1 { "are" } else { "is" };
    let (ready, all) = words::tally(state);
    let outdated = || {
        let wanted = state.services.iter().filter(|service| service.info.wanted);
        wanted.filter(|service| service.is_outdated())
    };
    let wanted = || state.services.iter().filter(|service| service.info.wanted);
    let lacking = |service: &&ServiceState| service.lacks_files() && !service.is_outdated();
    if ready == all && outdated().next().is_none() && !wanted().any(|s| lacking(&s)) {
        let line = Line::new().with(Paint::Good, format!("{} ", look.tick()));
        return line
            .with(Paint::Bold, name)
            .with(Paint::Plain, format!(" {is} up in {}", took(millis)));
    }
    let names = |which: fn(&ServiceState) -> bool| {
        let names: Vec<String> = wanted()
            .filter(|s| which(s))
            .map(|s| cell(&s.info.name))
            .collect();
        names.join(", ")
    };
    let failed = names(|service| service.phase == Phase::Failed);
    let rest = names(|service| !words::is_settled(service) && service.phase != Phase::Failed);
    let mut parts = Vec::new();
    if !failed.is_empty() {
        parts.push(format!("failed: {failed}"));
    }
    if !rest.is_empty() {
        parts.push(format!("not ready: {rest}"));
    }
    let older: Vec<String> = outdated().map(|s| cell(&s.info.name)).collect();
    if !older.is_empty() {
        parts.push(format!("an older version runs: {}", older.join(", ")));
    }
    let lack: Vec<String> = wanted()
        .filter(lacking)
        .map(|s| cell(&s.info.name))
        .collect();
    if !lack.is_empty() {
        parts.push(format!("files not synced: {}", lack.join(", ")));
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
        let text = |state: &State| closing(state, &[], 2_140, look).render(look);
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
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let state = crate::view::status::only(samples::ready(), &names);
            closing(&state, &names, 2_140, look).render(look)
        };
        assert_eq!(named(&["db"]), "✓ db is up in 2.1s");
        assert_eq!(named(&["db", "api"]), "✓ db, api are up in 2.1s");
    }
}
