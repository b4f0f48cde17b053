use serde_json::{Value, json};

use super::chart::Chart;
use super::values::{self, Values};
use crate::promote::Object;
use crate::promote::labels::SYNC_WAVE;

/// Host, path, class, TLS and what a controller reads in annotations.
pub fn ingress(chart: &mut Chart<'_>, object: &mut Object) {
    let mut values = Values::default();
    values.add("enabled", true, json!({ "type": "boolean" }));
    let annotations = &mut object.value["metadata"]["annotations"];
    let order = annotations[SYNC_WAVE].clone();
    let mut others = annotations.take();
    if let Some(others) = others.as_object_mut() {
        others.remove(SYNC_WAVE);
    }
    values.add("annotations", others, values::texts());
    let mut annotations = json!({});
    annotations[SYNC_WAVE] = order;
    let lines = &[
        "{{- with .Values.ingress.annotations }}",
        "{{- toYaml . | nindent {indent} }}",
        "{{- end }}",
    ];
    chart.tokens.lines(&mut annotations, lines, "");
    object.value["metadata"]["annotations"] = annotations;

    let spec = &mut object.value["spec"];
    let taken = |value: &mut Value, key: &str| {
        let object = value.as_object_mut();
        object.and_then(|object| object.remove(key))
    };
    let class = taken(spec, "ingressClassName").unwrap_or_else(|| json!(""));
    values.add("className", class, values::text());
    let tls = taken(spec, "tls").unwrap_or_else(|| json!([]));
    values.add("tls", tls, values::tls());
    let lines = &[
        "{{- with .Values.ingress.className }}",
        "ingressClassName: {{ . | quote }}",
        "{{- end }}",
        "{{- with .Values.ingress.tls }}",
        "tls:",
        "  {{- toYaml . | nindent {below} }}",
        "{{- end }}",
    ];
    chart.tokens.lines(spec, lines, "");

    let rule = &mut spec["rules"][0];
    let host = taken(rule, "host").unwrap_or_else(|| json!(""));
    values.add("host", host, values::text());
    let lines = &[
        "{{- with .Values.ingress.host }}",
        "host: {{ . | quote }}",
        "{{- end }}",
    ];
    chart.tokens.lines(rule, lines, "");
    let path = &mut rule["http"]["paths"][0]["path"];
    values.add("path", path.take(), values::text());
    *path = chart.tokens.inline("{{ .Values.ingress.path | quote }}");
    let schema = values.schema();
    chart.values.add("ingress", values.value(), schema);
}
