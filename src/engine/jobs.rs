//! Jobs: what each run is made from, and that it is done. A success counts for what the run began with, not for what the
//! files say when it ends; and it counts even if nobody was there to see it.

use std::collections::BTreeMap;

use super::core::Engine;
use super::event::{Event, Level};
use super::goal::Goal;
use super::store::{JobRun, Store};
use crate::plan::desired::{Desired, ImageSource};
use crate::plan::observed::{JobRecord, Observed, ObservedContainer, RanFrom, Status};
use crate::plan::reconcile::{job_hash, job_hash_from, job_is_current};
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
            if self.desired.jobs.get(service) != Some(&run.basis) {
                continue;
            }
            if let Some(record) = self.record_of(&container) {
                // Once: a volume that is renewed later makes it run again.
                self.jobs.runs.remove(service);
                self.job_done(service, record);
                self.keep_job_runs();
            }
        }
        self.renew_records();
    }

    /// What the run of this container, which ended well, was made from; `None` where that is not known, or counts no more.
    fn record_of(&self, container: &ObservedContainer) -> Option<JobRecord> {
        let (stack, desired, observed) = (&self.stack, &self.desired, &self.observed);
        let (service, image) = (&container.service, container.image_id.clone());
        let from = job_hash_from(stack, desired, observed, service, &image);
        let from = from.map(|hash| RanFrom { image, hash });
        if has_wanted_image(stack, desired, observed, container) {
            let hash = job_hash(stack, desired, observed, service)?;
            return Some(JobRecord { hash, from });
        }
        let hash = String::new();
        from.map(|from| JobRecord {
            hash,
            from: Some(from),
        })
    }

    /// Other sources came out as the image that a job ran from: it has run from these, too, and that is to hold when the image
    /// is gone.
    fn renew_records(&mut self) {
        let (stack, desired, observed) = (&self.stack, &self.desired, &self.observed);
        let records = self.jobs.records.iter();
        let renewed = records.filter_map(|(service, record)| {
            let hash = job_hash(stack, desired, observed, service)?;
            let is_renewed = self.is_job(service)
                && record.hash != hash
                && job_is_current(stack, desired, observed, service);
            is_renewed.then(|| (service.clone(), hash))
        });
        for (service, hash) in renewed.collect::<Vec<_>>() {
            if let Some(record) = self.jobs.records.get_mut(&service) {
                record.hash = hash;
            }
            self.keep_job_records(&service);
        }
    }

    fn job_done(&mut self, service: &str, record: JobRecord) {
        self.rerun.remove(service);
        // From an image that is being made anew: whether it has to run again, that tells.
        let current = !record.hash.is_empty();
        self.jobs.records.insert(service.to_owned(), record);
        if current {
            self.emit(Event::Job {
                service: service.to_owned(),
                current,
            });
        }
        self.keep_job_records(service);
    }

    /// One that may end has ended well by itself: who stops it later ends it with 0, too.
    pub(super) fn note_finished(&mut self, container: &ObservedContainer) {
        let hash = life(container);
        let service = &container.service;
        self.jobs
            .records
            .insert(service.clone(), JobRecord { hash, from: None });
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
