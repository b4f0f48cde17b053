//! What the stack file asks of this machine.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use super::ports;
use crate::cli::observe;
use crate::cli::runtime::what_can;
use crate::cli::session::Session;
use crate::engine::default_services;
use crate::runtime::docker::Docker;
use crate::stack::file::{Code, LoadError, check_outside};
use crate::stack::presets::off_host_text;
use crate::stack::{Source, Stack};
use crate::view::doctor::Check;
use crate::watch::remote::remote;

const STACK: &str = "stack file";

/// A stack file that is not there, or has errors.
pub fn unread(errors: &LoadError) -> Check {
    let Some(first) = errors.diagnostics.first() else {
        return Check::failed(STACK, errors.to_string(), "`dev plan` shows it");
    };
    if first.code() == Code::NotFound {
        let help = "only the machine was looked at: change to the folder of a stack, or name one with `-C DIR`";
        return Check::warning(STACK, first.message(), help);
    }
    let place = first.location().map_or_else(String::new, |at| {
        format!("{}:{}:{}: ", at.file, at.line, at.column)
    });
    let more = match errors.diagnostics.len() + errors.hidden {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let found = format!("{place}{}{more}", first.message());
    Check::failed(STACK, found, "`dev plan` shows each in its place")
}

pub async fn checks(session: &Session, docker: Option<&Docker>) -> Vec<Check> {
    let stack = &session.stack;
    let up = stack.closure(default_services(stack).iter().map(String::as_str));
    let mut checks = vec![read(session)];
    checks.extend(off_host(stack, &up));
    checks.extend(sources(stack));
    checks.push(values(session, &up).await);
    let running = running(session, docker.is_some()).await;
    checks.push(ports::taken(stack, &up, &running, docker).await);
    checks.push(ports::open(stack, &up));
    checks
}

/// What runs of this stack. Its processes are there without a container engine, too.
async fn running(session: &Session, is_there: bool) -> BTreeSet<String> {
    let state = match is_there {
        true => observe::state(session, true).await.ok(),
        false => observe::told(session).await,
    };
    let services = state.iter().flat_map(|state| &state.services);
    let started = services.filter(|service| service.has_started());
    let started = started.map(|service| service.info.name.clone());
    let processes = session.processes().look().into_iter();
    let processes = processes.filter(|process| process.is_running());
    let processes = processes.map(|process| process.service);
    started.chain(processes).collect()
}

fn read(session: &Session) -> Check {
    let services = match session.stack.services.len() {
        1 => "one service".to_owned(),
        count => format!("{count} services"),
    };
    let found = format!("{}, {services}", session.stack.name);
    match session.warnings.as_slice() {
        [] => Check::ok(STACK, found),
        [first, ..] => {
            let found = format!("{found}, {} warned of", session.warnings.len());
            Check::warning(STACK, found, first.message())
        }
    }
}

/// What cannot run where all of the stack is to.
fn off_host(stack: &Stack, up: &BTreeSet<String>) -> Option<Check> {
    let off_host = stack.off_host_of(up.iter().map(String::as_str));
    let help =
        what_can(stack).unwrap_or_else(|| "runtime = \"docker\" has it in containers".to_owned());
    (!off_host.is_empty()).then(|| Check::failed("runtime", off_host_text(&off_host), help))
}

/// Folders that are watched and lie where changes by others are not told.
fn sources(stack: &Stack) -> Option<Check> {
    let mut silent: BTreeMap<&'static str, Utf8PathBuf> = BTreeMap::new();
    let builds = stack
        .services
        .values()
        .filter_map(|service| match &service.source {
            Source::Build(build) => build.folder().map(ToOwned::to_owned),
            _ => None,
        });
    for folder in std::iter::once(stack.dir.clone()).chain(builds) {
        if let Some(kind) = remote(folder.as_std_path()) {
            silent.entry(kind).or_insert(folder);
        }
    }
    let each: Vec<String> = silent
        .iter()
        .map(|(kind, folder)| format!("{folder} is on {kind}"))
        .collect();
    (!each.is_empty()).then(|| {
        Check::warning(
            "sources",
            format!("{}, which does not tell of every change", each.join(", ")),
            "`dev up` looks at such folders from time to time instead: a save takes longer to arrive; keep sources on a disk of \
             this machine to have it at once",
        )
    })
}

/// Secrets and variables.
async fn values(session: &Session, up: &BTreeSet<String>) -> Check {
    const CHECK: &str = "values";
    let facts = session.facts().await.facts;
    if let Some((_, absent)) = facts.absent.first_key_value() {
        let more = match facts.absent.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        return Check::failed(CHECK, format!("{}{more}", absent.why), &absent.help);
    }
    if let Err(error) = check_outside(&session.outside, &session.stack, up, &facts) {
        let first = error.diagnostics.first();
        let found = first.map_or_else(|| error.to_string(), |first| first.message().to_owned());
        return Check::failed(CHECK, found, "`dev plan` shows where it is needed");
    }
    match session.stack.secrets.len() {
        0 => Check::ok(CHECK, "every variable is there"),
        1 => Check::ok(CHECK, "the secret and every variable are there"),
        count => Check::ok(
            CHECK,
            format!("{count} secrets and every variable are there"),
        ),
    }
}
