use serde::Serialize;
use serde_json::Value;

/// The kinds that promotion makes, in the order in which they are applied within a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Namespace,
    Secret,
    ConfigMap,
    NetworkPolicy,
    Service,
    Deployment,
    StatefulSet,
    Job,
    CronJob,
    PodDisruptionBudget,
    HorizontalPodAutoscaler,
    Ingress,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Namespace,
        Self::Secret,
        Self::ConfigMap,
        Self::NetworkPolicy,
        Self::Service,
        Self::Deployment,
        Self::StatefulSet,
        Self::Job,
        Self::CronJob,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
        Self::Ingress,
    ];

    /// As in `kind:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Ingress => "Ingress",
        }
    }

    /// As in `apiVersion:`: group and version, the core group's without a group.
    pub fn api_version(self) -> (&'static str, &'static str) {
        match self {
            Self::Namespace | Self::Secret | Self::ConfigMap | Self::Service => ("", "v1"),
            Self::Deployment | Self::StatefulSet => ("apps", "v1"),
            Self::Job | Self::CronJob => ("batch", "v1"),
            Self::PodDisruptionBudget => ("policy", "v1"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2"),
            Self::NetworkPolicy | Self::Ingress => ("networking.k8s.io", "v1"),
        }
    }

    /// As in a path of the API.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
            Self::NetworkPolicy => "networkpolicies",
            Self::Service => "services",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::Job => "jobs",
            Self::CronJob => "cronjobs",
            Self::PodDisruptionBudget => "poddisruptionbudgets",
            Self::HorizontalPodAutoscaler => "horizontalpodautoscalers",
            Self::Ingress => "ingresses",
        }
    }

    /// Runs pods that somebody can wait for.
    pub fn is_workload(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet | Self::Job)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One object, whole: with `apiVersion`, `kind` and `metadata`.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub kind: Kind,
    pub name: String,
    /// What a service needs is in an earlier one; 0 is what all share.
    pub wave: u32,
    /// The service that it belongs to; `None`: the stack's.
    pub service: Option<String>,
    pub value: Value,
    /// What was chosen here and why, for people who read the file.
    pub comments: Vec<String>,
}

impl Object {
    /// Keys are in order, so that files made twice are the same.
    pub fn new<T: Serialize>(kind: Kind, name: &str, wave: u32, object: &T) -> Self {
        let value = serde_json::to_value(object).unwrap_or(Value::Null);
        Self {
            kind,
            name: name.to_owned(),
            wave,
            service: None,
            value,
            comments: Vec::new(),
        }
    }

    #[must_use]
    pub fn of(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    #[must_use]
    pub fn comment(mut self, comments: impl IntoIterator<Item = String>) -> Self {
        self.comments.extend(comments);
        self
    }
}
