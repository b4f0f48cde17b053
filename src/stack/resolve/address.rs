//! Where a port is, for who asks.

use std::borrow::Cow;

use super::error::{Unresolved, written};
use super::evaluate::{Evaluation, Wanted, no_output};
use super::outputs::OF_PORT;
use super::{Asker, Value};
use crate::stack::{HostPort, Port, Service, Source, cluster_name};

/// How the engine's containers call the host.
const HOST_FROM_CONTAINER: &str = "host.docker.internal";
const LOOPBACK: &str = "127.0.0.1";

impl<'a> Evaluation<'a> {
    pub(super) fn of_port(
        &self,
        wanted: Wanted<'a>,
        name: Option<&'a str>,
        output: &str,
    ) -> Result<Value, Unresolved> {
        let found = name.and_then(|name| Some((name, wanted.service.ports.get(name)?)));
        let (name, port) = found
            .filter(|_| OF_PORT.contains(&output))
            .ok_or_else(|| no_output(wanted))?;
        if let (Asker::Cluster { .. }, "public") = (self.asker, output) {
            return exposed(wanted, name).map(Value::plain);
        }
        let (host, number) = if output == "public" {
            self.on_host(wanted, name, port)?
        } else {
            self.address(wanted, name, port)?
        };
        let bracketed = if host.contains(':') {
            Cow::Owned(format!("[{host}]"))
        } else {
            Cow::Borrowed(&*host)
        };
        Ok(Value::plain(match output {
            "host" if wanted.in_url => bracketed.into_owned(),
            "host" => host.into_owned(),
            "port" => number.to_string(),
            _ => format!("{}://{bracketed}:{number}", port.scheme),
        }))
    }

    /// Where the asker reaches a port.
    fn address(
        &self,
        wanted: Wanted<'a>,
        name: &str,
        port: &'a Port,
    ) -> Result<(Cow<'a, str>, u16), Unresolved> {
        let (asker, on_cluster) = match self.asker {
            Asker::Container { service } => (service, false),
            Asker::Cluster { service } => (service, true),
            Asker::Host { .. } => return self.on_host(wanted, name, port),
        };
        let asking = self.stack.services.get(asker);
        let target = wanted.service;
        let is_self = target.name == asker;
        if on_cluster && asking.is_none_or(|asking| is_self || share_network(asking, target)) {
            return Ok((cluster_name(&target.name).into(), port.container));
        }
        if asking.is_some_and(|asking| asking.host_network) {
            return if is_self {
                Ok((LOOPBACK.into(), port.container))
            } else {
                self.on_host(wanted, name, port)
            };
        }
        if is_on_host(target) && !is_self {
            return Ok((
                HOST_FROM_CONTAINER.into(),
                self.listening(target, name, port),
            ));
        }
        if let Some(asking) = asking
            && !is_self
            && !share_network(asking, target)
        {
            let reference = written(wanted.reference);
            return Err(Unresolved::NoNetwork {
                reference,
                asker: asker.to_owned(),
                service: target.name.clone(),
            });
        }
        Ok((Cow::Borrowed(&target.name), port.container))
    }

    /// Where anything on the host reaches a port.
    fn on_host(
        &self,
        wanted: Wanted<'a>,
        name: &str,
        port: &'a Port,
    ) -> Result<(Cow<'a, str>, u16), Unresolved> {
        let service = wanted.service;
        if is_on_host(service) {
            return Ok((LOOPBACK.into(), self.listening(service, name, port)));
        }
        let blame = || {
            (
                written(wanted.reference),
                service.name.clone(),
                name.to_owned(),
            )
        };
        if !port.publish {
            let (reference, service, port) = blame();
            return Err(Unresolved::NotPublished {
                reference,
                service,
                port,
            });
        }
        let host = if port.bind.is_unspecified() {
            LOOPBACK.into()
        } else {
            port.bind.to_string().into()
        };
        let number = match (self.chosen(service, name), port.host, self.facts) {
            (Some(number), _, _) | (None, HostPort::Fixed(number), _) => number,
            (None, HostPort::Auto, None) => port.container,
            (None, HostPort::Within(first, _), None) => first,
            (None, HostPort::Auto | HostPort::Within(..), Some(_)) => {
                let (reference, service, port) = blame();
                return Err(Unresolved::NoHostPort {
                    reference,
                    service,
                    port,
                });
            }
        };
        Ok((host, number))
    }

    fn chosen(&self, service: &Service, port: &str) -> Option<u16> {
        self.facts?
            .host_ports
            .get(&(service.name.clone(), port.to_owned()))
            .copied()
    }

    /// The number on which something on the host listens.
    fn listening(&self, service: &Service, name: &str, port: &Port) -> u16 {
        match &service.source {
            Source::Run(_) => self.chosen(service, name).unwrap_or(port.container),
            _ => port.container,
        }
    }
}

/// The address that an ingress gives a port, as a browser uses it. The path is not part of it: an ingress passes it on as it
/// is, so the program's own paths are the same behind it.
fn exposed(wanted: Wanted<'_>, name: &str) -> Result<String, Unresolved> {
    let service = wanted.service;
    let expose = service.kubernetes.expose.as_ref();
    let expose = expose.filter(|expose| match &expose.port {
        Some(port) => port == name,
        None => service.main_port.as_deref() == Some(name),
    });
    let found = expose.and_then(|expose| Some((expose.host.as_ref()?, expose.tls.is_some())));
    match found {
        Some((host, true)) => Ok(format!("https://{host}")),
        Some((host, false)) => Ok(format!("http://{host}")),
        None => Err(Unresolved::NotExposed {
            reference: written(wanted.reference),
            service: service.name.clone(),
            port: name.to_owned(),
        }),
    }
}

/// Listens on the host itself, whatever is published.
fn is_on_host(service: &Service) -> bool {
    service.host_network || matches!(service.source, Source::Run(_))
}

/// Services without networks are on `default`.
fn share_network(a: &Service, b: &Service) -> bool {
    let is_on = |service: &Service, key: &String| match service.networks.as_slice() {
        [] => key == "default",
        networks => networks.contains(key),
    };
    match a.networks.as_slice() {
        [] => is_on(b, &"default".to_owned()),
        networks => networks.iter().any(|key| is_on(b, key)),
    }
}
