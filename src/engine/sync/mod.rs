//! Changed files into running containers, one batch at a time for each service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::core::Engine;
use super::event::{Event, Level, WatchOutcome};
use super::execute::Ticket;
use super::files::is_built;
use super::input::Input;
use crate::engine::event::FailureClass;
use crate::plan::react::{SyncItem, SyncRules};
use crate::runtime::RuntimeError;
use crate::runtime::world::{ExecSpec, FileChange, Output, World};
use crate::stack::{AfterSync, Service, Stack, WatchAction};
use crate::watch::sync::{Archive, Bounds, Owner, manifest, pack};

/// Larger archives go through a file.
const MEMORY: usize = 8 * 1024 * 1024;

/// Batches on their way.
#[derive(Debug, Default)]
pub(super) struct Syncing {
    /// Waiting batches of each service of which one is under way.
    queues: BTreeMap<String, VecDeque<(What, AfterSync)>>,
    /// Whom files belong to, by container id.
    owners: BTreeMap<String, Owner>,
}

#[derive(Debug, Clone)]
enum What {
    Items(Vec<SyncItem>),
    /// Everything that the rules cover.
    Everything,
}

/// What one batch came to.
#[derive(Debug)]
pub struct Synced {
    pub service: String,
    pub files: usize,
    pub first: String,
    pub millis: u64,
    pub restart: bool,
    owners: BTreeMap<String, Owner>,
    pub result: Result<(), RuntimeError>,
}

/// One batch, with all that it needs of the engine.
struct Task {
    world: Arc<dyn World>,
    stack: Arc<Stack>,
    service: String,
    containers: Vec<String>,
    owners: BTreeMap<String, Owner>,
    bounds: Bounds,
    what: What,
    then: AfterSync,
}

impl Engine {
    /// Services whose containers need the files before they start: their image has none, or older ones.
    pub(super) fn needs_seed(&self) -> std::collections::BTreeSet<String> {
        let services = self
            .stack
            .services
            .values()
            .filter(|service| syncs(service));
        services
            .filter(|service| !is_built(service) || self.seed.contains(&service.name))
            .map(|service| service.name.clone())
            .collect()
    }

    pub(super) fn sync(&mut self, service: &str, files: Vec<SyncItem>, then: AfterSync) {
        self.enqueue(service, What::Items(files), then);
    }

    /// After events were lost: everything that rules cover, as it is now.
    pub(super) fn sync_everything(&mut self) {
        let names: Vec<String> = self
            .stack
            .services
            .values()
            .filter(|service| syncs(service))
            .map(|s| s.name.clone())
            .collect();
        for name in names {
            self.enqueue(&name, What::Everything, AfterSync::Nothing);
        }
    }

    fn enqueue(&mut self, service: &str, what: What, then: AfterSync) {
        self.seed.insert(service.to_owned());
        if let Some(queue) = self.syncing.queues.get_mut(service) {
            queue.push_back((what, then));
            return;
        }
        self.syncing
            .queues
            .insert(service.to_owned(), VecDeque::new());
        self.begin_sync(service, what, then);
    }

    fn begin_sync(&mut self, service: &str, what: What, then: AfterSync) {
        let containers: Vec<String> = self
            .observed
            .containers
            .iter()
            .filter(|container| container.service == service && container.is_running())
            .map(|container| container.id.clone())
            .collect();
        let task = self.task(service, containers, what, then);
        self.spawn(async move { Input::Synced(task.run().await) });
    }

    fn task(&self, service: &str, containers: Vec<String>, what: What, then: AfterSync) -> Task {
        Task {
            world: self.world.clone(),
            stack: Arc::clone(&self.stack),
            service: service.to_owned(),
            containers,
            owners: self.syncing.owners.clone(),
            bounds: Bounds {
                memory: MEMORY,
                scratch: self.store.root().to_owned(),
            },
            what,
            then,
        }
    }

    pub(super) fn synced(&mut self, synced: Synced) {
        let Synced {
            service,
            files,
            first,
            millis,
            restart,
            owners,
            result,
        } = synced;
        self.syncing.owners.extend(owners);
        match result {
            Ok(()) if files > 0 => {
                if restart {
                    self.bounce_lives(&service);
                    self.look.wanted = true;
                }
                let action = if restart {
                    WatchOutcome::SyncedRestarts
                } else {
                    WatchOutcome::Synced
                };
                self.emit(Event::Watched {
                    service: service.clone(),
                    action,
                    files,
                    first,
                    millis,
                });
            }
            Ok(()) => {}
            Err(error) => {
                let action = WatchOutcome::Failed;
                self.emit(Event::Watched {
                    service: service.clone(),
                    action,
                    files,
                    first,
                    millis,
                });
                let mut text = format!("{service}: {error}");
                for line in error.0.detail.iter().chain(&error.0.help) {
                    text = format!("{text}; {line}");
                }
                self.notice(Level::Error, text);
            }
        }
        match self
            .syncing
            .queues
            .get_mut(&service)
            .and_then(VecDeque::pop_front)
        {
            Some((what, then)) => self.begin_sync(&service, what, then),
            None => {
                self.syncing.queues.remove(&service);
            }
        }
    }

