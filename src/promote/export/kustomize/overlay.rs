//! One environment, told as what is otherwise there than in the base.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Files;
use super::super::plain::{of_services, secrets};
use super::super::yaml::whole;
use super::generator::{changed, generator};
use super::patch::patch;
use super::shape::{Shape, jobs_secret};
use super::{BASE, Environment};
use crate::promote::{Going, Object, Promotion};
use crate::stack::Source;
use crate::stack::compose::yaml;

/// The files of an overlay.
pub fn overlay(base: &Shape, environment: &Environment) -> Files {
    let Environment {
        going, promotion, ..
    } = environment;
    let mut shape = Shape::of(environment);
    // What the base has as a file of its own cannot be generated beside it.
    let (maps, files): (Vec<Object>, Vec<Object>) = std::mem::take(&mut shape.maps)
        .into_iter()
        .partition(|map| find(&base.objects, map).is_none());
    shape.objects.extend(files);
    let mut files = added(base, &shape.objects);
    let mut resources = vec![format!("../../{BASE}")];
    resources.extend(files.keys().cloned());
    let mut overlay = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": promotion.namespace,
        "resources": resources,
    });
    let generators: Vec<Value> = maps
        .iter()
        .filter_map(|map| match find(&base.maps, map) {
            Some(old) => changed(going, old, map, &mut files),
            None => Some(generator(going, map, &mut files)),
        })
        .collect();
    let patches = patches(base, &shape.objects, &maps, &mut files);
    let images = built(going, promotion);
    let lists = [
        ("configMapGenerator", generators),
        ("patches", patches),
        ("images", images),
        (
            "secretGenerator",
            secret_generators(&shape, promotion, &mut files),
        ),
    ];
    for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        overlay[key] = list.into();
    }
    files.insert("kustomization.yaml".to_owned(), whole(&overlay));
    files
}

fn find<'a>(objects: &'a [Object], wanted: &Object) -> Option<&'a Object> {
    let is_same = |object: &&Object| (object.kind, &object.name) == (wanted.kind, &wanted.name);
    objects.iter().find(is_same)
}

/// Objects that the base does not have.
fn added(base: &Shape, objects: &[Object]) -> Files {
    let is_new = |object: &&Object| {
        find(&base.objects, object)
            .or(find(&base.maps, object))
            .is_none()
    };
    let new: Vec<Object> = objects.iter().filter(is_new).cloned().collect();
    of_services(&new)
}

/// What makes the base's objects those of the environment, each in a file.
fn patches(base: &Shape, objects: &[Object], maps: &[Object], files: &mut Files) -> Vec<Value> {
    let mut patches = Vec::new();
    for old in base.objects.iter().chain(&base.maps) {
        let file = format!(
            "patches/{}-{}.yaml",
            old.kind.name().to_lowercase(),
            old.name
        );
        if find(maps, old).is_some() {
            continue;
        }
        let Some(new) = find(objects, old) else {
            let gone = json!({
                "apiVersion": old.value["apiVersion"],
                "kind": old.value["kind"],
                "metadata": { "name": old.name },
                "$patch": "delete",
            });
            files.insert(file.clone(), whole(&gone));
            patches.push(json!({ "path": file }));
            continue;
        };
        let operations = patch(&old.value, &new.value);
        if !operations.is_empty() {
            files.insert(file.clone(), yaml(&operations.into()));
            let target = json!({ "kind": old.kind.name(), "name": old.name });
            patches.push(json!({ "path": file, "target": target }));
        }
    }
    patches
}

fn secret_generators(shape: &Shape, promotion: &Promotion, files: &mut Files) -> Vec<Value> {
    let Some(example) = secrets(promotion) else {
        return Vec::new();
    };
    files.insert("secrets.env.example".to_owned(), example);
    files.insert(".gitignore".to_owned(), "secrets.env\n".to_owned());
    let mut generators = vec![json!({ "name": promotion.secret, "envs": ["secrets.env"] })];
    if shape.jobs_have_secrets {
        generators.push(json!({
            "name": jobs_secret(promotion),
            "envs": ["secrets.env"],
            "options": { "disableNameSuffixHash": true },
        }));
    }
    generators
}

/// The images that are built, for a pipeline to set the tags of.
fn built(going: &Going, promotion: &Promotion) -> Vec<Value> {
    let mut names = BTreeMap::new();
    for object in &promotion.objects {
        let service = object.service.as_ref();
        let service = service.and_then(|name| going.stack.services.get(name));
        if !service.is_some_and(|service| matches!(service.source, Source::Build(_))) {
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
