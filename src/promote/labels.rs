//! Names that are the same everywhere. <https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::stack::{Stack, cluster_name};

/// The field manager, and the value of [`LABEL_MANAGED`].
pub const MANAGER: &str = "dev";
pub const NAME: &str = "app.kubernetes.io/name";
pub const INSTANCE: &str = "app.kubernetes.io/instance";
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
pub const LABEL_MANAGED: &str = "app.kubernetes.io/managed-by";
/// Label: the promotion that an object is from.
pub const REVISION: &str = "dev.revision";
/// Annotation of pods: a hash of what they are configured with, so that they are replaced when that changes.
pub const CONFIG: &str = "dev.config";
/// <https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/>
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";

pub type Labels = BTreeMap<String, String>;

/// Those by which the pods of a service are found; they never change.
pub fn selector(stack: &Stack, service: &str) -> Labels {
    let labels = [
        (NAME, cluster_name(service)),
        (INSTANCE, cluster_name(&stack.name)),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Those of every object of the stack.
pub fn of_stack(stack: &Stack) -> Labels {
    let labels = [
        (INSTANCE, cluster_name(&stack.name)),
        (LABEL_PART_OF, cluster_name(&stack.name)),
        (LABEL_MANAGED, MANAGER.to_owned()),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

pub fn of_service(stack: &Stack, service: &str) -> Labels {
    let mut labels = of_stack(stack);
    labels.extend(selector(stack, service));
    labels
}

pub fn select(labels: Labels) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        match_expressions: None,
    }
}

pub fn meta(name: &str, namespace: &str, labels: Labels) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}

/// The Secret that all secrets of a stack are in.
pub fn secret_name(stack: &Stack) -> String {
    format!("{}-secrets", cluster_name(&stack.name))
}
