//! `dev export helm`: a chart of the stack with one for each service in it. <https://helm.sh/docs/topics/charts/>

mod chart;
mod ingress;
mod pods;
mod tokens;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Files;
use super::plain::{in_order, origin, readme};
use super::yaml::{comments, document, whole};
use crate::promote::labels::of_stack;
use crate::promote::{Going, Object, Promotion};
use crate::stack::cluster_name;
use chart::{Chart, head, own_labels};
use tokens::Tokens;
use values::{Values, image_schema, text};

/// Of all charts: people who publish them say their own.
const VERSION: &str = "0.1.0";
/// What all charts of a stack have.
const GLOBAL: &str = "global";

/// A chart whose values are what people change.
pub fn helm(going: &Going, promotion: &Promotion) -> Files {
    let mut by_service: BTreeMap<Option<String>, Vec<Object>> = BTreeMap::new();
    for object in in_order(promotion) {
        let service = object.service.clone();
        by_service.entry(service).or_default().push(object);
    }
    let mut files = Files::new();
    let mut services = Vec::new();
    let mut images = Map::new();
    let mut waits_with = None;
    let mut taken = BTreeSet::from([GLOBAL.to_owned()]);
    for service in going.stack.services.values() {
        let name = free(&mut taken, cluster_name(&service.name));
        let objects = by_service
            .remove(&Some(service.name.clone()))
            .unwrap_or_default();
        let mut chart = Chart {
            name: &name,
            service,
            tokens: Tokens::of(&objects),
            values: Values::default(),
            images: BTreeMap::new(),
            secret: &promotion.secret,
            gate_image: going.stack.kubernetes.gate_image.as_deref(),
            waits_with: None,
            has_secrets: false,
        };
        let own = chart.files(objects).into_iter();
        files.extend(own.map(|(file, text)| (format!("charts/{name}/{file}"), text)));
        images.extend(chart.images);
        waits_with = waits_with.or(chart.waits_with);
        services.push((name.clone(), chart.values));
    }
    let of_stack = by_service.remove(&None).unwrap_or_default();
    let global = globals(promotion, images, waits_with);
    files.extend(umbrella(going, promotion, &services, of_stack, &global));
    files
}

/// A name that no other chart has.
fn free(taken: &mut BTreeSet<String>, mut name: String) -> String {
    while !taken.insert(name.clone()) {
        name.push_str("-service");
    }
    name
}

fn umbrella(
    going: &Going,
    promotion: &Promotion,
    services: &[(String, Values)],
    objects: Vec<Object>,
    global: &Values,
) -> Files {
    let mut files = Files::new();
    let mut chart = head(&promotion.name, &format!("The stack {}.", going.stack.name));
    let dependencies = services
        .iter()
        .map(|(name, _)| json!({ "name": name, "version": VERSION }));
    chart["dependencies"] = dependencies.collect();
    files.insert("Chart.yaml".to_owned(), whole(&chart));
    files.insert("templates/stack.yaml".to_owned(), stack(objects));
    let mut all = Values::default();
    for (name, values) in services {
        // Its own schema says more.
        all.add(name, values.value(), json!({ "type": "object" }));
    }
    all.add(GLOBAL, global.value(), global.schema());
    files.insert("values.schema.json".to_owned(), all.schema_file());
    files.insert("values.yaml".to_owned(), values_file(services, global));
    let ignored = "README.md\n.dev-export\n.gitignore\nsecrets.yaml\nsecrets.yaml.example\n";
    files.insert(".helmignore".to_owned(), ignored.to_owned());
    let mut steps = Vec::new();
    let mut install = format!(
        "    helm upgrade --install {} . --namespace {} --create-namespace",
        promotion.name, promotion.namespace
    );
    if !promotion.secrets.is_empty() {
        files.insert("templates/secret.yaml".to_owned(), secret(going));
        files.insert("secrets.yaml.example".to_owned(), example(promotion));
        files.insert(".gitignore".to_owned(), "secrets.yaml\n".to_owned());
        steps.push("    cp secrets.yaml.example secrets.yaml   # and fill it in".to_owned());
        install.push_str(" --values secrets.yaml");
    }
    steps.push(install);
    let steps = steps.into_iter().map(Some).collect();
    files.insert("README.md".to_owned(), readme(promotion, steps));
    files
}

