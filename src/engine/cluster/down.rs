//! Takes a stack away: workloads in the reverse order of needs, each gone before what it needs; then the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::watch::Watcher;
use crate::engine::event::{Event, FailureClass, Step, Verb};
use crate::promote::{Kind, secret_name};
use crate::runtime::RuntimeError;
use crate::runtime::kube::{Change, There};
use crate::stack::{Stack, cluster_name};

/// Between two looks at what still ends.
const PACE: Duration = Duration::from_millis(200);
/// Beyond the longest time that a pod has to end.
const ENDING: Duration = Duration::from_secs(60);

/// What goes.
#[derive(Debug, Clone)]
pub struct Down {
    pub there: There,
    /// Claims, too, with the data in them.
    pub volumes: bool,
    /// How long each pod has to end, instead of its own time.
    pub grace: Option<Duration>,
}

impl Down {
    pub(super) async fn run(self, watcher: &mut Watcher) -> Result<(), RuntimeError> {
        watcher.emit(Event::Ending { removes: true });
        let stack = watcher.place.stack.clone();
        let (workloads, rest) = self.split(&stack);
        for wave in workloads {
            self.end(watcher, &wave).await?;
        }
        for object in &rest {
            remove(watcher, object).await?;
        }
        let space = watcher.place.namespace.clone();
        if self.volumes {
            for claim in &self.there.claims {
                let subject = format!("PersistentVolumeClaim {claim}");
                let begun = begin(watcher, None, &subject);
                let kube = watcher.place.kube.clone();
                kube.remove_claims(&space, std::slice::from_ref(claim))
                    .await?;
                done(watcher, None, &subject, begun);
            }
        }
        let kube = watcher.place.kube.clone();
        kube.remove_records(&space, &self.there.records).await?;
        watcher.emit(Event::Bye {
            removed: true,
            failure: None,
        });
        Ok(())
    }

    /// Workloads by wave, the last first, and what is not one. What data was made with stays with it.
    fn split(&self, stack: &Stack) -> (Vec<Vec<Change>>, Vec<Change>) {
        let waves = waves(stack);
        let mut workloads: BTreeMap<u32, Vec<Change>> = BTreeMap::new();
        let mut rest = Vec::new();
        let kept = self.keeps().then(|| secret_name(stack));
        for object in &self.there.objects {
            let is_kept = object.kind == Kind::Secret && Some(&object.name) == kept.as_ref();
            match &object.service {
                _ if is_kept => {}
                Some(service) if object.kind.is_workload() || object.kind == Kind::CronJob => {
                    // Of what the stack file has no more, nothing is known to be needed.
                    let wave = waves.get(service).copied().unwrap_or(u32::MAX);
                    workloads.entry(wave).or_default().push(object.clone());
                }
                _ => rest.push(object.clone()),
            }
        }
        (workloads.into_values().rev().collect(), rest)
    }

    /// Claims stay, and what their data was made with.
    pub fn keeps(&self) -> bool {
        !self.volumes && !self.there.claims.is_empty()
    }

    /// Removes workloads, and waits until their pods have ended.
    async fn end(&self, watcher: &mut Watcher, wave: &[Change]) -> Result<(), RuntimeError> {
        let place = watcher.place.clone();
        let (name, space) = (place.name(), &place.namespace);
        // Those of a stack file without this service, too, have their label.
        let services: Vec<&str> = wave
            .iter()
            .filter_map(|one| one.service.as_deref())
            .collect();
        let mut begun = Vec::new();
        for object in wave {
            begun.push(begin(
                watcher,
                service_of(&place.stack, object),
                &subject(object),
            ));
        }
        place.kube.remove(space, wave).await?;
        if let Some(grace) = self.grace {
            let pods = place.kube.pods_of(&name, space, &services).await?;
            place.kube.hasten(space, &pods, grace).await?;
        }
        let late = Instant::now() + self.longest(&place.stack) + ENDING;
        loop {
            let left = place.kube.pods_of(&name, space, &services).await?;
            if left.is_empty() {
                break;
            }
            if Instant::now() >= late {
                return Err(RuntimeError::new(
                    FailureClass::NotReady,
                    format!("still ending: {}", left.join(", ")),
                )
                .help("`dev down --on kubernetes --timeout 0` ends them at once"));
            }
            tokio::time::sleep(PACE).await;
        }
        watcher.look().await;
        for (object, begun) in wave.iter().zip(begun) {
            done(
                watcher,
                service_of(&place.stack, object),
                &subject(object),
                begun,
            );
        }
        Ok(())
    }

    fn longest(&self, stack: &Stack) -> Duration {
        let own = stack.services.values().map(|service| service.stop.grace);
        self.grace.or_else(|| own.max()).unwrap_or_default()
    }
}

async fn remove(watcher: &mut Watcher, object: &Change) -> Result<(), RuntimeError> {
    let place = watcher.place.clone();
    let subject = subject(object);
    // Of a service it is told that it was removed when its workload is.
    let begun = begin(watcher, None, &subject);
    place
        .kube
        .remove(&place.namespace, std::slice::from_ref(object))
        .await?;
    done(watcher, None, &subject, begun);
    Ok(())
}

fn subject(object: &Change) -> String {
    format!("{} {}", object.kind, object.name)
}

/// As the stack file has it.
fn service_of(stack: &Stack, object: &Change) -> Option<String> {
    let named = object.service.as_ref()?;
    let mut names = stack.services.keys();
    names.find(|name| cluster_name(name) == *named).cloned()
}

fn begin(watcher: &mut Watcher, service: Option<String>, subject: &str) -> Instant {
    operation(watcher, service, subject, Step::Started);
    Instant::now()
}

fn done(watcher: &mut Watcher, service: Option<String>, subject: &str, begun: Instant) {
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    operation(watcher, service, subject, Step::Done { millis });
}

fn operation(watcher: &mut Watcher, service: Option<String>, subject: &str, step: Step) {
    watcher.emit(Event::Operation {
        service,
        subject: subject.to_owned(),
        verb: Verb::Remove,
        cause: "taken down".to_owned(),
        step,
    });
}

/// How far from what needs nothing each service is, by its name on the cluster.
fn waves(stack: &Stack) -> BTreeMap<String, u32> {
    let mut waves: BTreeMap<&str, u32> = BTreeMap::new();
    let order = stack.in_order();
    for name in &order {
        let Some(service) = stack.services.get(name) else {
            continue;
        };
        let needs = service.needs.keys();
        let before = needs
            .filter_map(|need| waves.get(need.as_str()).copied())
            .max();
        waves.insert(name, before.map_or(0, |before| before + 1));
    }
    let named = waves.into_iter();
    named
        .map(|(name, wave)| (cluster_name(name), wave))
        .collect()
}
