//! What people change of pods, and of what they are configured with.

use serde_json::{Value, json};

use super::chart::Chart;
use super::values;
use crate::promote::Object;
use crate::promote::labels::CONFIG;
use crate::stack::cluster_name;

/// A template of pods.
pub fn pods(chart: &mut Chart<'_>, template: &mut Value) {
    annotations(chart, template);
    let spec = &mut template["spec"];
    let own = chart.service.name.clone();
    let needs: Vec<String> = chart.service.needs.keys().cloned().collect();
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        image(chart, container, &own);
        let resources = container["resources"].take();
        chart
            .values
            .add("resources", resources, values::resources());
        container["resources"] = chart.tokens.below("toYaml .Values.resources");
    }
    let gates = spec.get_mut("initContainers").and_then(Value::as_array_mut);
    for container in gates.into_iter().flatten() {
        let name = container["name"].as_str().unwrap_or_default();
        let is_gate = |need: &&String| cluster_name(&format!("wait-for-{need}")) == name;
        let Some(need) = needs.iter().find(is_gate) else {
            continue;
        };
        match chart
            .gate_image
            .filter(|image| container["image"] == *image)
        {
            Some(common) => {
                chart.waits_with = Some(values::image(common));
                container["image"] = reference(chart, ".Values.global.gateImage");
            }
            None => image(chart, container, need),
        }
    }
    let secrets = spec
        .as_object_mut()
        .and_then(|spec| spec.remove("imagePullSecrets"));
    let secrets = secrets.unwrap_or_else(|| json!([]));
    chart
        .values
        .add("imagePullSecrets", secrets, values::pull_secrets());
    let lines = &[
        "{{- with .Values.imagePullSecrets }}",
        "imagePullSecrets:",
        "  {{- toYaml . | nindent {below} }}",
        "{{- end }}",
    ];
    chart.tokens.lines(spec, lines, "");
}

/// Images are of all charts: others wait with a service's image for it.
fn image(chart: &mut Chart<'_>, container: &mut Value, service: &str) {
    let image = container["image"].as_str().unwrap_or_default();
    chart
        .images
        .insert(service.to_owned(), values::image(image));
    let value = format!("(index .Values.global.images {service:?})");
    container["image"] = reference(chart, &value);
}

fn reference(chart: &mut Chart<'_>, value: &str) -> Value {
    let expression = format!("{{{{ include \"{}.image\" {value} | quote }}}}", chart.name);
    chart.tokens.inline(expression)
}

/// Pods are replaced when values change what they are configured with.
fn annotations(chart: &mut Chart<'_>, template: &mut Value) {
    let metadata = &mut template["metadata"];
    let config = chart.values.get("config").map(Value::to_string);
    if let (Some(config), Some(hash)) = (config, metadata["annotations"][CONFIG].as_str()) {
        let changed = format!(
            "{hash}{{{{ if ne (toJson .Values.config) (toJson (fromJson {}))}}}}-{{{{ toJson .Values.config | sha256sum | trunc 8 }}}}{{{{ end }}}}",
            Value::String(config)
        );
        metadata["annotations"][CONFIG] = chart.tokens.inline(format!("\"{changed}\""));
    }
    // Indexing made it where it was not there.
    if metadata["annotations"].is_null()
        && let Some(metadata) = metadata.as_object_mut()
    {
        metadata.remove("annotations");
    }
    if !chart.has_secrets {
        return;
    }
    if metadata.get("annotations").is_some() {
        let lines = &[
            "{{- with .Values.global.secrets }}",
            "checksum/secrets: {{ toJson . | sha256sum }}",
            "{{- end }}",
        ];
        chart.tokens.lines(&mut metadata["annotations"], lines, "");
    } else {
        let lines = &[
            "{{- with .Values.global.secrets }}",
            "annotations:",
            "  checksum/secrets: {{ toJson . | sha256sum }}",
            "{{- end }}",
        ];
        chart.tokens.lines(metadata, lines, "");
    }
}

/// The map with a service's variables; that with its files is as it is.
pub fn config(chart: &mut Chart<'_>, object: &mut Object) {
    if object.name != format!("{}-env", cluster_name(&chart.service.name)) {
        return;
    }
    let data = object.value["data"].take();
    chart.values.add("config", data, values::texts());
    object.value["data"] = chart.tokens.below("toYaml .Values.config");
}
