//! An overlay of kustomize is the stack with the layers of its environment.

use crate::agree::{same, without_kustomize};
use crate::schemas::valid;
use crate::stack::Stack;

const STACK: &str = r#"
[secrets]
T = { generate = 8 }
[services.db]
preset = "postgres:16"
[services.migrate]
image = "m:1"
job = true
env = { U = "${db.url}", MODE = "a" }
[services.gone]
image = "x:1"
env = { A = "1" }
[services.api]
image = "a:1"
ports = { http = 80 }
env = { LEVEL = "debug", SAME = "s", U = "${db.url}" }
volumes = ["./a.conf:/etc/a:ro"]
[services.web]
image = "w:1"
env = { LEVEL = "debug", OFF = "1" }
"#;

const PRODUCTION: &str = r#"
[kubernetes]
namespace = "shop-production"
[services.db]
kubernetes = { storage = "20Gi" }
[services.migrate]
env = { MODE = "b" }
[services.gone]
promote = false
[services.api]
env = { LEVEL = "info", T = "${secret:T}" }
kubernetes = { replicas = 3, expose = { host = "shop.example" } }
[services.web]
image = "w:2"
env = { OFF = false }
[services.more]
image = "m:1"
env = { A = "1" }
"#;

#[test]
fn an_overlay_is_the_stack_with_its_layer() {
    let stack = Stack::new(STACK);
    stack.file("dev.production.toml", PRODUCTION);
    stack.file("dev.local.toml", "[services.web]\nimage = \"w:1\"\n");
    let said = stack.dev(&["export", "kustomize", "--to", "kustomize"]);
    assert!(said.good, "{}", said.err);
    assert!(!stack.path("kustomize/overlays/local").exists());
    for (name, envs) in [("default", &[][..]), ("production", &["production"])] {
        let overlay = stack.overlay(name);
        valid(&overlay);
        let space = overlay.iter().find(|object| object["kind"] == "Namespace");
        let space = space.expect("a namespace")["metadata"]["name"].clone();
        assert!(
            overlay
                .iter()
                .filter(|object| object["kind"] != "Namespace")
                .all(|object| object["metadata"]["namespace"] == space),
            "in the namespace {space}"
        );
        same(name, stack.manifests(envs), without_kustomize(overlay));
    }
}

#[test]
fn an_environment_that_cannot_go_is_told_of() {
    let stack = Stack::new("[services.a]\nimage = \"a:1\"\n");
    stack.file("dev.host.toml", "[services.a]\nnetwork = \"host\"\n");
    stack.file("dev.wrong.toml", "[services.a]\nimagine = 1\n");
    let said = stack.dev(&["export", "kustomize", "--to", "kustomize"]);
    assert!(said.good, "{}", said.err);
    for name in ["host", "wrong"] {
        assert!(
            said.err.contains(&format!("no overlay for {name}: ")),
            "{}",
            said.err
        );
        assert!(!stack.path(&format!("kustomize/overlays/{name}")).exists());
    }
}
