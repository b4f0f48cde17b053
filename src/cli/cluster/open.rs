//! `dev open --on kubernetes`: the ingress's address, or a port of this machine for as long as it is held.

use super::{Cluster, Touch};
use crate::cli::args::{GlobalArgs, OpenArgs};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::open::{choose, show};
use crate::cli::output::{reader_gone, to_stderr};
use crate::cli::show::Interrupts;
use crate::engine::cluster::address;
use crate::runtime::kube::Target;
use crate::stack::{Port, Protocol, Service, cluster_name};

/// # Errors
/// There is no such address, no API server answers, or nothing runs.
pub async fn open(global: &GlobalArgs, arguments: &OpenArgs) -> Result<ExitCode, CliError> {
    let command = "dev open --on kubernetes";
    let cluster = Cluster::open(global, &arguments.place, Touch::Looks, command).await?;
    let named: Vec<String> = arguments.service.iter().cloned().collect();
    cluster.check_names(&named)?;
    let services = cluster.place.stack.services.values();
    let web = services.filter(|service| {
        let port = port(service);
        let is_web = port.is_some_and(|port| port.scheme.starts_with("http"));
        // Somebody who names a database means its port.
        let is_named = named.contains(&service.name) && port.is_some();
        is_named || named.is_empty() && (is_web || address(service).is_some())
    });
    let web: Vec<&Service> = web.collect();
    let names: Vec<&str> = web.iter().map(|service| service.name.as_str()).collect();
    let chosen = choose(&names, arguments.service.as_deref())?;
    let service = web[chosen];
    if let Some(address) = address(service) {
        show(&address, arguments.print).await?;
        return Ok(ExitCode::Done);
    }
    let Some(port) = port(service) else {
        return Err(CliError::usage(format!(
            "{} has no web address",
            service.name
        )));
    };
    let mut interrupts = Interrupts::listen()?;
    let place = &cluster.place;
    let (state, _) = cluster.look().await?;
    let runs = state
        .service(&service.name)
        .is_some_and(|one| one.has_started());
    if !runs {
        let instance = crate::cli::instance::Instance::every(&service.name);
        let message = format!("no container of `{}` runs", service.name);
        return Err(crate::cli::exec::not_running(
            &message,
            &instance,
            " --on kubernetes",
        ));
    }
    let target = Target {
        stack: place.name(),
        namespace: place.namespace.clone(),
        service: cluster_name(&service.name),
        port: port.container,
    };
    let forward = place.kube.forward(target).await?;
    let at = forward.address().map_err(CliError::state)?;
    let is_web = port.scheme.starts_with("http");
    let text = match is_web {
        true => format!("{}://{at}", port.scheme),
        false => at.to_string(),
    };
    show(&text, arguments.print || !is_web).await?;
    to_stderr(&format!(
        "{text} leads to {} for as long as this runs; Ctrl-C ends it",
        service.name
    ));
    tokio::select! {
        () = forward.run(to_stderr) => Ok(ExitCode::Done),
        () = reader_gone() => Ok(ExitCode::Done),
        () = interrupts.next() => Ok(ExitCode::Interrupted),
    }
}

/// Its main port, which a TCP connection reaches.
fn port(service: &Service) -> Option<&Port> {
    let (_, port) = service.main_port()?;
    (port.protocol == Protocol::Tcp && !service.is_job()).then_some(port)
}
