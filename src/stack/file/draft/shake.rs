//! The Compose files with other values of the variables that they mention.

use std::sync::LazyLock;

use regex::Regex;

use crate::stack::compose::{Files, Request, Run, load_stack};

/// One of these is allowed wherever a variable may stand: a number is a port, a count and a text; the others are what a flag,
/// a time, a restart and a condition may be.
const VALUES: &[&str] = &["4321", "1234", "shaken", "true", "false", "7s", "always"];

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)").expect("a constant expression is valid")
});

/// `None` where nothing mentions a variable. One that has no other value that could be, or of which another value is another
/// stack altogether, stays as it is. `run`: what the request means.
pub(super) fn shaken(request: &Request, source: &dyn Files, text: &str, run: &Run) -> Option<Run> {
    let mut names: Vec<&str> = NAME
        .captures_iter(text)
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut shaken = None;
    let mut request = request.clone();
    for name in names {
        let before = request.environment.get(name).cloned();
        for value in VALUES
            .iter()
            .filter(|value| Some(**value) != before.as_deref())
        {
            let mut tried = request.clone();
            tried
                .environment
                .insert(name.to_owned(), (*value).to_owned());
            if let Ok(other) = load_stack(&tried, source)
                && is_alike(run, &other)
            {
                shaken = Some(other);
                request = tried;
                break;
            }
        }
    }
    shaken
}

fn is_alike(old: &Run, run: &Run) -> bool {
    old.stack.layers == run.stack.layers && old.stack.dir == run.stack.dir
}
