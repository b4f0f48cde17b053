//! `dev logs --on kubernetes`: what the nodes keep of it, and what comes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use tokio::time::Instant;

use super::{Cluster, Touch, pod_of};
use crate::cli::args::{GlobalArgs, LogsArgs};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::instance::Instance;
use crate::cli::log_end::{Wanted, newer};
use crate::cli::log_printer::{Entry, Printer};
use crate::cli::output::reader_gone;
use crate::cli::show::Interrupts;
use crate::engine::cluster::Place;
use crate::engine::state::State;
use crate::plan::observed::Generation;
use crate::runtime::kube::{PodSeen, Sight};
use crate::runtime::world::LogRange;

/// Between two looks for new pods.
const PACE: Duration = Duration::from_millis(500);
/// How long an API server may be away meanwhile.
const AWAY: Duration = Duration::from_secs(60);

/// # Errors
/// The stack cannot be read, no API server answers, or this user may not see the secrets that are to be taken out.
pub async fn logs(global: &GlobalArgs, arguments: &LogsArgs) -> Result<ExitCode, CliError> {
    let command = "dev logs --on kubernetes";
    let cluster = Cluster::open(global, &arguments.place, Touch::Looks, command).await?;
    let (state, sight) = cluster.look().await?;
    if arguments.index.is_some() && arguments.services.is_empty() {
        return Err(CliError::Usage {
            message: "`--index` is about one service".to_owned(),
            help: Some("name the service".to_owned()),
        });
    }
    let instances: Vec<Instance> = arguments
        .services
        .iter()
        .map(|name| cluster.instance(&state, name, arguments.index))
        .collect::<Result<_, _>>()?;
    let known = state
        .services
        .iter()
        .map(|service| service.info.name.clone());
    let names: Vec<String> = known
        .filter(|name| instances.is_empty() || instances.iter().any(|i| i.service == *name))
        .collect();
    let redactor = cluster.redactor().await?;
    let mut printer = Printer::new(global, arguments, &names, instances, redactor);
    let lives = lives(&state, &sight, &names);
    let wanted = printer.wanted(arguments.tail);
    let read = lives.iter().map(|life| life.kept(&cluster.place, wanted));
    let read: Vec<Vec<Entry>> = futures_util::future::join_all(read).await;
    let since = printer.since - 1;
    let seen = lives.iter().zip(&read).map(|(life, entries)| {
        let last = entries.iter().map(|entry| entry.at).max();
        (life.generation.clone(), last.unwrap_or(since).max(since))
    });
    let seen: BTreeMap<Generation, i128> = seen.collect();
    printer.print_all(read.into_iter().flatten().collect(), arguments.tail);
    if !arguments.follow {
        return Ok(ExitCode::Done);
    }
    let mut interrupts = Interrupts::listen()?;
    let follow = Follow {
        cluster: &cluster,
        names: &names,
        seen,
        open: BTreeSet::new(),
        pieces: SelectAll::new(),
    };
    tokio::select! {
        followed = follow.run(&mut printer) => followed.map(|()| ExitCode::Done),
        () = reader_gone() => Ok(ExitCode::Done),
        () = interrupts.next() => Ok(ExitCode::Interrupted),
    }
}

/// One life of one replica.
#[derive(Clone)]
struct Life {
    service: String,
    index: u32,
    generation: Generation,
    pod: PodSeen,
}

/// Of these services, with those that are about to take a place.
fn lives(state: &State, sight: &Sight, names: &[String]) -> Vec<Life> {
    let services = state.services.iter();
    let services = services.filter(|service| names.contains(&service.info.name));
    let mut lives = Vec::new();
    for service in services {
        let name = &service.info.name;
        for (index, instance) in &service.instances {
            let next = instance.successor.as_deref();
            let all = [Some(instance), next].into_iter().flatten();
            for found in all.filter_map(|one| one.found.as_ref()) {
                let pods = sight.services.values().flat_map(|seen| &seen.pods);
                let own = pod_of(sight, state, name, *index);
                let mut pods = own.into_iter().chain(pods);
                let pod = pods.find(|pod| pod.name == found.generation.id);
                lives.extend(pod.map(|pod| Life {
                    service: name.clone(),
                    index: *index,
                    generation: found.generation.clone(),
                    pod: pod.clone(),
                }));
            }
        }
    }
    lives
}

