//! `dev logs`: what is kept on disk, what the engine has beyond that, and what comes.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};

use super::args::{GlobalArgs, LogsArgs, Tail};
use super::error::CliError;
use super::exit::ExitCode;
use super::log_end::{Wanted, newer};
use super::log_printer::{Entry, NANOS, Printer};
use super::meet::running;
use super::output::{look, reader_gone, to_stderr};
use super::session::Session;
use super::show::Interrupts;
use crate::engine::feed::News;
use crate::engine::follow::HEAD_START;
use crate::engine::goal::Goal;
use crate::plan::observed::ObservedContainer;
use crate::runtime::Both;
use crate::runtime::ring;
use crate::runtime::world::{self, Change, LogRange, World};
use crate::secret::Redactor;
use crate::view::Gutter;

/// # Errors
/// The stack cannot be read; following needs a container engine that answers.
pub async fn run(global: &GlobalArgs, arguments: &LogsArgs) -> Result<ExitCode, CliError> {
    if arguments.place.on.is_some() {
        return super::cluster::logs(global, arguments).await;
    }
    let session = Session::open_anyway(global).await?;
    let instances = session.instances(&arguments.services, arguments.index)?;
    let known = session.stack.services.keys();
    let names: Vec<String> = known
        .filter(|name| instances.is_empty() || instances.iter().any(|i| i.service == **name))
        .cloned()
        .collect();
    let facts = session.facts().await.facts;
    let secretive = session
        .broken
        .as_ref()
        .is_some_and(|broken| broken.secretive);
    let facts = (!secretive && facts.absent.is_empty()).then_some(facts);
    let redactor = Redactor::new(facts.iter().flat_map(|facts| facts.secrets.values()));
    let mut printer = Printer::new(global, arguments, &names, instances, redactor);
    if facts.is_none() {
        return redacted_before(&session, &names, arguments, printer).await;
    }
    let required = session.needs_containers(&Goal::Observe);
    let world = match session.world(required).await {
        Ok(world) => world,
        // What is on disk is there without an engine.
        Err(error) if arguments.follow => return Err(error),
        Err(_) => {
            let kept = names.iter().flat_map(|name| kept(&session, name));
            printer.print_all(kept.collect(), arguments.tail);
            return Ok(ExitCode::Done);
        }
    };
    let project = session.stack.name.clone();
    let ask = world::Look {
        project: project.clone(),
        ..world::Look::default()
    };
    // Subscribed before the look, so that no container begins between them.
    let changes = world.changes(&project);
    let observed = world.look(&ask).await?;
    session.check_checkout(&observed)?;
    let containers: Vec<ObservedContainer> = observed
        .current()
        .filter(|container| names.contains(&container.service))
        .cloned()
        .collect();
    let wanted = printer.wanted(arguments.tail);
    let entries = gather(&session, &world, &names, &containers, wanted).await;
    let last: Vec<(ObservedContainer, i128)> = containers
        .into_iter()
        .map(|container| {
            let after = newest(&entries, &container).max(printer.since - 1);
            (container, after)
        })
        .collect();
    printer.print_all(entries, arguments.tail);
    if arguments.follow {
        let mut interrupts = Interrupts::listen()?;
        tokio::select! {
            () = follow(&world, changes, &names, last, &mut printer, &ask) => {}
            () = reader_gone() => {}
            () = interrupts.next() => return Ok(ExitCode::Interrupted),
        }
    }
    Ok(ExitCode::Done)
}

/// Of a stack that may have secrets which nobody knows: only what an engine has taken them out of.
async fn redacted_before(
    session: &Session,
    names: &[String],
    arguments: &LogsArgs,
    mut printer: Printer,
) -> Result<ExitCode, CliError> {
    let feed = running(&session.socket()?).await;
    if feed.is_none() && !printer.json {
        to_stderr("its secrets are unknown meanwhile, so these are only the lines that were kept");
    }
    let kept = names.iter().flat_map(|name| kept(session, name));
    printer.print_all(kept.collect(), arguments.tail);
    let Some(mut feed) = feed.filter(|_| arguments.follow) else {
        return Ok(ExitCode::Done);
    };
    let mut interrupts = Interrupts::listen()?;
    let gone = reader_gone();
    tokio::pin!(gone);
    while !printer.unread {
        tokio::select! {
            () = &mut gone => break,
            news = feed.next() => match news {
                Some(News::Log(line)) => printer.print(&Entry {
                    service: line.service,
                    index: line.index,
                    at: i128::from(line.at) * NANOS,
                    error: line.error,
                    line: line.line,
                }),
                Some(_) => {}
                None => break,
            },
            () = interrupts.next() => return Ok(ExitCode::Interrupted),
        }
    }
    Ok(ExitCode::Done)
}

/// The last lines that services said since `since` (nanoseconds since 1970): before they failed, for those who did not see
/// them come.
pub async fn last_words(session: &Session, services: &[String], lines: usize, since: i128) {
    say_last_words(session, services, lines, since, false).await;
}

