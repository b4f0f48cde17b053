//! `dev export kubernetes`: manifests for `kubectl apply`.

use std::collections::BTreeMap;

use serde_json::json;

use super::Files;
use super::yaml::{comments, documents, whole};
use crate::promote::labels::{SYNC_WAVE, of_stack};
use crate::promote::{Going, Kind, Object, Promotion};
use crate::stack::{SecretSource, Stack};

const NAMESPACE: &str = "00-namespace.yaml";
const STACK: &str = "01-stack.yaml";

/// Manifests, one file for each service.
pub fn plain(going: &Going, promotion: &Promotion) -> Files {
    let mut files = Files::new();
    files.insert(NAMESPACE.to_owned(), namespace(&going.stack, promotion));
    files.extend(of_services(&in_order(promotion)));
    let apply = vec![
        secret_command(promotion),
        Some("    kubectl apply -f .".to_owned()),
    ];
    files.insert("README.md".to_owned(), readme(promotion, apply));
    if let Some(example) = secrets(promotion) {
        files.insert("secrets.env.example".to_owned(), example);
        files.insert(".gitignore".to_owned(), "secrets.env\n".to_owned());
    }
    files
}

/// The objects with the order of Argo CD in them.
pub(super) fn in_order(promotion: &Promotion) -> Vec<Object> {
    let mut objects = promotion.objects.clone();
    for object in &mut objects {
        annotate(object, SYNC_WAVE, &object.wave.to_string());
        if object.kind == Kind::Job {
            // https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/
            annotate(object, "argocd.argoproj.io/hook", "Sync");
            annotate(
                object,
                "argocd.argoproj.io/hook-delete-policy",
                "BeforeHookCreation",
            );
        }
    }
    objects
}

fn annotate(object: &mut Object, name: &str, value: &str) {
    object.value["metadata"]["annotations"][name] = json!(value);
}

/// By service; what is of none is the stack's.
pub(super) fn of_services(objects: &[Object]) -> Files {
    let mut by_file: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
    for object in objects {
        let file = match &object.service {
            Some(service) => format!("{}.yaml", crate::stack::cluster_name(service)),
            None => STACK.to_owned(),
        };
        by_file.entry(file).or_default().push(object);
    }
    by_file
        .into_iter()
        .map(|(file, objects)| (file, documents(objects)))
        .collect()
}

pub(super) fn namespace(stack: &Stack, promotion: &Promotion) -> String {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": promotion.namespace,
            "labels": of_stack(stack),
        },
    });
    whole(&object)
}

fn secret_command(promotion: &Promotion) -> Option<String> {
    let (namespace, secret) = (&promotion.namespace, &promotion.secret);
    (!promotion.secrets.is_empty()).then(|| {
        format!(
            "    kubectl apply -f {NAMESPACE}\n    cp secrets.env.example secrets.env   # and fill it in\n    \
             kubectl -n {namespace} create secret generic {secret} --from-env-file=secrets.env"
        )
    })
}

/// What to do with the files, and what is otherwise there than at home.
pub(super) fn readme(promotion: &Promotion, steps: Vec<Option<String>>) -> String {
    let steps: Vec<String> = steps.into_iter().flatten().collect();
    let mut text = format!(
        "# {}\n\nWritten by `dev export` from the stack file: change that, and write them again.\n\n{}\n",
        promotion.name,
        steps.join("\n")
    );
    if !promotion.notes.is_empty() {
        text.push_str("\nOtherwise than on a development machine:\n\n");
        for note in &promotion.notes {
            text.push_str(&format!("- {}: {}\n", note.service, note.text));
        }
    }
    text
}

/// The keys of the Secret, each with where its value comes from.
pub(super) fn secrets(promotion: &Promotion) -> Option<String> {
    if promotion.secrets.is_empty() {
        return None;
    }
    let head = format!(
        "Values of the Secret {}. The filled in file stays out of git.",
        promotion.secret
    );
    let mut text = comments(&[head]);
    for (name, source) in &promotion.secrets {
        text.push_str(&format!("# {}\n{name}=\n", origin(source)));
    }
    Some(text)
}

/// Where a value comes from, for people.
pub(super) fn origin(source: &SecretSource) -> String {
    match source {
        SecretSource::Generate(length) => format!("random text of {length} characters"),
        SecretSource::Given(_) => "what the Compose file or its environment says".to_owned(),
        SecretSource::Env(variable) => format!("the variable {variable}"),
        SecretSource::File(file) => {
            format!("what is in {}", file.file_name().unwrap_or_default())
        }
        SecretSource::Sops { file, key } => {
            format!(
                "{key} of {}, which sops decrypts",
                file.file_name().unwrap_or_default()
            )
        }
    }
}
