//! `dev export kustomize`: a base, and an overlay of it for each environment, with generators, so that what is configured anew
//! is rolled out.

mod generator;
mod overlay;
mod patch;
mod shape;

use serde_json::json;

use super::Files;
use super::plain::{namespace, of_services, readme};
use super::yaml::whole;
use crate::promote::{Going, Promotion};
use generator::generator;
use overlay::overlay;
use shape::Shape;

/// Folder of the base.
const BASE: &str = "base";
/// Folder of the overlays.
const OVERLAYS: &str = "overlays";

/// What the stack becomes in one environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Name of the overlay's folder.
    pub name: String,
    pub going: Going,
    pub promotion: Promotion,
}

/// The base is the first environment, without its secrets: each overlay brings its own.
pub fn kustomize(environments: &[Environment]) -> Files {
    let Some(first) = environments.first() else {
        return Files::new();
    };
    let shape = Shape::of(first);
    let mut all = base(first, &shape);
    for environment in environments {
        let files = overlay(&shape, environment).into_iter();
        let folder = format!("{OVERLAYS}/{}", environment.name);
        all.extend(files.map(|(name, text)| (format!("{folder}/{name}"), text)));
    }
    let steps = environments.iter().flat_map(steps).map(Some).collect();
    all.insert("README.md".to_owned(), readme(&first.promotion, steps));
    all
}

fn base(first: &Environment, shape: &Shape) -> Files {
    let mut files = of_services(&shape.objects);
    files.insert(
        "namespace.yaml".to_owned(),
        namespace(&first.going.stack, &first.promotion),
    );
    let resources: Vec<String> = files.keys().cloned().collect();
    let mut base = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": first.promotion.namespace,
        "resources": resources,
    });
    let generators: Vec<_> = shape
        .maps
        .iter()
        .map(|map| generator(&first.going, map, &mut files))
        .collect();
    if !generators.is_empty() {
        base["configMapGenerator"] = generators.into();
    }
    files.insert("kustomization.yaml".to_owned(), whole(&base));
    files
        .into_iter()
        .map(|(name, text)| (format!("{BASE}/{name}"), text))
        .collect()
}

/// What to do for one environment.
fn steps(environment: &Environment) -> Vec<String> {
    let folder = format!("{OVERLAYS}/{}", environment.name);
    let fill =
        format!("    cp {folder}/secrets.env.example {folder}/secrets.env   # and fill it in");
    let mut steps = Vec::new();
    if !environment.promotion.secrets.is_empty() {
        steps.push(fill);
    }
    steps.push(format!("    kubectl apply -k {folder}"));
    steps
}
