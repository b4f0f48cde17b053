//! Small stacks for tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::stack::{
    AfterSync, Build, HostPort, Kubernetes, Limits, Port, Promote, Protocol, Restart, Role,
    Service, Source, Stack, StackKubernetes, Stop, WatchAction, WatchRule,
};

pub fn service(name: &str, source: Source, watch: Vec<WatchRule>) -> Service {
    let port = Port {
        container: 8000,
        protocol: Protocol::Tcp,
        host: HostPort::Auto,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        publish: true,
        scheme: "http".to_owned(),
        everywhere: false,
    };
    Service {
        name: name.to_owned(),
        source,
        preset: None,
        role: Role::Service,
        command: None,
        entrypoint: None,
        env: BTreeMap::new(),
        user: None,
        workdir: None,
        ports: [("http".to_owned(), port)].into(),
        main_port: Some("http".to_owned()),
        needs: BTreeMap::new(),
        ready: None,
        alive: None,
        provision: Vec::new(),
        outputs: BTreeMap::new(),
        databases: Vec::new(),
        watch,
        mounts: Vec::new(),
        networks: Vec::new(),
        host_network: false,
        host_pid: false,
        restart: Restart::No,
        stop: Stop {
            signal: None,
            grace: Duration::from_secs(10),
        },
        limits: Limits::default(),
        replicas: 1,
        profiles: Vec::new(),
        labels: BTreeMap::new(),
        metrics: None,
        promote: Promote::Same,
        kubernetes: Kubernetes::default(),
        container: crate::stack::ContainerOptions::default(),
        may_end: false,
        update: crate::stack::UpdateOrder::default(),
        pull: crate::stack::Pull::Missing,
    }
}

pub fn stack(services: Vec<Service>) -> Stack {
    Stack {
        name: "gold".to_owned(),
        named: true,
        dir: "/p".into(),
        layers: vec!["/p/dev.toml".into(), "/p/compose.yaml".into()],
        services: services
            .into_iter()
            .map(|service| (service.name.clone(), service))
            .collect(),
        runtime: crate::stack::Runtime::Auto,
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        secrets: BTreeMap::new(),
        kubernetes: StackKubernetes::default(),
        off_host: BTreeMap::new(),
    }
}

pub fn build() -> Source {
    Source::Build(Build {
        context: "/p".into(),
        dockerfile: "/p/Dockerfile".into(),
        target: None,
        args: BTreeMap::new(),
        secrets: Vec::new(),
        image: None,
        platforms: Vec::new(),
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        options: Box::default(),
    })
}

pub fn image() -> Source {
    Source::Image("python:3.11".to_owned())
}

pub fn rule(paths: &[&str], action: WatchAction) -> WatchRule {
    WatchRule {
        paths: paths.iter().map(|&p| p.to_owned()).collect(),
        ignore: Vec::new(),
        include: Vec::new(),
        as_dockerignore: false,
        initial_sync: false,
        left_out: None,
        action,
    }
}

pub fn sync(target: &str, then: AfterSync) -> WatchAction {
    WatchAction::Sync {
        target: target.to_owned(),
        then,
    }
}
