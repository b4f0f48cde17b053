//! `[kubernetes]` of the stack and `kubernetes = { … }` of a service.

use std::collections::BTreeMap;

use super::Code;
use super::formats::{HTTP_PATH, KEY, PROJECT, QUANTITY, VARIABLE};
use super::ports::Ports;
use super::reader::Reader;
use super::shape::{Kind, ONE_OR_MORE, Shape, TEXT, key};
use super::sink::{Finding, nearest};
use super::tree::{Node, Value};
use crate::stack::{Expose, Kubernetes, Resources, Scale, StackKubernetes};

const REPLICAS: Kind = Kind::Integer { min: 1, max: 1000 };
const PERCENT: Kind = Kind::Integer { min: 1, max: 1000 };
/// Also names such as `nvidia.com/gpu`.
const QUANTITIES: Kind = Kind::Map {
    keys: &VARIABLE,
    noun: "resource",
    value: &Kind::Either(&[Kind::Text(&QUANTITY), Kind::Number { max: 1e15 }]),
};

pub(super) static STACK: Shape = Shape {
    name: "kubernetes_stack",
    keys: &[
        key(
            "namespace",
            Kind::Text(&PROJECT),
            "Namespace for everything; the project's name without it.",
        ),
        key(
            "pull_secrets",
            ONE_OR_MORE,
            "Secrets with which images are pulled.",
        )
        .or(&["imagePullSecrets"]),
        key(
            "gate_image",
            TEXT,
            "Image with sh, wget and nc, such as busybox: exported pods wait with it for services that are asked over HTTP or TCP.",
        ),
    ],
};

static SCALE: Shape = Shape {
    name: "scale",
    keys: &[
        key("min", REPLICAS, "1 without it.").or(&["minReplicas"]),
        key("max", REPLICAS, "At most this many replicas.")
            .or(&["maxReplicas"])
            .required(),
        key(
            "cpu",
            PERCENT,
            "Target use of the requested CPU in percent.",
        ),
        key(
            "memory",
            PERCENT,
            "Target use of the requested memory in percent.",
        ),
    ],
};

static EXPOSE: Shape = Shape {
    name: "expose",
    keys: &[
        key("host", TEXT, "Domain name."),
        key("path", Kind::Text(&HTTP_PATH), "\"/\" without it."),
        key(
            "port",
            Kind::Text(&KEY),
            "Name of a port; the first without it.",
        ),
        key("class", TEXT, "Ingress class.").or(&["ingressClassName"]),
        key(
            "tls",
            TEXT,
            "Name of a TLS secret, or of a cert-manager issuer as \"issuer:NAME\".",
        ),
    ],
};

static RESOURCES: Shape = Shape {
    name: "resources",
    keys: &[
        key(
            "requests",
            QUANTITIES,
            "Such as { cpu = \"250m\", memory = \"256Mi\" }.",
        ),
        key("limits", QUANTITIES, "Such as { memory = \"512Mi\" }."),
    ],
};

static SERVICE: Shape = Shape {
    name: "kubernetes",
    keys: &[
        key(
            "storage",
            Kind::Text(&QUANTITY),
            "Size of the volume claim, such as \"10Gi\".",
        ),
        key(
            "replicas",
            REPLICAS,
            "Number of pods where `scale` does not decide.",
        ),
        key("scale", Kind::Table(&SCALE), "A horizontal autoscaler.").or(&["hpa", "autoscale"]),
        key("expose", Kind::Table(&EXPOSE), "An ingress.").or(&["ingress"]),
        key(
            "resources",
            Kind::Table(&RESOURCES),
            "Requests and limits of each pod.",
        ),
        key("pull_secrets", ONE_OR_MORE, "Beside those of the stack.").or(&["imagePullSecrets"]),
    ],
};

pub(super) const KIND: Kind = Kind::Table(&SERVICE);

pub(super) fn stack(node: Option<&Node>) -> StackKubernetes {
    let Some(node) = node else {
        return StackKubernetes::default();
    };
    StackKubernetes {
        namespace: node.text_of("namespace"),
        pull_secrets: node.texts_of("pull_secrets"),
        gate_image: node.text_of("gate_image"),
    }
}

pub(super) fn service(reader: &mut Reader<'_>, node: Option<&Node>, ports: &Ports) -> Kubernetes {
    let Some(node) = node else {
        return Kubernetes::default();
    };
    Kubernetes {
        env: BTreeMap::new(),
        uid: None,
        storage: node.text_of("storage"),
        replicas: node.get("replicas").and_then(Node::number),
        scale: node
            .get("scale")
            .and_then(|scale| self::scale(reader, scale)),
        expose: node
            .get("expose")
            .map(|expose| self::expose(reader, expose, ports)),
        resources: node.get("resources").map(|resources| Resources {
            requests: quantities(resources.get("requests")),
            limits: quantities(resources.get("limits")),
        }),
        pull_secrets: node.texts_of("pull_secrets"),
    }
}

fn scale(reader: &mut Reader<'_>, node: &Node) -> Option<Scale> {
    let number = |key: &str| node.get(key).and_then(Node::number::<u32>);
    let (min, max) = (number("min").unwrap_or(1), number("max")?);
    if min > max {
        let message = format!("`scale` from {min} to {max} goes backwards");
        reader.report(
            Finding::new(Code::Conflict, message)
                .at(node.span, "`min` is above `max`")
                .help("make `max` at least `min`"),
        );
    }
    Some(Scale {
        min,
        max,
        cpu: number("cpu"),
        memory: number("memory"),
    })
}

fn expose(reader: &mut Reader<'_>, node: &Node, ports: &Ports) -> Expose {
    if let Some((name, span)) = node
        .get("port")
        .and_then(|port| Some((port.text()?, port.span)))
        && !ports.by_name.contains_key(name)
        && !ports.unclear
    {
        let message = format!("service `{}` has no port `{name}`", reader.service);
        let help = match nearest(name, ports.by_name.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "name the port in `ports`".to_owned(),
        };
        reader.report(
            Finding::new(Code::UnknownPort, message)
                .at(span, "no such port")
                .help(help),
        );
    }
    Expose {
        host: node.text_of("host"),
        path: node.text_of("path").unwrap_or_else(|| "/".to_owned()),
        port: node.text_of("port"),
        class: node.text_of("class"),
        tls: node.text_of("tls"),
    }
}

fn quantities(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default().iter();
    let text = |node: &Node| match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    };
    entries
        .filter_map(|entry| Some((entry.key.clone(), text(&entry.node)?)))
        .collect()
}