/// What belongs to no service.
fn stack(objects: Vec<Object>) -> String {
    let mut tokens = Tokens::of(&objects);
    let documents = objects.into_iter().map(|mut object| {
        own_labels(&mut object.value, &mut tokens);
        tokens.fill(&document(&object))
    });
    documents.collect::<Vec<_>>().join("---\n")
}

fn globals(promotion: &Promotion, images: Map<String, Value>, waits_with: Option<Value>) -> Values {
    let mut global = Values::default();
    let schemas: Map<String, Value> = images
        .keys()
        .map(|name| (name.clone(), image_schema()))
        .collect();
    let schema = json!({ "type": "object", "properties": schemas, "additionalProperties": false });
    global.add("images", images, schema);
    if let Some(image) = waits_with {
        global.add("gateImage", image, image_schema());
    }
    if !promotion.secrets.is_empty() {
        global.add("secret", promotion.secret.as_str(), text());
        let names: Vec<&String> = promotion.secrets.keys().collect();
        let known: Map<String, Value> = names
            .iter()
            .map(|name| ((*name).clone(), json!({ "type": "string", "minLength": 1 })))
            .collect();
        let schema = json!({
            "type": "object",
            "properties": known,
            "additionalProperties": false,
            // None, where the Secret is made elsewhere, or all.
            "anyOf": [{ "maxProperties": 0 }, { "required": names }],
        });
        global.add("secrets", json!({}), schema);
    }
    global
}

fn values_file(services: &[(String, Values)], global: &Values) -> String {
    let about = [
        "For all charts. An image stands here because others wait for a service with its own image.".to_owned(),
        "secrets: values of the Secret, which then is made with the rest; without any it is one that was made elsewhere.".to_owned(),
    ];
    let about = match global.get("secret") {
        Some(_) => &about[..],
        None => &about[..1],
    };
    let mut text = comments(about);
    text.push_str(&whole(&json!({ GLOBAL: global.value() })));
    for (name, values) in services {
        text.push('\n');
        text.push_str(&whole(&json!({ name: values.value() })));
    }
    text
}

/// The Secret, where its values are given.
fn secret(going: &Going) -> String {
    let object = json!({ "labels": of_stack(&going.stack) });
    let mut value = json!({ "metadata": object });
    let mut tokens = Tokens::of(&[]);
    own_labels(&mut value, &mut tokens);
    let labels = tokens.fill(&whole(&json!({ "labels": value["metadata"]["labels"] })));
    let labels: String = labels.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "{{{{- with .Values.global.secrets }}}}\n\
         apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{{{ $.Values.global.secret | quote }}}}\n  \
         namespace: {{{{ $.Release.Namespace }}}}\n{}\
         type: Opaque\ndata:\n  {{{{- range $name, $value := . }}}}\n  \
         {{{{ $name | quote }}}}: {{{{ $value | b64enc | quote }}}}\n  {{{{- end }}}}\n{{{{- end }}}}\n",
        labels.replace("{{ .", "{{ $.")
    )
}

/// Values to fill in, each with where it comes from.
fn example(promotion: &Promotion) -> String {
    let mut text = comments(&[format!(
        "Values of the Secret {}. The filled in file stays out of git.",
        promotion.secret
    )]);
    text.push_str("global:\n  secrets:\n");
    for (name, source) in &promotion.secrets {
        let line = whole(&json!({ name: "" }));
        text.push_str(&format!("    # {}\n    {line}", origin(source)));
    }
    text
}
