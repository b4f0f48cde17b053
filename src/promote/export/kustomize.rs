//! `dev export kustomize`: a base with generators, so that what is configured anew is rolled out.

use serde_json::{Value, json};

use super::Files;
use super::plain::{in_order, namespace, of_services, readme, secrets};
use super::yaml::whole;
use crate::promote::{Going, Kind, Object, Promotion};
use crate::stack::cluster_name;

/// A base, and an overlay of it to begin with.
pub fn kustomize(going: &Going, promotion: &Promotion) -> Files {
    let mut objects = in_order(promotion);
    let jobs_have_secrets = own_secret_of_jobs(promotion, &mut objects);
    let (maps, objects): (Vec<Object>, Vec<Object>) = objects.into_iter().partition(|object| {
        object.kind == Kind::ConfigMap && object.value.get("binaryData").is_none()
    });
    let mut files = of_services(&objects);
    files.insert(
        "namespace.yaml".to_owned(),
        namespace(&going.stack, promotion),
    );
    let resources: Vec<String> = files.keys().cloned().collect();
    let mut base = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": promotion.namespace,
        "resources": resources,
    });
    let generators: Vec<Value> = maps
        .iter()
        .map(|map| generator(going, map, &mut files))
        .collect();
    if !generators.is_empty() {
        base["configMapGenerator"] = generators.into();
    }
    if let Some(example) = secrets(promotion) {
        let mut generators = vec![json!({ "name": promotion.secret, "envs": ["secrets.env"] })];
        if jobs_have_secrets {
            generators.push(json!({
                "name": jobs_secret(promotion),
                "envs": ["secrets.env"],
                "options": { "disableNameSuffixHash": true },
            }));
        }
        base["secretGenerator"] = generators.into();
        files.insert("secrets.env.example".to_owned(), example);
        files.insert(".gitignore".to_owned(), "secrets.env\n".to_owned());
    }
    let images: Vec<Value> = built(going, promotion);
    if !images.is_empty() {
        base["images"] = images.into();
    }
    files.insert("kustomization.yaml".to_owned(), whole(&base));
    let mut all: Files = files
        .into_iter()
        .map(|(name, text)| (format!("base/{name}"), text))
        .collect();
    let fill = (!promotion.secrets.is_empty())
        .then(|| "    cp base/secrets.env.example base/secrets.env   # and fill it in".to_owned());
    let steps = vec![fill, Some("    kubectl apply -k base".to_owned())];
    all.insert("README.md".to_owned(), readme(promotion, steps));
    all
}

/// The same values under a name that stays: another name would change a Job, which cannot be changed.
fn jobs_secret(promotion: &Promotion) -> String {
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

/// A ConfigMap as kustomize makes it; each value is a file, because a literal would lose its quotes.
fn generator(going: &Going, map: &Object, files: &mut Files) -> Value {
    let data = map.value["data"].as_object();
    let mut sources = Vec::new();
    for (key, value) in data.into_iter().flatten() {
        let file = format!("config/{}/{key}", map.name);
        sources.push(format!("{key}={file}"));
        files.insert(file, value.as_str().unwrap_or_default().to_owned());
    }
    let mut options = json!({ "labels": map.value["metadata"]["labels"] });
    let service = map.service.as_ref();
    let service = service.and_then(|name| going.stack.services.get(name));
    // A job's own name says what it is configured with, and another name of the map would change what cannot be changed.
    if service.is_some_and(crate::stack::Service::is_job) {
        options["disableNameSuffixHash"] = json!(true);
    }
    json!({ "name": map.name, "files": sources, "options": options })
}

/// The images that are built, for a pipeline to set the tags of.
fn built(going: &Going, promotion: &Promotion) -> Vec<Value> {
    let mut names = std::collections::BTreeMap::new();
    for object in &promotion.objects {
        let is_built = object
            .service
            .as_ref()
            .and_then(|name| going.stack.services.get(name));
        if !is_built.is_some_and(|service| matches!(service.source, crate::stack::Source::Build(_)))
        {
            continue;
        }
        let containers = object.value["spec"]["template"]["spec"]["containers"].as_array();
        for container in containers.into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default();
            if let Some((name, tag)) = image.rsplit_once(':') {
                names.insert(name.to_owned(), tag.to_owned());
            }
        }
    }
    let image = |(name, tag)| json!({ "name": name, "newTag": tag });
    names.into_iter().map(image).collect()
}