    /// Copies everything into a container that has not started yet.
    pub(super) fn begin_seed(&mut self, ticket: Ticket, service: String, container: String) {
        let task = self.task(
            &service,
            vec![container],
            What::Everything,
            AfterSync::Nothing,
        );
        self.spawn(async move {
            let synced = task.run().await;
            Input::Operated {
                ticket,
                millis: synced.millis,
                result: synced.result.map(|()| Output::Nothing),
            }
        });
    }
}

impl Task {
    async fn run(mut self) -> Synced {
        let begun = tokio::time::Instant::now();
        let items = self.items().await;
        let mut result = Ok(());
        let mut first = String::new();
        let mut files = 0;
        match items {
            Ok(items) => {
                files = items.len();
                if let Some(item) = items.first() {
                    let dir = &self.stack.dir;
                    first = item
                        .source
                        .strip_prefix(dir)
                        .unwrap_or(&item.source)
                        .to_string();
                }
                for container in self.containers.clone() {
                    result = self.one(&container, &items).await;
                    if result.is_err() {
                        break;
                    }
                }
            }
            Err(error) => result = Err(error),
        }
        if self.containers.is_empty() {
            files = 0;
        }
        Synced {
            restart: self.then == AfterSync::Restart,
            service: self.service,
            files,
            first,
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            owners: self.owners,
            result,
        }
    }

    async fn items(&self) -> Result<Vec<SyncItem>, RuntimeError> {
        if let What::Items(items) = &self.what {
            return Ok(items.clone());
        }
        let (stack, service) = (Arc::clone(&self.stack), self.service.clone());
        let read = tokio::task::spawn_blocking(move || {
            let Some(service) = stack.services.get(&service) else {
                return Ok(Vec::new());
            };
            let manifest = manifest(&SyncRules::new(&stack, service))?;
            Ok(manifest
                .entries
                .into_values()
                .map(|entry| entry.item)
                .collect())
        });
        read.await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| failed(&error))
    }

    async fn one(&mut self, container: &str, items: &[SyncItem]) -> Result<(), RuntimeError> {
        let owner = self.owner(container).await;
        let (items, bounds) = (items.to_vec(), self.bounds.clone());
        let packed = tokio::task::spawn_blocking(move || pack(&items, owner, &bounds)).await;
        let packed = packed
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| failed(&error))?;
        let mut change = FileChange {
            remove: packed.remove,
            ..FileChange::default()
        };
        match &packed.archive {
            Archive::Empty => {}
            Archive::Memory(bytes) => change.bytes = bytes.clone(),
            Archive::File(path) => {
                let path = camino::Utf8PathBuf::from_path_buf(path.to_path_buf());
                change.archive = path.ok();
            }
        }
        self.world.put_files(container, change).await?;
        match &self.then {
            AfterSync::Nothing | AfterSync::Restart => Ok(()),
            AfterSync::Signal(signal) => self.world.signal(container, signal).await,
            AfterSync::Exec(command) => {
                let spec = ExecSpec {
                    command: command.clone(),
                    ..ExecSpec::default()
                };
                let output = self.world.exec(container, &spec).await?;
                if output.code == 0 {
                    return Ok(());
                }
                let message = format!(
                    "the command after the sync ended with exit code {}",
                    output.code
                );
                let lines = output.output.lines().map(str::to_owned).collect();
                Err(RuntimeError::new(FailureClass::Other, message).detail(lines))
            }
        }
    }

    /// Whom files belong to: the user that the container runs as, asked once of each container. One that does not run,
    /// or has no `id`, gets what the stack file says in numbers.
    async fn owner(&mut self, container: &str) -> Owner {
        if let Some(owner) = self.owners.get(container) {
            return *owner;
        }
        let number = |words: &str| words.trim().parse::<u64>().ok();
        let stated = self
            .stack
            .services
            .get(&self.service)
            .and_then(|service| service.user.clone());
        let stated = stated
            .as_deref()
            .map(|user| user.split_once(':').unwrap_or((user, user)));
        let stated = stated.and_then(|(uid, gid)| {
            Some(Owner {
                uid: number(uid)?,
                gid: number(gid)?,
            })
        });
        if let Some(owner) = stated {
            return owner;
        }
        let command = ["sh", "-c", "id -u; id -g"].map(str::to_owned).to_vec();
        let spec = ExecSpec {
            command,
            ..ExecSpec::default()
        };
        let Ok(output) = self.world.exec(container, &spec).await else {
            return Owner::default();
        };
        let mut numbers = output.output.lines().map(number);
        let owner = match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(uid), Some(gid)) => Owner { uid, gid },
            _ => Owner::default(),
        };
        self.owners.insert(container.to_owned(), owner);
        owner
    }
}

fn syncs(service: &Service) -> bool {
    service
        .watch
        .iter()
        .any(|rule| matches!(rule.action, WatchAction::Sync { .. }))
}

fn failed(error: &std::io::Error) -> RuntimeError {
    RuntimeError::new(
        FailureClass::Other,
        format!("cannot copy files into the container: {error}"),
    )
}