impl Life {
    fn entry(&self, line: crate::runtime::world::LogLine) -> Entry {
        Entry {
            service: self.service.clone(),
            index: self.index,
            at: line.at,
            error: line.error,
            line: line.line,
        }
    }

    /// What the node has of it, the life before included.
    async fn kept(&self, place: &Place, wanted: Wanted) -> Vec<Entry> {
        let mut entries = Vec::new();
        for before in [true, false] {
            if before && self.pod.restarts == 0 {
                continue;
            }
            let ask = |range| {
                place
                    .kube
                    .logs(&place.namespace, &self.pod, range, before)
                    .collect::<Vec<_>>()
            };
            let lines = newer(ask, 0, wanted).await;
            entries.extend(lines.into_iter().map(|line| self.entry(line)));
        }
        // Of a container that has not been started again, both may be the same.
        entries.dedup_by(|b, a| a.at == b.at && a.line == b.line);
        entries
    }
}

enum Piece {
    Line(Entry),
    /// Nothing more comes of it, or the connection is gone.
    End,
}

struct Follow<'a> {
    cluster: &'a Cluster,
    names: &'a [String],
    /// Up to when each life has been printed, nanoseconds since 1970.
    seen: BTreeMap<Generation, i128>,
    /// Those that are read.
    open: BTreeSet<Generation>,
    pieces: SelectAll<BoxStream<'static, (Generation, Piece)>>,
}

impl Follow<'_> {
    async fn run(mut self, printer: &mut Printer) -> Result<(), CliError> {
        let mut looks = tokio::time::interval(PACE);
        let mut away: Option<Instant> = None;
        loop {
            tokio::select! {
                Some((life, piece)) = self.pieces.next(), if !self.pieces.is_empty() => match piece {
                    Piece::Line(entry) => {
                        self.seen.insert(life, entry.at);
                        printer.print(&entry);
                        if printer.unread {
                            return Ok(());
                        }
                    }
                    Piece::End => {
                        self.open.remove(&life);
                    }
                },
                _ = looks.tick() => match self.cluster.look().await {
                    Ok((state, sight)) => {
                        away = None;
                        self.begin(&state, &sight);
                    }
                    Err(error) => {
                        let since = away.get_or_insert_with(Instant::now);
                        if since.elapsed() > AWAY {
                            return Err(error);
                        }
                    }
                },
            }
        }
    }

    /// Reads what runs, and what ended before anybody saw it.
    fn begin(&mut self, state: &State, sight: &Sight) {
        for life in lives(state, sight, self.names) {
            let is_new = !self.seen.contains_key(&life.generation);
            let is_open = self.open.contains(&life.generation);
            let has_begun = !life.generation.started_at.is_empty();
            if is_open || !has_begun || !(is_new || life.pod.runs()) {
                continue;
            }
            let after = self.seen.get(&life.generation).copied().unwrap_or(0);
            self.open.insert(life.generation.clone());
            self.seen.insert(life.generation.clone(), after);
            let place = &self.cluster.place;
            let range = LogRange::following(after);
            let lines = place.kube.logs(&place.namespace, &life.pod, range, false);
            let generation = life.generation.clone();
            let lines = lines
                .filter(move |line| std::future::ready(line.at > after))
                .map(move |line| Piece::Line(life.entry(line)))
                .chain(stream::once(async { Piece::End }))
                .map(move |piece| (generation.clone(), piece));
            self.pieces.push(lines.boxed());
        }
    }
}
