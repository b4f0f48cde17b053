//! Jobs: what each run is made from, and that it is done. A success counts for what the run began with, not for what the
//! files say when it ends; and it counts even if nobody was there to see it.

use std::collections::BTreeMap;

use super::core::Engine;
use super::event::{Event, Level};
use super::goal::Goal;
use super::store::{JobRun, Store};
use crate::plan::desired::{Desired, ImageSource};
use crate::plan::observed::{JobRecord, Observed, ObservedContainer, Status};
use crate::plan::reconcile::job_hash;
use crate::plan::{Action, Operation};
use crate::stack::{Role, Source, Stack};

/// What is remembered of jobs. Read once: with a full disk, or without the folder, it still holds for this engine.
#[derive(Debug)]
pub(super) struct Jobs {
    pub records: BTreeMap<String, JobRecord>,
    runs: BTreeMap<String, JobRun>,
}

impl Jobs {
    pub fn read(store: &Store) -> Self {
        Self {
            records: store.jobs(),
            runs: store.job_runs(),
        }
    }
}

impl Engine {
    pub(super) fn is_job(&self, service: &str) -> bool {
        self.stack
            .services
            .get(service)
            .is_some_and(crate::stack::Service::is_job)
    }

    /// Before an operation begins: whether it begins or ends a run of a job.
    pub(super) fn note_job(&mut self, operation: &Operation, input: Option<&str>) {
        let Some(service) = operation
            .subject
            .service()
            .filter(|service| self.is_job(service))
        else {
            return;
        };
        match &operation.action {
            Action::StartContainer { .. } => self.note_job_run(service, input.unwrap_or_default()),
            Action::StartProcess { spec } => self.note_job_run(service, &spec.id()),
            // One that is told to stop may well say that it ended well.
            Action::StopContainer { .. } if self.jobs.runs.remove(service).is_some() => {
                self.keep_job_runs()
            }
            _ => {}
        }
    }

    fn note_job_run(&mut self, service: &str, container: &str) {
        let Some(basis) = self.desired.jobs.get(service) else {
            return;
        };
        let run = JobRun {
            container: container.to_owned(),
            basis: basis.clone(),
        };
        self.jobs.runs.insert(service.to_owned(), run);
        self.keep_job_runs();
        // What ran before says nothing once it has begun again: a run that is cut off is no success.
        if self.jobs.records.remove(service).is_some() {
            self.keep_job_records(service);
        }
    }

    /// Takes in every run that has succeeded.
    pub(super) fn settle_jobs(&mut self) {
        if !matches!(self.goal, Goal::Up { .. }) {
            return;
        }
        let ended = |c: &&ObservedContainer| matches!(c.status, Status::Exited { code: 0, .. });
        let ended: Vec<ObservedContainer> = self
            .observed
            .containers
            .iter()
            .filter(ended)
            .filter(|c| self.is_job(&c.service))
            .cloned()
            .collect();
        for container in ended {
            let service = &container.service;
            let Some(run) = self
                .jobs
                .runs
                .get(service)
                .filter(|run| run.container == container.id)
            else {
                continue;
            };
            let as_wanted = self.desired.jobs.get(service) == Some(&run.basis)
                && has_wanted_image(&self.stack, &self.desired, &self.observed, &container);
            let hash = job_hash(&self.stack, &self.desired, &self.observed, service);
            if let Some(hash) = hash.filter(|_| as_wanted) {
                // Once: a volume that is renewed later makes it run again.
                self.jobs.runs.remove(service);
                self.job_done(service, hash);
                self.keep_job_runs();
            }
        }
    }

    fn job_done(&mut self, service: &str, hash: String) {
        self.rerun.remove(service);
        self.emit(Event::Job {
            service: service.to_owned(),
            current: true,
        });
        self.jobs
            .records
            .insert(service.to_owned(), JobRecord { hash });
        self.keep_job_records(service);
    }

    /// One that may end has ended well by itself: who stops it later ends it with 0, too.
    pub(super) fn note_finished(&mut self, container: &ObservedContainer) {
        let hash = life(container);
        let service = &container.service;
        self.jobs
            .records
            .insert(service.clone(), JobRecord { hash });
        self.keep_job_records(service);
    }

    pub(super) fn has_finished(&self, container: &ObservedContainer) -> bool {
        let record = self.jobs.records.get(&container.service);
        !self.is_job(&container.service) && record.is_some_and(|r| r.hash == life(container))
    }

    fn keep_job_records(&mut self, service: &str) {
        self.observed.jobs.clone_from(&self.jobs.records);
        if !self.acts {
            return;
        }
        if let Err(error) = self.store.set_jobs(&self.jobs.records) {
            let text =
                format!("cannot note how far {service} is, so it may run again next time: {error}");
            self.notice(Level::Warning, text);
        }
    }

    fn keep_job_runs(&mut self) {
        if !self.acts {
            return;
        }
        if let Err(error) = self.store.set_job_runs(&self.jobs.runs) {
            let text = format!(
                "cannot note what jobs began with, so they will run again next time: {error}"
            );
            self.notice(Level::Warning, text);
        }
    }
}

/// Names one life of a container in a record.
fn life(container: &ObservedContainer) -> String {
    format!("{} {}", container.id, container.started_at)
}

/// Whether the container of a job was made from the image that counts now; with inputs, the image does not count.
fn has_wanted_image(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    container: &ObservedContainer,
) -> bool {
    let Some(service) = stack.services.get(&container.service) else {
        return false;
    };
    let has_inputs = matches!(&service.role, Role::Job(job) if job.inputs.is_some());
    if has_inputs || matches!(service.source, Source::Run(_)) {
        return true;
    }
    let Some(source) = desired.images.get(&container.service) else {
        return false;
    };
    let Some(image) = observed.images.get(source.reference()) else {
        return false;
    };
    let is_current = match source {
        ImageSource::Pull(_) => true,
        ImageSource::Build(tag) => {
            let spec = desired.builds.iter().find(|build| build.tag == *tag);
            spec.is_some_and(|spec| image.is_made_as(spec))
        }
    };
    is_current && image.id == container.image_id
}
