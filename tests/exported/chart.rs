//! The values of a chart reach the objects, and a wrong one is refused.

use serde_json::{Value, json};

use crate::stack::Stack;

const STACK: &str = r#"
[services.db]
preset = "postgres:16"
[services.migrate]
image = "m:1"
job = true
needs = ["db"]
[services.api]
image = "r.example/api:1"
ports = { http = 80 }
needs = ["db"]
env = { LEVEL = "info", U = "${db.url}" }
kubernetes = { expose = { host = "a.example" } }
[services.web]
image = "w:1"
ready = { tcp = 80 }
ports = { http = 80 }
needs = ["api"]
kubernetes = { scale = { max = 3 } }
"#;

fn stack() -> Stack {
    let stack = Stack::new(STACK);
    stack.chart();
    stack
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    let found = objects.iter().find(is_it);
    found.unwrap_or_else(|| panic!("{kind} {name}"))
}

#[test]
fn what_people_change_changes() {
    let stack = stack();
    let settings = [
        "api.replicas=4",
        "api.resources.limits.memory=1Gi",
        "api.config.LEVEL=debug",
        "api.config.NEW=1",
        "api.ingress.host=b.example",
        "api.ingress.className=nginx",
        "api.ingress.annotations.x=y",
        "api.ingress.tls[0].secretName=t",
        "api.imagePullSecrets[0].name=p",
        "db.storage.data.size=5Gi",
        "db.storage.data.className=fast",
        "web.scale.max=7",
        "migrate.hook=pre-upgrade",
        "global.images.api.tag=2",
        "global.images.db.repository=mirror/postgres",
        "global.secrets.db-POSTGRES_PASSWORD=hunter2",
    ];
    // Numbers are no text.
    let is_number = |setting: &str| {
        ["replicas=4", "max=7"]
            .iter()
            .any(|end| setting.ends_with(end))
    };
    let option = |setting| match is_number(setting) {
        true => ["--set", setting],
        false => ["--set-string", setting],
    };
    let options: Vec<&str> = settings.into_iter().flat_map(option).collect();
    let objects = stack.rendered(&options).expect_documents();
    crate::schemas::valid(&objects);
    let api = find(&objects, "Deployment", "api");
    let pods = &api["spec"]["template"];
    let container = &pods["spec"]["containers"][0];
    assert_eq!(api["spec"]["replicas"], 4);
    assert_eq!(container["image"], "r.example/api:2");
    assert_eq!(container["resources"]["limits"]["memory"], "1Gi");
    assert_eq!(pods["spec"]["imagePullSecrets"], json!([{ "name": "p" }]));
    assert_eq!(
        pods["spec"]["initContainers"][0]["image"],
        "mirror/postgres:16"
    );
    let config = &find(&objects, "ConfigMap", "api-env")["data"];
    assert_eq!(*config, json!({ "LEVEL": "debug", "NEW": "1" }));
    let ingress = find(&objects, "Ingress", "api");
    assert_eq!(ingress["spec"]["rules"][0]["host"], "b.example");
    assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    assert_eq!(ingress["spec"]["tls"][0]["secretName"], "t");
    assert_eq!(ingress["metadata"]["annotations"]["x"], "y");
    let claim = &find(&objects, "StatefulSet", "db")["spec"]["volumeClaimTemplates"][0]["spec"];
    assert_eq!(claim["resources"]["requests"]["storage"], "5Gi");
    assert_eq!(claim["storageClassName"], "fast");
    let scaler = find(&objects, "HorizontalPodAutoscaler", "web");
    assert_eq!(scaler["spec"]["maxReplicas"], 7);
    let job = find(&objects, "Job", "migrate");
    assert_eq!(
        job["metadata"]["annotations"]["helm.sh/hook"],
        "pre-upgrade"
    );
    let secret = find(&objects, "Secret", "shop-secrets");
    assert_eq!(secret["data"]["db-POSTGRES_PASSWORD"], "aHVudGVyMg==");
    // Pods that have what changed are replaced, and only those.
    let before = stack.rendered(&[]).expect_documents();
    let annotations = |objects: &[Value], name: &str| {
        find(objects, "Deployment", name)["spec"]["template"]["metadata"]["annotations"].clone()
    };
    assert_ne!(
        annotations(&before, "api")["dev.config"],
        annotations(&objects, "api")["dev.config"]
    );
    assert!(annotations(&objects, "api")["checksum/secrets"].is_string());
    assert_eq!(annotations(&before, "web"), annotations(&objects, "web"));
}

#[test]
fn an_ingress_can_be_left_out() {
    let objects = stack()
        .rendered(&["--set", "api.ingress.enabled=false"])
        .expect_documents();
    assert!(objects.iter().all(|object| object["kind"] != "Ingress"));
}

#[test]
fn jobs_are_hooks_that_are_replaced_and_run_each_time() {
    let objects = stack().rendered(&[]).expect_documents();
    let annotations = &find(&objects, "Job", "migrate")["metadata"]["annotations"];
    assert_eq!(annotations["helm.sh/hook"], "post-install,post-upgrade");
    assert_eq!(
        annotations["helm.sh/hook-delete-policy"],
        "before-hook-creation"
    );
    assert_eq!(annotations["argocd.argoproj.io/hook"], "Sync");
}

#[test]
fn a_wrong_value_is_refused_by_the_schema() {
    let stack = stack();
    for (setting, why) in [
        ("api.replica=2", "replica"),
        ("api.replicas=many", "replicas"),
        ("aip.replicas=2", "aip"),
        ("db.storage.data.size=large", "size"),
        ("global.images.api.repository=", "repository"),
        ("global.secrets.other=x", "other"),
        ("api.ingress.hosts=x", "hosts"),
    ] {
        let said = stack.rendered(&["--set", setting]);
        assert!(!said.good, "{setting} is taken");
        assert!(said.err.contains(why), "{setting}: {}", said.err);
    }
}

#[test]
fn no_file_of_it_holds_a_secret() {
    let stack = stack();
    let objects = stack.rendered(&[]).expect_documents();
    assert!(objects.iter().all(|object| object["kind"] != "Secret"));
    assert!(
        stack
            .read("chart/secrets.yaml.example")
            .contains("db-POSTGRES_PASSWORD: \"\"")
    );
    assert!(stack.read("chart/.gitignore").contains("secrets.yaml"));
}
