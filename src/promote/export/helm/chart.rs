//! The chart of one service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Files;
use super::super::yaml::{comments, document, whole};
use super::pods::{config, pods};
use super::tokens::Tokens;
use super::values::{self, Values};
use super::{VERSION, ingress};
use crate::promote::labels::LABEL_MANAGED;
use crate::promote::{Kind, Object};
use crate::stack::{Service, cluster_name};

/// A chart at work.
pub struct Chart<'a> {
    pub name: &'a str,
    pub service: &'a Service,
    pub tokens: Tokens,
    pub values: Values,
    /// Of this and of those that its pods wait for, by service.
    pub images: BTreeMap<String, Value>,
    /// The Secret that all have.
    pub secret: &'a str,
    /// With which pods wait for more than one service.
    pub gate_image: Option<&'a str>,
    /// The same in its parts, where pods do.
    pub waits_with: Option<Value>,
    /// Pods of it have a secret.
    pub has_secrets: bool,
}

/// When jobs run: what they need has to be there. People may say another time.
const HOOK: &str = "post-install,post-upgrade";

pub fn head(name: &str, of: &str) -> Value {
    json!({
        "apiVersion": "v2",
        "name": name,
        "description": of,
        "type": "application",
        "version": VERSION,
    })
}

impl Chart<'_> {
    /// Files of the chart, from the objects of its service.
    pub fn files(&mut self, objects: Vec<Object>) -> Files {
        let mut by_kind: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        // First what others change with.
        let mut objects = objects;
        objects.sort_by_key(|object| object.kind != Kind::ConfigMap);
        for object in objects {
            let kind = object.kind;
            let text = self.template(object);
            by_kind.entry(kind).or_default().push(text);
        }
        let mut files: Files = by_kind
            .into_iter()
            .map(|(kind, texts)| {
                let name = format!("templates/{}.yaml", kind.name().to_lowercase());
                (name, texts.join("---\n"))
            })
            .collect();
        let about = format!("The service {} of the stack.", self.service.name);
        files.insert("Chart.yaml".to_owned(), whole(&head(self.name, &about)));
        files.insert("templates/_image.tpl".to_owned(), image_helper(self.name));
        let above = "For this chart alone. Where it is part of the stack's, that one's values go before these.";
        let mut all = self.all_values();
        files.insert("values.schema.json".to_owned(), all.schema_file());
        all.add("global", self.globals(), Value::Null);
        let text = format!("{}{}", comments(&[above.to_owned()]), whole(&all.value()));
        files.insert("values.yaml".to_owned(), text);
        files
    }

    fn all_values(&self) -> Values {
        let mut all = self.values.clone();
        // What it has of them is said by the stack's chart.
        all.add("global", json!({}), json!({ "type": "object" }));
        all
    }

    fn globals(&self) -> Value {
        let mut globals = json!({ "images": self.images });
        if let Some(image) = &self.waits_with {
            globals["gateImage"] = image.clone();
        }
        if self.has_secrets {
            globals["secret"] = json!(self.secret);
            globals["secrets"] = json!({});
        }
        globals
    }

    fn template(&mut self, mut object: Object) -> String {
        let service = cluster_name(&self.service.name);
        own_labels(&mut object.value, &mut self.tokens);
        self.secrets(&mut object.value);
        match object.kind {
            Kind::Deployment | Kind::StatefulSet => self.workload(&mut object),
            Kind::Job => self.job(&mut object, &service),
            Kind::CronJob => {
                let spec = &mut object.value["spec"];
                let schedule = spec["schedule"].take();
                self.values.add("schedule", schedule, values::text());
                spec["schedule"] = self.tokens.inline("{{ .Values.schedule | quote }}");
                let template = &mut spec["jobTemplate"]["spec"]["template"];
                pods(self, template);
            }
            Kind::ConfigMap => config(self, &mut object),
            Kind::HorizontalPodAutoscaler => self.autoscaler(&mut object),
            Kind::Ingress => ingress::ingress(self, &mut object),
            _ => {}
        }
        let text = self.tokens.fill(&document(&object));
        match object.kind {
            Kind::Ingress => {
                format!("{{{{- if .Values.ingress.enabled }}}}\n{text}{{{{- end }}}}\n")
            }
            _ => text,
        }
    }

    fn workload(&mut self, object: &mut Object) {
        let spec = &mut object.value["spec"];
        // Where an autoscaler says it, nobody else does.
        if let Some(replicas) = spec.get_mut("replicas") {
            let number = replicas.take();
            self.values.add("replicas", number, values::count());
            *replicas = self.tokens.inline("{{ .Values.replicas }}");
        }
        let claims = spec.get_mut("volumeClaimTemplates");
        let mut storage = json!({});
        for claim in claims.and_then(Value::as_array_mut).into_iter().flatten() {
            let name = claim["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let value = format!("(index .Values.storage {name:?})");
            let size = &mut claim["spec"]["resources"]["requests"]["storage"];
            storage[&name] = json!({ "size": size.take(), "className": "" });
            *size = self
                .tokens
                .inline(format!("{{{{ {value}.size | quote }}}}"));
            let lines = &[
                "{{- with {with}.className }}",
                "storageClassName: {{ . | quote }}",
                "{{- end }}",
            ];
            self.tokens.lines(&mut claim["spec"], lines, &value);
        }
        if storage.as_object().is_some_and(|claims| !claims.is_empty()) {
            self.values.add("storage", storage, values::storage());
        }
        pods(self, &mut object.value["spec"]["template"]);
    }

    /// A hook, because a Job cannot be changed: the old one goes before the new one comes.
    fn job(&mut self, object: &mut Object, name: &str) {
        let weight = object.wave.to_string();
        let metadata = &mut object.value["metadata"];
        metadata["name"] = json!(name);
        let annotations = &mut metadata["annotations"];
        self.values.add("hook", HOOK, values::text());
        annotations["helm.sh/hook"] = self.tokens.inline("{{ .Values.hook | quote }}");
        annotations["helm.sh/hook-delete-policy"] = json!("before-hook-creation");
        annotations["helm.sh/hook-weight"] = json!(weight);
        object.comments = vec![
            "A hook, which is replaced and runs at each install and upgrade, after the rest is applied: what it needs has to be there. \
             Pods that need it are ready only after it, so let nothing wait for them before (no --wait)."
                .to_owned(),
        ];
        pods(self, &mut object.value["spec"]["template"]);
    }

    fn autoscaler(&mut self, object: &mut Object) {
        let spec = &mut object.value["spec"];
        let mut scale = Values::default();
        for (key, name) in [("minReplicas", "min"), ("maxReplicas", "max")] {
            scale.add(name, spec[key].take(), values::count());
            spec[key] = self
                .tokens
                .inline(format!("{{{{ .Values.scale.{name} }}}}"));
        }
        for metric in spec["metrics"].as_array_mut().into_iter().flatten() {
            let name = metric["resource"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let target = &mut metric["resource"]["target"]["averageUtilization"];
            scale.add(&name, target.take(), values::percent());
            *target = self
                .tokens
                .inline(format!("{{{{ .Values.scale.{name} }}}}"));
        }
        let schema = scale.schema();
        self.values.add("scale", scale.value(), schema);
    }

    fn secrets(&mut self, value: &mut Value) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|value| self.secrets(value)),
            Value::Object(object) => {
                if let Some(key) = object.get_mut("secretKeyRef")
                    && key["name"] == self.secret
                {
                    self.has_secrets = true;
                    key["name"] = self.tokens.inline("{{ .Values.global.secret | quote }}");
                    return;
                }
                object.values_mut().for_each(|value| self.secrets(value));
            }
            _ => {}
        }
    }
}

/// Of every object: it is Helm's, in the release's namespace.
pub fn own_labels(value: &mut Value, tokens: &mut Tokens) {
    managed(value, tokens);
    let metadata = &mut value["metadata"];
    metadata["namespace"] = tokens.inline("{{ .Release.Namespace }}");
    metadata["labels"]["helm.sh/chart"] =
        tokens.inline("\"{{ .Chart.Name }}-{{ .Chart.Version }}\"");
}

fn managed(value: &mut Value, tokens: &mut Tokens) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| managed(value, tokens)),
        Value::Object(object) => {
            for (key, value) in object {
                match key == LABEL_MANAGED {
                    true => *value = tokens.inline("{{ .Release.Service }}"),
                    false => managed(value, tokens),
                }
            }
        }
        _ => {}
    }
}

/// A reference to an image out of its parts.
fn image_helper(chart: &str) -> String {
    format!(
        "{{{{- define \"{chart}.image\" -}}}}\n\
         {{{{- .repository }}}}{{{{ with .tag }}}}:{{{{ . }}}}{{{{ end }}}}{{{{ with .digest }}}}@{{{{ . }}}}{{{{ end }}}}\n\
         {{{{- end -}}}}\n"
    )
}