/// The same on standard error.
pub async fn last_words_aside(session: &Session, services: &[String], lines: usize, since: i128) {
    say_last_words(session, services, lines, since, true).await;
}

async fn say_last_words(
    session: &Session,
    services: &[String],
    lines: usize,
    since: i128,
    aside: bool,
) {
    let loaded = session.facts().await;
    if !loaded.facts.absent.is_empty() {
        return;
    }
    let mut printer = Printer {
        redactor: Redactor::new(loaded.facts.secrets.values()),
        gutter: Gutter::new(services.iter().map(String::as_str), look()),
        instances: Vec::new(),
        since,
        until: i128::MAX,
        grep: None,
        timestamps: false,
        bare: false,
        look: look(),
        json: false,
        aside,
        unread: false,
    };
    let required = session.needs_containers(&Goal::Observe);
    let entries = match session.world(required).await {
        Ok(world) => {
            let ask = world::Look {
                project: session.stack.name.clone(),
                ..world::Look::default()
            };
            let mut containers = world
                .look(&ask)
                .await
                .map(|observed| observed.containers)
                .unwrap_or_default();
            containers.retain(|container| services.contains(&container.service));
            let wanted = printer.wanted(Tail::Last(lines));
            gather(session, &world, services, &containers, wanted).await
        }
        Err(_) => services
            .iter()
            .flat_map(|name| kept(session, name))
            .collect(),
    };
    printer.print_all(entries, Tail::Last(lines));
}

/// What is kept on disk, and what the engine has beyond that: an engine of ours that ended may not have read it all.
async fn gather(
    session: &Session,
    world: &Both,
    names: &[String],
    containers: &[ObservedContainer],
    wanted: Wanted,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = names.iter().flat_map(|name| kept(session, name)).collect();
    for container in containers {
        let newest = newest(&entries, container);
        let ask = |range| world.logs(&container.id, range).collect::<Vec<_>>();
        let more = newer(ask, newest, wanted).await.into_iter();
        entries.extend(more.map(|line| Entry::new(container, line)));
    }
    entries
}

fn kept(session: &Session, service: &str) -> Vec<Entry> {
    let replicas = session.replicas(service);
    let folder = session.store.logs();
    let of = |index: u32| {
        let lines = ring::read(&folder, &format!("{service}-{index}")).into_iter();
        lines.map(move |kept| (kept.index, kept.at, kept.error, kept.line))
    };
    (1..=replicas)
        .flat_map(of)
        .map(|(index, at, error, line)| Entry {
            service: service.to_owned(),
            index,
            at,
            error,
            line,
        })
        .collect()
}

fn newest(entries: &[Entry], container: &ObservedContainer) -> i128 {
    let own = entries
        .iter()
        .filter(|e| e.service == container.service && e.index == container.index);
    own.map(|entry| entry.at).max().unwrap_or(0)
}

type Lines = SelectAll<BoxStream<'static, Entry>>;

async fn follow(
    world: &Both,
    mut changes: BoxStream<'static, Change>,
    names: &[String],
    last: Vec<(ObservedContainer, i128)>,
    printer: &mut Printer,
    ask: &world::Look,
) {
    let mut followed = BTreeSet::new();
    let mut lines: Lines = SelectAll::new();
    let mut begin = |lines: &mut Lines, container: ObservedContainer, after: i128| {
        if followed.insert(container.generation()) {
            let range = LogRange {
                seek: true,
                ..LogRange::following(after)
            };
            let stream = world.logs(&container.id, range);
            lines.push(
                stream
                    .map(move |line| Entry::new(&container, line))
                    .filter(move |e| {
                        let new = e.at > after;
                        async move { new }
                    })
                    .boxed(),
            );
        }
    };
    for (container, after) in last {
        if container.is_running() {
            begin(&mut lines, container, after);
        }
    }
    loop {
        tokio::select! {
            Some(entry) = lines.next(), if !lines.is_empty() => {
                printer.print(&entry);
                if printer.unread {
                    return;
                }
            }
            change = changes.next() => match change {
                Some(Change::Container { began: true, .. }) => {
                    let Ok(observed) = world.look(ask).await else { continue };
                    for container in observed.containers {
                        if container.is_running() && names.contains(&container.service) {
                            let started = chrono::DateTime::parse_from_rfc3339(&container.started_at).ok();
                            let after = started.and_then(|at| at.timestamp_nanos_opt()).map_or(0, i128::from);
                            begin(&mut lines, container, after - HEAD_START);
                        }
                    }
                }
                Some(
                    Change::Container { .. }
                    | Change::Ended { .. }
                    | Change::Signalled { .. }
                    | Change::Stopped { .. }
                    | Change::Other,
                ) => {}
                Some(Change::Lost(_)) | None => return,
            },
        }
    }
}
