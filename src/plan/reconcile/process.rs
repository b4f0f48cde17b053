//! One host process: what has to happen so that the wanted one runs.

use super::Builder;
use crate::plan::desired::ProcessSpec;
use crate::plan::observed::{ObservedContainer, Status};
use crate::plan::operation::{Action, Cause, OpId, Subject};

impl Builder<'_> {
    pub(super) fn process(&mut self, spec: &ProcessSpec) {
        let wanted = self.wanted;
        let asked = wanted.rerun.contains(&spec.service);
        if spec.job && !asked && self.has_run(&spec.service) {
            return;
        }
        let existing = wanted
            .observed
            .containers
            .iter()
            .find(|other| other.service == spec.service && other.index == spec.index);
        match existing {
            None => self.start_process(spec, Cause::Missing, Vec::new()),
            Some(container) if !container.is_process() => {
                let gone = self.remove_container(container, &Cause::ConfigChanged, Vec::new());
                self.start_process(spec, Cause::ConfigChanged, vec![gone]);
            }
            Some(process) => self.existing_process(spec, process, asked),
        }
    }

    fn existing_process(&mut self, spec: &ProcessSpec, process: &ObservedContainer, asked: bool) {
        let stays = self.wanted.demands.keep.contains(&process.id);
        let changed = !stays && process.config.as_deref() != Some(spec.hash.as_str());
        match process.status {
            Status::Created => self.start_process(spec, Cause::Missing, Vec::new()),
            Status::Exited { code, .. } => {
                if !spec.job {
                    let exit = Some(code);
                    let cause = if changed {
                        Cause::ConfigChanged
                    } else {
                        Cause::NotRunning { exit }
                    };
                    self.start_process(spec, cause, Vec::new());
                    return;
                }
                let cause = match (changed, asked) {
                    (true, _) => Cause::ConfigChanged,
                    (false, true) => Cause::Asked,
                    (false, false) => Cause::InputsChanged,
                };
                // So that no earlier end passes for one of this run.
                let gone = self.remove_container(process, &cause, Vec::new());
                self.start_process(spec, cause, vec![gone]);
            }
            // It has nobody who reads its log and notes its end.
            Status::Dead => self.replace(spec, process, &Cause::NotRunning { exit: None }),
            _ if changed => self.replace(spec, process, &Cause::ConfigChanged),
            _ => {
                self.restart_policy(subject(spec), spec.job, spec.restart, process);
                if let Some(cause) = self.bounce_cause(process) {
                    self.replace(spec, process, &cause);
                }
            }
        }
    }

    fn replace(&mut self, spec: &ProcessSpec, process: &ObservedContainer, cause: &Cause) {
        let stop = self.stop_container(process, cause, Vec::new());
        self.start_process(spec, cause.clone(), vec![stop]);
    }

    fn start_process(&mut self, spec: &ProcessSpec, cause: Cause, mut after: Vec<OpId>) {
        after.extend(self.volumes(spec.volumes.iter()));
        let action = Action::StartProcess {
            spec: Box::new(spec.clone()),
        };
        let id = self.push(subject(spec), action, cause, after);
        self.gate(id, &spec.service);
    }
}

fn subject(spec: &ProcessSpec) -> Subject {
    Subject::Instance {
        service: spec.service.clone(),
        index: spec.index,
        name: spec.name.clone(),
    }
}
