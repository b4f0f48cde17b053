//! What a preset has to set up inside a container once its probe passes, as further databases: idempotent commands,
//! run once for each life.

use std::time::Duration;

use super::core::{Engine, now};
use super::event::{Event, Failure, FailureClass, Level, Step, Verb};
use super::input::Input;
use super::instances::instance_name;
use crate::plan::observed::Generation;
use crate::runtime::RuntimeError;
use crate::runtime::world::{ExecSpec, World};
use crate::stack::resolve::Value;

/// Tries before it counts as failed.
const TRIES: u32 = 5;
/// For one command.
const LIMIT: Duration = Duration::from_secs(30);

impl Engine {
    pub(super) fn provision_or_ready(
        &mut self,
        service: &str,
        index: u32,
        generation: &Generation,
    ) {
        let commands = self
            .desired
            .provision
            .get(service)
            .cloned()
            .unwrap_or_default();
        let done = self
            .state
            .service(service)
            .and_then(|state| state.instances.get(&index))
            .is_some_and(|instance| instance.provisioned);
        if commands.is_empty() || done {
            self.became_ready(service, index, generation);
            return;
        }
        let life = self.provisioned_life(generation, &commands);
        let noted = self.store.provisioned().get(&instance_name(service, index)) == Some(&life);
        if noted || !self.acts {
            self.set_up(service, index, generation);
            return;
        }
        let key = (service.to_owned(), index);
        let Some(attended) = self.instances.attended.get_mut(&key) else {
            return;
        };
        if attended.provisioning {
            return;
        }
        attended.provisioning = true;
        attended.provision_tries += 1;
        let commands: Vec<Vec<String>> = commands
            .into_iter()
            .map(|command| command.into_iter().map(|value| value.text).collect())
            .collect();
        let world = self.world.clone();
        let (service, generation) = (service.to_owned(), generation.clone());
        self.report_provision(&service, Step::Started);
        self.spawn(async move {
            let mut result = Ok(());
            for command in commands {
                result = provision(world.as_ref(), &generation.id, command).await;
                if result.is_err() {
                    break;
                }
            }
            Input::Provisioned {
                service,
                index,
                generation,
                result,
            }
        });
    }

    pub(super) fn provisioned(
        &mut self,
        service: String,
        index: u32,
        generation: Generation,
        result: Result<(), RuntimeError>,
    ) {
        let Some(attended) = self.instances.attended.get_mut(&(service.clone(), index)) else {
            return;
        };
        if attended.generation != generation {
            return;
        }
        attended.provisioning = false;
        match result {
            Ok(()) => {
                self.report_provision(&service, Step::Done { millis: 0 });
                self.note_provisioned(&service, index, &generation);
                self.set_up(&service, index, &generation);
            }
            Err(error) => {
                let failure = error.0;
                self.report_provision(
                    &service,
                    Step::Failed {
                        failure: failure.clone(),
                    },
                );
                let spent = self
                    .instances
                    .attended
                    .get(&(service.clone(), index))
                    .is_some_and(|attended| attended.provision_tries >= TRIES);
                if spent {
                    self.give_up(service, failure);
                } else {
                    // The next answer of the probe tries again.
                    self.reprobe(&service, index);
                }
            }
        }
    }

    fn set_up(&mut self, service: &str, index: u32, generation: &Generation) {
        let event = Event::Provisioned {
            service: service.to_owned(),
            index,
            generation: generation.clone(),
        };
        self.emit(event);
        self.became_ready(service, index, generation);
    }

    /// Names one life and what is set up in it. Keyed, because a command may hold a secret.
    fn provisioned_life(&self, generation: &Generation, commands: &[Vec<Value>]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(self.store.key());
        let words = commands.iter().flatten().map(|value| value.text.as_str());
        for word in [generation.id.as_str(), generation.started_at.as_str()]
            .into_iter()
            .chain(words)
        {
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn note_provisioned(&mut self, service: &str, index: u32, generation: &Generation) {
        let commands = self
            .desired
            .provision
            .get(service)
            .cloned()
            .unwrap_or_default();
        let life = self.provisioned_life(generation, &commands);
        let mut lives = self.store.provisioned();
        lives.insert(instance_name(service, index), life);
        if let Err(error) = self.store.set_provisioned(&lives) {
            let text =
                format!("cannot note that {service} is set up, so it will be done again: {error}");
            self.notice(Level::Warning, text);
        }
    }

    fn reprobe(&mut self, service: &str, index: u32) {
        let found = self
            .observed
            .containers
            .iter()
            .find(|c| c.service == service && c.index == index)
            .cloned();
        let tries = self
            .instances
            .attended
            .get(&(service.to_owned(), index))
            .map_or(0, |a| a.provision_tries);
        if let Some(container) = found {
            self.instances.end(service, index);
            self.attend_one(&container);
            if let Some(attended) = self
                .instances
                .attended
                .get_mut(&(service.to_owned(), index))
            {
                attended.provision_tries = tries;
            }
        }
    }

    pub(super) fn give_up(&mut self, service: String, failure: Failure) {
        if let Some(supervisor) = self.supervisors.get_mut(&service) {
            supervisor.on_failed(failure.clone(), now());
        }
        self.emit(Event::GaveUp {
            service,
            why: failure,
        });
    }

    fn report_provision(&mut self, service: &str, step: Step) {
        self.emit(Event::Operation {
            service: Some(service.to_owned()),
            subject: service.to_owned(),
            verb: Verb::Provision,
            cause: "it needs databases of its own".to_owned(),
            step,
        });
    }
}

async fn provision(
    world: &dyn World,
    container: &str,
    command: Vec<String>,
) -> Result<(), RuntimeError> {
    let spec = ExecSpec {
        command,
        timeout: Some(LIMIT),
        ..ExecSpec::default()
    };
    let output = world.exec(container, &spec).await?;
    if output.code == 0 {
        return Ok(());
    }
    let lines = output.output.lines().map(str::to_owned).collect();
    Err(RuntimeError::new(
        FailureClass::Other,
        format!("setting it up failed with exit code {}", output.code),
    )
    .detail(lines))
}
