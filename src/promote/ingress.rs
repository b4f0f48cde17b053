use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};

use super::labels::meta;
use super::object::{Kind, Object};
use super::refusal::Refusal;
use super::work::Work;
use crate::stack::{Expose, Service, cluster_name};

/// <https://cert-manager.io/docs/usage/ingress/>
const ISSUER: &str = "cert-manager.io/cluster-issuer";

/// From `expose`.
pub fn of(work: &mut Work<'_>, service: &Service) -> Option<Object> {
    let expose = service.kubernetes.expose.as_ref()?;
    let Some(port) = port(service) else {
        work.refusals.push(Refusal::NoPort {
            service: service.name.clone(),
        });
        return None;
    };
    let name = cluster_name(&service.name);
    let issuer = expose
        .tls
        .as_deref()
        .and_then(|tls| tls.strip_prefix("issuer:"));
    let mut metadata = meta(&name, &work.namespace, work.labels(service));
    metadata.annotations =
        issuer.map(|issuer| BTreeMap::from([(ISSUER.to_owned(), issuer.to_owned())]));
    let ingress = Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: expose.class.clone(),
            rules: Some(vec![rule(expose, &name, port)]),
            tls: tls(expose, issuer, &name).map(|tls| vec![tls]),
            ..IngressSpec::default()
        }),
        status: None,
    };
    let mut comments = Vec::new();
    if issuer.is_some() {
        comments.push("The issuer is taken for a ClusterIssuer; for one of the namespace the annotation is cert-manager.io/issuer.".to_owned());
    }
    Some(
        work.object(service, Kind::Ingress, &name, &ingress)
            .comment(comments),
    )
}

/// The number of the port that is exposed.
pub fn port(service: &Service) -> Option<u16> {
    let expose = service
        .kubernetes
        .expose
        .as_ref()
        .filter(|_| !service.is_job())?;
    let port = match &expose.port {
        Some(name) => service.ports.get(name),
        None => service.main_port().map(|(_, port)| port),
    };
    port.map(|port| port.container)
}

fn rule(expose: &Expose, service: &str, port: u16) -> IngressRule {
    IngressRule {
        host: expose.host.clone(),
        http: Some(HTTPIngressRuleValue {
            paths: vec![HTTPIngressPath {
                path: Some(expose.path.clone()),
                path_type: "Prefix".to_owned(),
                backend: IngressBackend {
                    service: Some(IngressServiceBackend {
                        name: service.to_owned(),
                        port: Some(ServiceBackendPort {
                            number: Some(i32::from(port)),
                            name: None,
                        }),
                    }),
                    resource: None,
                },
            }],
        }),
    }
}

fn tls(expose: &Expose, issuer: Option<&str>, name: &str) -> Option<IngressTLS> {
    let secret = match (issuer, expose.tls.as_deref()?) {
        (Some(_), _) => format!("{name}-tls"),
        (None, secret) => secret.to_owned(),
    };
    Some(IngressTLS {
        hosts: expose.host.clone().map(|host| vec![host]),
        secret_name: Some(secret),
    })
}
