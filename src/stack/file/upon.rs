//! A service of a stack file over the one that the Compose file underneath has: what the stack file says counts, and what it
//! does not say is Compose's.

use super::tree::Node;
use crate::stack::{Mount, Role, Service, Source};

/// `node`: the table that `over` was read from.
pub(super) fn lay(base: Service, over: Service, node: &Node) -> Service {
    let says = |key: &str| node.get(key).is_some();
    let is_process = matches!(over.source, Source::Run(_));
    let made_anew = ["image", "build", "preset", "run"].into_iter().any(says);
    let mut service = Service {
        source: match made_anew {
            true => over.source,
            false => base.source,
        },
        preset: over.preset,
        command: over.command.or(base.command),
        entrypoint: over.entrypoint.or(base.entrypoint),
        user: over.user.or(base.user),
        workdir: over.workdir.or(base.workdir),
        main_port: over.main_port.or(base.main_port),
        ready: match says("ready") {
            true => over.ready,
            false => base.ready,
        },
        alive: over.alive,
        provision: over.provision,
        outputs: over.outputs,
        databases: over.databases,
        watch: match says("watch") {
            true => over.watch,
            false => base.watch,
        },
        networks: match says("networks") {
            true => over.networks,
            false => base.networks,
        },
        host_network: over.host_network || (base.host_network && !says("network")),
        host_pid: over.host_pid || (base.host_pid && !says("pid")),
        restart: match says("restart") || says("job") {
            true => over.restart,
            false => base.restart,
        },
        stop: match says("stop") {
            true => over.stop,
            false => base.stop,
        },
        limits: match says("limits") {
            true => over.limits,
            false => base.limits,
        },
        replicas: match says("replicas") {
            true => over.replicas,
            false => base.replicas,
        },
        profiles: match says("profiles") {
            true => over.profiles,
            false => base.profiles,
        },
        role: match says("job") {
            true => over.role,
            false => base.role,
        },
        metrics: over.metrics,
        promote: over.promote,
        kubernetes: over.kubernetes,
        may_end: base.may_end && !says("job") && !says("restart"),
        pull: base.pull,
        update: match says("update") {
            true => over.update,
            false => base.update,
        },
        container: base.container,
        name: base.name,
        env: base.env,
        ports: base.ports,
        needs: base.needs,
        mounts: base.mounts,
        labels: base.labels,
    };
    service.env.extend(over.env);
    service.ports.extend(over.ports);
    service.needs.extend(over.needs);
    service.labels.extend(over.labels);
    let targets: Vec<String> = over.mounts.iter().map(|m| m.target().to_owned()).collect();
    let is_kept = |mount: &Mount| !targets.iter().any(|target| target == mount.target());
    service.mounts.retain(is_kept);
    service.mounts.extend(over.mounts);
    if is_process {
        // On the host there is nothing to mount into, and nothing to be told by an engine.
        service.mounts.clear();
        service.networks.clear();
        service.container = crate::stack::ContainerOptions::default();
        service.workdir = None;
        service.entrypoint = None;
        service.command = None;
        service.user = None;
        service.ready = if says("ready") { service.ready } else { None };
        service.may_end = false;
        if !says("job") {
            service.role = Role::Service;
        }
    }
    service
}
