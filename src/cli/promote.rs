//! `dev promote`: a cluster made to match the stack.

mod images;
mod secrets;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::args::{GlobalArgs, PromoteArgs};
use super::cluster::{Touch, allowed, boot_id, values_of};
use super::error::CliError;
use super::exit::ExitCode;
use super::going::{Outside, going, outside, refused};
use super::output::to_stderr;
use super::session::Session;
use crate::promote::{Facts, Going, Kind, Object, Promotion, REVISION, namespace, promote};
use crate::runtime::kube::{Change, Kube, Locality, Outcome, Record, Revision, What, locality};
use crate::stack::Probe;
use show::Show;

/// Beyond a probe's own deadline: an image has to get there, and a node has to be found.
const DELIVERY: Duration = Duration::from_secs(120);
/// A job has no probe.
const JOB: Duration = Duration::from_secs(600);

/// # Errors
/// The stack cannot be read or cannot go, there is no cluster or it is not this machine's, or it refuses something.
pub async fn run(global: &GlobalArgs, arguments: &PromoteArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.warn(global);
    session.check_names(&arguments.services)?;
    let kube = Kube::connect(&session.environment, arguments.context.as_deref()).await?;
    let place = locality(&kube.server, &kube.nodes().await?, &boot_id());
    let touch = match arguments.plan {
        true => Touch::Looks,
        false => Touch::Changes { yes: arguments.yes },
    };
    let is_named = arguments.context.is_some();
    allowed(&kube, &place, is_named, touch, "dev promote")?;
    let wanted: BTreeSet<String> = arguments.services.iter().cloned().collect();
    let mut going = going(&session, &wanted);
    if let Some(name) = &arguments.namespace {
        going.stack.kubernetes.namespace = Some(name.clone());
    }
    let mut show = Show::new(global.json, &going.stack);
    if arguments.undo {
        return undo(&kube, &going, arguments, &mut show).await;
    }
    let work = Promoting {
        kube: &kube,
        going: &going,
        session: &session,
        arguments,
    };
    work.run(&place, &mut show).await
}

struct Promoting<'a> {
    kube: &'a Kube,
    going: &'a Going,
    session: &'a Session,
    arguments: &'a PromoteArgs,
}

impl Promoting<'_> {
    async fn run(&self, place: &Locality, show: &mut Show) -> Result<ExitCode, CliError> {
        let Self {
            kube,
            going,
            session,
            arguments,
        } = *self;
        let images = images::images(session, going, show).await?;
        let secrets = secrets::values(session, going, kube).await?;
        show.hide(secrets.all());
        let Outside {
            environment,
            git,
            mounted,
        } = outside(session, going).await;
        let facts = Facts {
            images: images.of_services.clone(),
            mounted,
            environment,
            git,
            secret_digests: secrets.digests(session.store.key()),
            gates: false,
        };
        let promotion = promote(going, &facts).map_err(refused)?;
        if !show.is_json() {
            for note in &promotion.notes {
                to_stderr(&format!("{}: {}", note.service, note.text));
            }
        }
        let mut objects = promotion.objects.clone();
        objects.extend(secrets.object(going, &promotion)?);
        objects.sort_by(|a, b| (a.wave, a.kind, &a.name).cmp(&(b.wave, b.kind, &b.name)));
        let difference = Difference::of(
            kube,
            &promotion.name,
            &promotion.namespace,
            &objects,
            arguments,
        )
        .await?;
        if arguments.plan {
            show.plan(&kube.context, &promotion.namespace, &difference.all());
            return Ok(ExitCode::Done);
        }
        if !difference.is_empty() {
            images.deliver(session, kube, place, show).await?;
        }
        let Promotion {
            name, namespace, ..
        } = &promotion;
        let target = Target {
            kube,
            name,
            namespace,
            going,
            arguments,
        };
        target.reach(&objects, difference, show).await
    }
}

/// What is to be done.
struct Difference {
    changes: Vec<Change>,
    left_over: Vec<Change>,
}

impl Difference {
    async fn of(
        kube: &Kube,
        name: &str,
        namespace: &str,
        objects: &[Object],
        arguments: &PromoteArgs,
    ) -> Result<Self, CliError> {
        let all: Vec<&Object> = objects.iter().collect();
        let changes = kube.compare(name, namespace, &all).await?;
        // A part of the stack says nothing of the rest.
        let left_over = match arguments.services.as_slice() {
            [] => kube.left_over(name, namespace, &all).await?,
            _ => Vec::new(),
        };
        Ok(Self { changes, left_over })
    }

    fn is_empty(&self) -> bool {
        self.left_over.is_empty()
            && self
                .changes
                .iter()
                .all(|change| change.what == What::Nothing)
    }

    fn all(&self) -> Vec<&Change> {
        self.changes.iter().chain(&self.left_over).collect()
    }
}

/// A stack in its namespace.
struct Target<'a> {
    kube: &'a Kube,
    name: &'a str,
    namespace: &'a str,
    going: &'a Going,
    arguments: &'a PromoteArgs,
}

