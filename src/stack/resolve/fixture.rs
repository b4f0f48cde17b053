//! Stacks for tests, said briefly.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::stack::presets::{self, PresetUse};
use crate::stack::{
    Condition, HostPort, Job, Need, Network, Port, Protocol, Restart, Role, SecretSource, Service,
    Source, Stack, StackKubernetes, Template, Volume,
};

pub fn stack(services: impl IntoIterator<Item = Service>) -> Stack {
    let services: BTreeMap<String, Service> = services
        .into_iter()
        .map(|service| (service.name.clone(), service))
        .collect();
    Stack {
        name: "gold".to_owned(),
        named: true,
        dir: "/src/gold".into(),
        layers: vec!["/src/gold/dev.toml".into()],
        services,
        runtime: crate::stack::Runtime::Auto,
        networks: BTreeMap::from([("default".to_owned(), Network::default())]),
        volumes: BTreeMap::from([("db-data".to_owned(), Volume::default())]),
        secrets: BTreeMap::from([("JWT".to_owned(), SecretSource::Generate(32))]),
        kubernetes: StackKubernetes::default(),
        off_host: BTreeMap::new(),
    }
}

/// An image and nothing else.
pub fn service(name: &str) -> Service {
    Service {
        source: Source::Image(format!("{name}:1")),
        restart: Restart::No,
        ..Service::known_by_name(name, 1)
    }
}

/// `postgres` under another name, with these databases.
pub fn postgres(name: &str, databases: &[&str]) -> Service {
    let databases: Vec<String> = databases
        .iter()
        .map(|&database| database.to_owned())
        .collect();
    let options = BTreeMap::new();
    let usage = PresetUse {
        name: "postgres",
        version: Some("14"),
        project: "gold",
        service: name,
        databases: &databases,
        volume: true,
        options: &options,
    };
    let preset = presets::expand(&usage).expect("the preset is there");
    Service {
        source: Source::Image(preset.image),
        env: preset.env,
        main_port: preset.ports.first().map(|(name, _)| name.clone()),
        ports: preset.ports.into_iter().collect(),
        ready: preset.ready,
        provision: preset.provision,
        outputs: preset.outputs,
        mounts: preset.mounts,
        databases,
        ..service(name)
    }
}

impl Service {
    pub fn with_port(mut self, name: &str, port: Port) -> Self {
        self.main_port.get_or_insert_with(|| name.to_owned());
        self.ports.insert(name.to_owned(), port);
        self
    }

    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), template(value));
        self
    }

    pub fn with_need(mut self, name: &str) -> Self {
        let need = Need {
            condition: Condition::Ready,
            restart: false,
            required: true,
        };
        self.needs.insert(name.to_owned(), need);
        self
    }

    pub fn as_job(mut self, inputs: Option<&[&str]>) -> Self {
        let inputs = inputs.map(|globs| globs.iter().map(|&glob| glob.to_owned()).collect());
        self.role = Role::Job(Job {
            inputs,
            schedule: None,
            again: false,
        });
        self
    }
}

/// An HTTP port, published on loopback.
pub fn http(container: u16) -> Port {
    Port {
        container,
        protocol: Protocol::Tcp,
        host: HostPort::Auto,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        publish: true,
        scheme: "http".to_owned(),
        everywhere: false,
    }
}

pub fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}
