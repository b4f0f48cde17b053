//! Containers, one for each instance of a service.

use super::hash::Digest;
use super::{
    ContainerSpec, Desire, LABEL_CHECKOUT, LABEL_CONFIG_FILES, LABEL_DEPENDS_ON, LABEL_DIR,
    LABEL_NUMBER, LABEL_ONEOFF, LABEL_PROJECT, LABEL_SERVICE, LABEL_VERSION, LABEL_WORKING_DIR,
    MountSpec, NetworkAttachment, PortSpec, checkout_of, network_keys,
};
use crate::plan::allocate::PortKey;
use crate::stack::resolve::Value;
use crate::stack::{Condition, Endpoint, HostPort, Mount, Protocol, Role, Service, Template};

/// Where the helper for syncing lies in a container whose root is read-only: a volume without a name, gone with the container.
pub const HELPER_VOLUME: &str = "/.dev-helper";

/// Labels that say something about an instance or its making, and change without a change of the container.
const OUTSIDE_HASH: [&str; 7] = [
    LABEL_CHECKOUT,
    LABEL_CONFIG_FILES,
    LABEL_DEPENDS_ON,
    LABEL_DIR,
    LABEL_NUMBER,
    LABEL_VERSION,
    LABEL_WORKING_DIR,
];

impl Desire<'_> {
    pub(super) fn containers(&mut self, service: &Service, image: &str) -> Vec<ContainerSpec> {
        let first = ContainerSpec {
            image: image.to_owned(),
            ..self.container(service, 1)
        };
        let mut containers = Vec::new();
        for index in 1..=service.replicas {
            let mut container = ContainerSpec {
                index,
                name: self.container_name(service, index),
                ports: self.ports(service, index),
                labels: self.labels(service, index),
                ..first.clone()
            };
            container.hash = hash(&container, self.key);
            containers.push(container);
        }
        containers
    }

    pub(super) fn container_name(&self, service: &Service, index: u32) -> String {
        match &service.container.name {
            Some(name) => name.clone(),
            None => format!("{}-{}-{index}", self.stack.name, service.name),
        }
    }

    /// Without what tells instances apart, and without the hash.
    fn container(&mut self, service: &Service, index: u32) -> ContainerSpec {
        let env = service.env.iter().map(|(name, template)| {
            (
                name.clone(),
                self.value(service, || format!("env.{name}"), template),
            )
        });
        let env = env.collect();
        let mut words = |field: &str, words: &Option<Vec<Template>>| -> Option<Vec<Value>> {
            words
                .as_deref()
                .map(|words| self.values(service, field, words))
        };
        ContainerSpec {
            service: service.name.clone(),
            index,
            name: String::new(),
            image: String::new(),
            job: service.is_job(),
            command: words("command", &service.command),
            entrypoint: words("entrypoint", &service.entrypoint),
            env,
            user: service.user.clone(),
            workdir: service.workdir.clone(),
            ports: Vec::new(),
            mounts: self.mounts(service),
            networks: self.attachments(service),
            host_network: service.host_network,
            host_pid: service.host_pid,
            labels: Vec::new(),
            restart: service.restart,
            stop_signal: service.stop.signal.clone(),
            stop_grace: service.stop.grace,
            memory: service.limits.memory,
            cpu_millis: service.limits.cpu_millis,
            pids: service.limits.pids,
            options: self.options(service),
            hash: String::new(),
        }
    }

    pub(super) fn ports(&self, service: &Service, index: u32) -> Vec<PortSpec> {
        let port = |(name, port): (&String, &crate::stack::Port)| {
            let key = PortKey {
                service: service.name.clone(),
                port: name.clone(),
                index,
            };
            let is_published = port.publish && !service.host_network;
            PortSpec {
                name: name.clone(),
                container: port.container,
                protocol: port.protocol,
                host: self.allocations.get(&key).copied().filter(|_| is_published),
                auto: !matches!(port.host, HostPort::Fixed(_)) || index > 1,
                bind: port.bind,
                everywhere: port.everywhere,
            }
        };
        service.ports.iter().map(port).collect()
    }

    pub(super) fn mounts(&self, service: &Service) -> Vec<MountSpec> {
        let mount = |mount: &Mount| MountSpec {
            mount: mount.clone(),
            volume: match mount {
                Mount::Volume { key, .. } => Some(self.stack.volume_name(key)),
                Mount::Bind { .. }
                | Mount::Tmpfs { .. }
                | Mount::Anonymous { .. }
                | Mount::Image { .. } => None,
            },
        };
        let mut mounts: Vec<MountSpec> = service.mounts.iter().map(mount).collect();
        if service.container.read_only && service.syncs() {
            mounts.push(mount(&Mount::Anonymous {
                target: HELPER_VOLUME.to_owned(),
                read_only: false,
            }));
        }
        mounts
    }

    fn attachments(&self, service: &Service) -> Vec<NetworkAttachment> {
        let options = &service.container;
        let links = self.links(service);
        let first = network_keys(service).into_iter().next();
        let attachment = |key: &str| {
            let mut endpoint = options.endpoints.get(key).cloned().unwrap_or_default();
            if first == Some(key) && endpoint.mac_address.is_none() {
                endpoint.mac_address.clone_from(&options.mac_address);
            }
            let mut aliases = vec![service.name.clone()];
            aliases.extend(endpoint.aliases.iter().cloned());
            NetworkAttachment {
                network: self.stack.network_name(key),
                aliases,
                links: links.clone(),
                endpoint,
            }
        };
        network_keys(service).into_iter().map(attachment).collect()
    }

    /// Sorted by name; ours win over what the stack file says.
    fn labels(&self, service: &Service, index: u32) -> Vec<(String, String)> {
        let layers: Vec<&str> = self
            .stack
            .layers
            .iter()
            .map(|layer| layer.as_str())
            .collect();
        let ours = [
            (LABEL_DIR, self.stack.dir.to_string()),
            (LABEL_CHECKOUT, checkout_of(self.key)),
            (LABEL_PROJECT, self.stack.name.clone()),
            (LABEL_SERVICE, service.name.clone()),
            (LABEL_NUMBER, index.to_string()),
            (LABEL_ONEOFF, "False".to_owned()),
            (LABEL_WORKING_DIR, self.stack.dir.to_string()),
            (LABEL_CONFIG_FILES, layers.join(",")),
            (LABEL_DEPENDS_ON, self.depends_on(service)),
            (LABEL_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let mut labels = service.labels.clone();
        labels.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        labels.into_iter().collect()
    }

    /// As compose writes it, which takes a stack down in this order.
    fn depends_on(&self, service: &Service) -> String {
        let needs = service.needs.iter().map(|(name, need)| {
            let is_job = self.stack.services.get(name).is_some_and(Service::is_job);
            let condition = match need.condition {
                Condition::Started => "service_started",
                Condition::Ready if is_job => "service_completed_successfully",
                Condition::Ready => "service_healthy",
            };
            format!("{name}:{condition}:{}", need.restart)
        });
        needs.collect::<Vec<_>>().join(",")
    }

    /// The stack's part of a job's record.
    pub(super) fn job(&self, service: &Service, container: &ContainerSpec) -> String {
        let mut digest = Digest::new("job 1", self.key);
        digest.optional_values(container.entrypoint.as_deref());
        digest.optional_values(container.command.as_deref());
        digest.pairs(&container.env);
        self.inputs(service, &mut digest);
        digest.finish()
    }

    /// What counts beside the definition of a job.
    pub(super) fn inputs(&self, service: &Service, digest: &mut Digest<'_>) {
        let has_inputs = matches!(&service.role, Role::Job(job) if job.inputs.is_some());
        if has_inputs {
            digest.text("inputs");
            digest.optional_text(self.sources.inputs.get(&service.name).map(String::as_str));
        } else {
            digest.text("image");
        }
    }
}

/// See [`ContainerSpec::hash`]. Taken apart completely, so that a new field cannot be forgotten here.
fn hash(spec: &ContainerSpec, key: &[u8; 32]) -> String {
    let ContainerSpec {
        service,
        index: _,
        name: _,
        image,
        job,
        command,
        entrypoint,
        env,
        user,
        workdir,
        ports,
        mounts,
        networks,
        host_network,
        host_pid,
        labels,
        restart: _,
        stop_signal,
        stop_grace,
        memory,
        cpu_millis,
        pids,
        options,
        hash: _,
    } = spec;
    let mut digest = Digest::new("container 1", key);
    digest.text(image);
    digest.text(service);
    digest.flag(*job);
    digest.optional_values(command.as_deref());
    digest.optional_values(entrypoint.as_deref());
    digest.pairs(env);
    digest.optional_text(user.as_deref());
    digest.optional_text(workdir.as_deref());
    digest.list(ports.iter(), hash_port);
    digest.list(mounts.iter(), hash_mount);
    digest.list(networks.iter(), hash_network);
    digest.flag(*host_network);
    digest.flag(*host_pid);
    let labels: Vec<_> = labels
        .iter()
        .filter(|(name, _)| !OUTSIDE_HASH.contains(&name.as_str()))
        .collect();
    digest.list(labels.into_iter(), |digest, (name, value)| {
        digest.text(name);
        digest.text(value);
    });
    digest.optional_text(stop_signal.as_deref());
    digest.number(u64::try_from(stop_grace.as_millis()).unwrap_or(u64::MAX));
    for limit in [memory, cpu_millis, pids] {
        digest.option(*limit, Digest::number);
    }
    options.hash(&mut digest);
    digest.finish()
}

pub(super) fn hash_port(digest: &mut Digest<'_>, port: &PortSpec) {
    let PortSpec {
        name: _,
        container,
        protocol,
        host,
        auto,
        bind,
        everywhere,
    } = port;
    digest.number(u64::from(*container));
    digest.flag(*protocol == Protocol::Udp);
    match host {
        None => digest.text("not published"),
        Some(_) if *auto => digest.text("auto"),
        Some(number) => digest.text(&number.to_string()),
    }
    digest.text(&bind.to_string());
    if *everywhere {
        digest.text("everywhere");
    }
}

fn hash_network(digest: &mut Digest<'_>, attachment: &NetworkAttachment) {
    digest.text(&attachment.network);
    digest.list(attachment.aliases.iter(), |digest, alias| {
        digest.text(alias)
    });
    if !attachment.links.is_empty() || attachment.endpoint != Endpoint::default() {
        digest.list(attachment.links.iter(), |digest, link| digest.text(link));
        digest.text(&serde_json::to_string(&attachment.endpoint).unwrap_or_default());
    }
}

fn hash_mount(digest: &mut Digest<'_>, mount: &MountSpec) {
    let MountSpec { mount, volume } = mount;
    digest.optional_text(volume.as_deref());
    match mount {
        Mount::Volume {
            key: _,
            target,
            read_only,
        } => {
            digest.text("volume");
            digest.text(target);
            digest.flag(*read_only);
        }
        Mount::Bind {
            source,
            target,
            read_only,
        } => {
            digest.text("bind");
            digest.text(source.as_str());
            digest.text(target);
            digest.flag(*read_only);
        }
        Mount::Tmpfs { target } => {
            digest.text("tmpfs");
            digest.text(target);
        }
        Mount::Anonymous { target, read_only } => {
            digest.text("anonymous");
            digest.text(target);
            digest.flag(*read_only);
        }
        Mount::Image {
            reference,
            target,
            read_only,
        } => {
            digest.text("image");
            digest.text(reference);
            digest.text(target);
            digest.flag(*read_only);
        }
    }
}
