//! From a stack to Kubernetes objects, as its operators would have written them. Pure: what is to be known of the outside
//! comes in [`Facts`], and the value of a secret is never among it.

pub mod export;

mod compose_only;
mod config;
mod credentials;
mod facts;
mod gate;
mod going;
mod ingress;
mod labels;
mod object;
mod pod;
mod policy;
mod probe;
mod refusal;
mod scale;
mod security;
mod service;
mod text;
mod volume;
mod waves;
mod work;
mod workload;

#[cfg(test)]
mod tests;

use crate::stack::Stack;

pub use facts::{Facts, Image, ImageUser, Mounted};
pub use going::{Going, going};
pub use labels::{
    INSTANCE, LABEL_MANAGED, LABEL_PART_OF, MANAGER, NAME, REVISION, SYNC_WAVE, secret_name,
};
pub use object::{Kind, Object};
pub use refusal::Refusal;
pub use work::{Note, Promotion};

/// The objects that make a cluster match `going`, in the order in which they are to be applied.
///
/// # Errors
/// Everything of the stack that cannot go along, each with what to do about it.
pub fn promote(going: &Going, facts: &Facts) -> Result<Promotion, Vec<Refusal>> {
    work::promote(going, facts)
}

/// What every object of a stack that is made elsewhere begins with.
pub fn meta_of(
    stack: &Stack,
    name: &str,
    namespace: &str,
) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
    labels::meta(name, namespace, labels::of_stack(stack))
}

/// The namespace that a stack goes to unless somebody names another one.
pub fn namespace(stack: &Stack) -> String {
    let own = stack.kubernetes.namespace.as_deref();
    crate::stack::cluster_name(own.unwrap_or(&stack.name))
}
