use serde_json::{Value, json};

use super::super::plain::in_order;
use super::Environment;
use crate::promote::{Kind, Object, Promotion};
use crate::stack::cluster_name;

/// An environment's objects as kustomize has them: without a namespace, which it gives them itself.
pub struct Shape {
    /// What is written as it is.
    pub objects: Vec<Object>,
    /// ConfigMaps that are generated.
    pub maps: Vec<Object>,
    pub jobs_have_secrets: bool,
}

impl Shape {
    pub fn of(environment: &Environment) -> Self {
        let promotion = &environment.promotion;
        let mut objects = in_order(promotion);
        for object in &mut objects {
            if let Some(metadata) = object.value["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
        }
        let jobs_have_secrets = own_secret_of_jobs(promotion, &mut objects);
        let (maps, objects) = objects.into_iter().partition(|object| {
            object.kind == Kind::ConfigMap && object.value.get("binaryData").is_none()
        });
        Self {
            objects,
            maps,
            jobs_have_secrets,
        }
    }
}

/// The same values under a name that stays: another name would change a Job, which cannot be changed.
pub fn jobs_secret(promotion: &Promotion) -> String {
    cluster_name(&format!("{}-of-jobs", promotion.secret))
}

/// Whether there is a job that has a secret; each is told of the name that stays.
fn own_secret_of_jobs(promotion: &Promotion, objects: &mut [Object]) -> bool {
    let (old, new) = (&promotion.secret, jobs_secret(promotion));
    let jobs = objects.iter_mut().filter(|object| object.kind == Kind::Job);
    let renamed: usize = jobs
        .map(|job| renamed(&mut job.value["spec"]["template"]["spec"], old, &new))
        .sum();
    renamed > 0
}

/// Gives every reference to a Secret another name; how many there were.
fn renamed(value: &mut Value, old: &str, new: &str) -> usize {
    match value {
        Value::Array(list) => list.iter_mut().map(|value| renamed(value, old, new)).sum(),
        Value::Object(object) => {
            if let Some(name) = object.get_mut("secretKeyRef").map(|key| &mut key["name"])
                && *name == old
            {
                *name = json!(new);
                return 1;
            }
            object
                .values_mut()
                .map(|value| renamed(value, old, new))
                .sum()
        }
        _ => 0,
    }
}
