//! Host processes, one for each service that `run`s one.

use secrecy::ExposeSecret;

use super::container::hash_port;
use super::hash::Digest;
use super::{Desire, PortSpec, ProcessSpec};
use crate::plan::allocate::refers_to_itself;
use crate::stack::Service;
use crate::stack::resolve::{Asker, Value};

impl Desire<'_> {
    pub(super) fn process(&mut self, service: &Service, command: &str) -> ProcessSpec {
        let asker = Asker::Host {
            service: Some(&service.name),
        };
        let env = service.env.iter().map(|(name, template)| {
            let value = self.value_for(asker, service, || format!("env.{name}"), template);
            (name.clone(), value)
        });
        let env = env.collect();
        let dir = &self.stack.dir;
        let secrets = self.facts.secrets.values().map(|secret| Value {
            text: secret.expose_secret().to_owned(),
            secret: true,
        });
        // Nobody could tell it another one.
        let movable = refers_to_itself(service);
        let ports = self.ports(service, 1).into_iter().map(|port| PortSpec {
            auto: port.auto && movable,
            ..port
        });
        let mounts = self.mounts(service).into_iter();
        let mut spec = ProcessSpec {
            service: service.name.clone(),
            index: 1,
            name: self.container_name(service, 1),
            job: service.is_job(),
            command: command.to_owned(),
            env,
            workdir: service
                .workdir
                .as_ref()
                .map_or_else(|| dir.clone(), |folder| dir.join(folder)),
            volumes: mounts.filter_map(|mount| mount.volume).collect(),
            ports: ports.collect(),
            movable,
            restart: service.restart,
            stop_signal: service.stop.signal.clone(),
            stop_grace: service.stop.grace,
            log_limit: service.limits.log,
            secrets: secrets.collect(),
            hash: String::new(),
        };
        spec.hash = hash(&spec, self.key);
        spec
    }

    pub(super) fn process_provision(&mut self, service: &Service) -> Vec<Vec<Value>> {
        let asker = Asker::Host {
            service: Some(&service.name),
        };
        let commands = service.provision.iter().map(|command| {
            let words = command.iter();
            let words =
                words.map(|word| self.value_for(asker, service, || "provision".to_owned(), word));
            words.collect()
        });
        commands.collect()
    }

    /// The stack's part of a job's record.
    pub(super) fn process_job(&self, service: &Service, process: &ProcessSpec) -> String {
        let mut digest = Digest::new("process job 1", self.key);
        digest.text(&process.command);
        digest.pairs(&process.env);
        self.inputs(service, &mut digest);
        digest.finish()
    }
}

/// See [`ProcessSpec::hash`]. Taken apart completely, so that a new field cannot be forgotten here.
fn hash(spec: &ProcessSpec, key: &[u8; 32]) -> String {
    let ProcessSpec {
        service,
        index: _,
        name: _,
        job,
        command,
        env,
        workdir,
        volumes,
        ports,
        movable: _,
        restart: _,
        stop_signal,
        stop_grace,
        log_limit,
        secrets: _,
        hash: _,
    } = spec;
    let mut digest = Digest::new("process 1", key);
    digest.text(service);
    digest.flag(*job);
    digest.text(command);
    digest.pairs(env);
    digest.text(workdir.as_str());
    digest.list(volumes.iter(), |digest, name| digest.text(name));
    digest.list(ports.iter(), hash_port);
    digest.optional_text(stop_signal.as_deref());
    digest.number(u64::try_from(stop_grace.as_millis()).unwrap_or(u64::MAX));
    digest.option(*log_limit, Digest::number);
    digest.finish()
}
