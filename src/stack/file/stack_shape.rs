//! The top of the file.

use super::formats::{PROJECT, SERVICE as SERVICE_NAME};
use super::service_shape::SERVICE;
use super::shape::{Kind, ONE_OR_MORE, Shape, key};
use super::{kubernetes, secrets, volumes};

pub(super) static STACK: Shape = Shape {
    name: "stack",
    keys: &[
        key(
            "name",
            Kind::Text(&PROJECT),
            "Name of the project, taken verbatim; without it the folder's name and a short hash of its path.",
        ),
        key(
            "compose",
            ONE_OR_MORE,
            "Compose files that lie underneath, each laid over the one before: what they say holds where this file says nothing.",
        ),
        key(
            "services",
            Kind::Map {
                keys: &SERVICE_NAME,
                noun: "service",
                value: &Kind::Table(&SERVICE),
            },
            "Containers, host processes and jobs.",
        )
        .or(&["service"]),
        key(
            "runtime",
            Kind::OneOf(&["auto", "docker", "process"]),
            "On what presets run; \"auto\" without it: a container engine where one answers, else the host.",
        ),
        key("secrets", secrets::SECRETS, "Where each secret comes from.").or(&["secret"]),
        key(
            "networks",
            volumes::NETWORKS,
            "Networks beside the default one.",
        )
        .or(&["network"]),
        key(
            "volumes",
            volumes::VOLUMES,
            "Named volumes that are not plain; others need no entry.",
        )
        .or(&["volume"]),
        key(
            "kubernetes",
            Kind::Table(&kubernetes::STACK),
            "What only a cluster reads.",
        )
        .or(&["k8s"]),
    ],
};
