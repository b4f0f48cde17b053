//! What holds for the objects of any stack.

use std::collections::BTreeSet;

use k8s_openapi::api::{apps, autoscaling, batch, core, networking, policy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

/// Panics where an object is not valid, or refers to something that is not there.
pub fn check(going: &Going, promotion: &Promotion) {
    let mut seen = BTreeSet::new();
    for object in &promotion.objects {
        assert!(
            seen.insert((object.kind, object.name.clone())),
            "{} {} twice",
            object.kind,
            object.name
        );
        let value = &object.value;
        assert_eq!(value["kind"], object.kind.name());
        assert_eq!(value["metadata"]["name"], object.name.as_str());
        assert_eq!(value["metadata"]["namespace"], promotion.namespace.as_str());
        assert!(is_label(&object.name), "{}", object.name);
        assert!(
            !value.to_string().contains("\\u0001"),
            "a mark is left: {value}"
        );
        labels(&value["metadata"]["labels"]);
        typed(object);
        references(promotion, object);
    }
    for service in going.stack.services.values() {
        let workloads = promotion.objects.iter().filter(|object| {
            object.service.as_ref() == Some(&service.name)
                && (object.kind.is_workload() || object.kind == Kind::CronJob)
        });
        assert_eq!(workloads.count(), 1, "{}", service.name);
    }
}

/// As the API reads it, nothing is lost.
fn typed(object: &Object) {
    match object.kind {
        Kind::ConfigMap => same::<core::v1::ConfigMap>(object),
        Kind::Service => same::<core::v1::Service>(object),
        Kind::Deployment => same::<apps::v1::Deployment>(object),
        Kind::StatefulSet => same::<apps::v1::StatefulSet>(object),
        Kind::Job => same::<batch::v1::Job>(object),
        Kind::CronJob => same::<batch::v1::CronJob>(object),
        Kind::NetworkPolicy => same::<networking::v1::NetworkPolicy>(object),
        Kind::Ingress => same::<networking::v1::Ingress>(object),
        Kind::HorizontalPodAutoscaler => same::<autoscaling::v2::HorizontalPodAutoscaler>(object),
        Kind::PodDisruptionBudget => same::<policy::v1::PodDisruptionBudget>(object),
        Kind::Namespace | Kind::Secret => panic!("made elsewhere"),
    }
}

fn same<T: Serialize + DeserializeOwned>(object: &Object) {
    let read: T = serde_json::from_value(object.value.clone()).expect("it is read");
    assert_eq!(serde_json::to_value(read).unwrap(), object.value);
}

fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
}

fn labels(labels: &Value) {
    for (name, value) in labels.as_object().expect("labels") {
        let value = value.as_str().expect("text");
        assert!(is_label(value), "{name}: {value}");
    }
}

fn template(object: &Object) -> Option<&Value> {
    let spec = &object.value["spec"];
    match object.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::Job => Some(&spec["template"]),
        Kind::CronJob => Some(&spec["jobTemplate"]["spec"]["template"]),
        _ => None,
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn has(promotion: &Promotion, kind: Kind, name: &Value) -> bool {
    promotion
        .objects
        .iter()
        .any(|object| object.kind == kind && *name == object.name.as_str())
}

/// Whether some pods of the promotion have these labels.
fn selects(promotion: &Promotion, labels: &Value) -> bool {
    let mut templates = promotion.objects.iter().filter_map(template);
    let wanted = labels.as_object().expect("labels");
    templates.any(|template| {
        wanted
            .iter()
            .all(|(name, value)| template["metadata"]["labels"][name] == *value)
    })
}

fn references(promotion: &Promotion, object: &Object) {
    let spec = &object.value["spec"];
    if let Some(template) = template(object) {
        labels(&template["metadata"]["labels"]);
        pod(promotion, &template["spec"], &spec["volumeClaimTemplates"]);
    }
    match object.kind {
        Kind::Service => assert!(selects(promotion, &spec["selector"])),
        Kind::Deployment | Kind::StatefulSet | Kind::PodDisruptionBudget => {
            assert!(selects(promotion, &spec["selector"]["matchLabels"]));
        }
        Kind::NetworkPolicy => {
            assert!(selects(promotion, &spec["podSelector"]["matchLabels"]));
            let rules = array(&spec["ingress"]).chain(array(&spec["egress"]));
            for peer in rules.flat_map(|rule| array(&rule["from"]).chain(array(&rule["to"]))) {
                let pods = &peer["podSelector"]["matchLabels"];
                assert!(pods.is_null() || selects(promotion, pods), "{peer}");
            }
        }
        Kind::HorizontalPodAutoscaler => {
            let target = &spec["scaleTargetRef"];
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| target["kind"] == kind.name())
                .unwrap();
            assert!(has(promotion, kind, &target["name"]));
        }
        Kind::Ingress => {
            for path in array(&spec["rules"]).flat_map(|rule| array(&rule["http"]["paths"])) {
                let backend = &path["backend"]["service"];
                let service = find(promotion, Kind::Service, backend["name"].as_str().unwrap());
                let mut ports = array(&service.value["spec"]["ports"]);
                assert!(ports.any(|port| port["port"] == backend["port"]["number"]));
            }
        }
        _ => {}
    }
    if object.kind == Kind::StatefulSet {
        assert!(has(promotion, Kind::Service, &spec["serviceName"]));
    }
}

fn pod(promotion: &Promotion, spec: &Value, claims: &Value) {
    let volumes = array(&spec["volumes"]).map(|volume| &volume["name"]);
    let volumes: Vec<&Value> = volumes
        .chain(array(claims).map(|claim| &claim["metadata"]["name"]))
        .collect();
    let distinct: BTreeSet<String> = volumes.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), volumes.len(), "{volumes:?}");
    for volume in array(&spec["volumes"]) {
        let map = &volume["configMap"];
        if !map.is_null() {
            let map_object = find(promotion, Kind::ConfigMap, map["name"].as_str().unwrap());
            for item in array(&map["items"]) {
                let key = item["key"].as_str().unwrap();
                let data = [
                    &map_object.value["data"][key],
                    &map_object.value["binaryData"][key],
                ];
                assert!(data.iter().any(|value| !value.is_null()), "{key}");
            }
        }
    }
    let mut names = BTreeSet::new();
    for container in array(&spec["containers"]).chain(array(&spec["initContainers"])) {
        assert!(names.insert(container["name"].to_string()));
        assert!(is_label(container["name"].as_str().unwrap()));
        assert!(container["image"].is_string());
        assert_eq!(
            container["securityContext"]["allowPrivilegeEscalation"],
            false
        );
        for mount in array(&container["volumeMounts"]) {
            assert!(volumes.contains(&&mount["name"]), "{mount}");
        }
        for source in array(&container["envFrom"]) {
            assert!(has(
                promotion,
                Kind::ConfigMap,
                &source["configMapRef"]["name"]
            ));
        }
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for var in array(&container["env"]) {
            let key = &var["valueFrom"]["secretKeyRef"];
            if !key.is_null() {
                assert_eq!(key["name"], promotion.secret.as_str());
                assert!(
                    promotion.secrets.contains_key(key["key"].as_str().unwrap()),
                    "{key}"
                );
            }
            // `$(NAME)` means something only where NAME came before.
            let text = var["value"].as_str().unwrap_or_default().replace("$$", "");
            for used in text.split("$(").skip(1) {
                let used = used.split(')').next().unwrap();
                assert!(known.contains(used), "{used} in {text}");
            }
            assert!(known.insert(var["name"].as_str().unwrap()), "{var}");
        }
    }
}
