//! What only a cluster reads; carried through untouched until promotion.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Template;

/// `[kubernetes]` of the stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StackKubernetes {
    pub namespace: Option<String>,
    pub pull_secrets: Vec<String>,
    /// Has `sh` and what asks over HTTP and TCP: exported pods wait with it for services whose own image may have neither.
    pub gate_image: Option<String>,
}

/// `kubernetes = { … }` of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Kubernetes {
    /// Size of the volume claim: `10Gi`; without one in the file the preset's.
    pub storage: Option<String>,
    /// A user that the preset's image can run as from the start; the stack file's `user` goes before it.
    pub uid: Option<u32>,
    /// What the preset lays over its environment on a cluster.
    pub env: BTreeMap<String, Template>,
    pub replicas: Option<u32>,
    pub scale: Option<Scale>,
    pub expose: Option<Expose>,
    pub resources: Option<Resources>,
    pub pull_secrets: Vec<String>,
}

/// A horizontal autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scale {
    pub min: u32,
    pub max: u32,
    /// Target utilisation in percent.
    pub cpu: Option<u32>,
    /// Target utilisation in percent.
    pub memory: Option<u32>,
}

/// An ingress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expose {
    pub host: Option<String>,
    pub path: String,
    /// Port name; without it the main port.
    pub port: Option<String>,
    pub class: Option<String>,
    /// Name of a TLS secret, or of a cert-manager issuer as `issuer:NAME`.
    pub tls: Option<String>,
}

/// Kubernetes quantities by resource name (`cpu`, `memory`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    pub requests: BTreeMap<String, String>,
    pub limits: BTreeMap<String, String>,
}