impl Target<'_> {
    /// Applies what differs, wave after wave, each when the one before is ready; then what is no longer wanted goes.
    async fn reach(
        &self,
        objects: &[Object],
        difference: Difference,
        show: &mut Show,
    ) -> Result<ExitCode, CliError> {
        let nothing = difference.is_empty();
        let number = match nothing {
            true => None,
            false => Some(self.begin(objects).await?),
        };
        let labelled: Vec<Object> = objects
            .iter()
            .map(|object| labelled(object, number))
            .collect();
        let mut waves: BTreeMap<u32, Vec<&Object>> = BTreeMap::new();
        for object in &labelled {
            waves.entry(object.wave).or_default().push(object);
        }
        for wave in waves.values() {
            if !nothing {
                self.kube.apply(self.namespace, wave).await?;
                show.applied(&difference.changes, wave);
            }
            let within = self.arguments.timeout.unwrap_or_else(|| self.within(wave));
            let waited = self
                .kube
                .wait(self.namespace, wave, within, &mut |service, why| {
                    show.state(service, why, nothing)
                })
                .await?;
            match waited {
                Outcome::Ready => {}
                Outcome::NotInTime(late) => {
                    show.failed(&late, Some(within));
                    return Ok(ExitCode::NotReady);
                }
                Outcome::Failed(failed) => {
                    show.failed(&failed, None);
                    return Ok(ExitCode::ServiceFailed);
                }
            }
        }
        self.kube
            .remove(self.namespace, &difference.left_over)
            .await?;
        show.removed(&difference.left_over);
        show.done(
            &self.kube.context,
            self.namespace,
            number,
            &difference.all(),
        );
        Ok(ExitCode::Done)
    }

    /// Makes the namespace where it is not there, and keeps what is about to be; its number.
    async fn begin(&self, objects: &[Object]) -> Result<u64, CliError> {
        let space = self.namespace;
        if self
            .kube
            .find(Kind::Namespace, space, space)
            .await?
            .is_none()
        {
            let value =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": space } });
            self.kube
                .apply(space, &[&Object::new(Kind::Namespace, space, 0, &value)])
                .await?;
        }
        let latest = self
            .kube
            .revisions(self.name, space)
            .await?
            .into_iter()
            .next();
        let records: Vec<Record> = objects.iter().map(Record::of).collect();
        let number = match latest {
            // Begun before, and not brought to its end.
            Some(latest) if same(&latest.objects, &records) => return Ok(latest.number),
            Some(latest) => latest.number + 1,
            None => 1,
        };
        let revision = Revision {
            number,
            objects: records,
        };
        self.kube.record(self.name, space, &revision).await?;
        Ok(number)
    }

    /// The longest of the times that the services of a wave have.
    fn within(&self, wave: &[&Object]) -> Duration {
        let of = |object: &&&Object| {
            let service = self.going.stack.services.get(object.service.as_deref()?)?;
            Some(match object.kind {
                Kind::Job => JOB,
                _ => {
                    service
                        .ready
                        .as_ref()
                        .map_or(Probe::WITHIN, |probe| probe.within)
                        + DELIVERY
                }
            })
        };
        let workloads = wave.iter().filter(|object| object.kind.is_workload());
        workloads
            .filter_map(|object| of(&object))
            .max()
            .unwrap_or(Probe::WITHIN + DELIVERY)
    }
}

fn same(a: &[Record], b: &[Record]) -> bool {
    serde_json::to_value(a).ok() == serde_json::to_value(b).ok()
}

/// Every object of one promotion says which.
fn labelled(object: &Object, number: Option<u64>) -> Object {
    let mut object = object.clone();
    if let Some(number) = number {
        object.value["metadata"]["labels"][REVISION] = json!(number.to_string());
    }
    object
}

/// Applies the promotion before the latest once more, as a new one.
async fn undo(
    kube: &Kube,
    going: &Going,
    arguments: &PromoteArgs,
    show: &mut Show,
) -> Result<ExitCode, CliError> {
    let (name, space) = (
        crate::stack::cluster_name(&going.stack.name),
        namespace(&going.stack),
    );
    let before = kube.revisions(&name, &space).await?.into_iter().nth(1);
    let Some(before) = before else {
        return Err(CliError::Usage {
            message: format!(
                "there is no promotion of {name} before the latest in namespace `{space}`"
            ),
            help: Some("`dev promote` makes one; `--namespace NAME` looks elsewhere".to_owned()),
        });
    };
    let objects: Vec<Object> = before
        .objects
        .into_iter()
        .filter_map(Record::object)
        .collect();
    let kept = objects.iter().filter(|object| object.kind == Kind::Secret);
    let kept: Vec<_> = kept.map(|object| values_of(&object.value)).collect();
    show.hide(kept.iter().flat_map(BTreeMap::values));
    let difference = Difference::of(kube, &name, &space, &objects, arguments).await?;
    let target = Target {
        kube,
        name: &name,
        namespace: &space,
        going,
        arguments,
    };
    target.reach(&objects, difference, show).await
}
