//! Whole stacks as manifests.

use super::check::check;
use super::*;

/// All manifests in one text, each file under its name.
fn manifests(going: &Going, facts: &Facts) -> String {
    let promotion = promote(going, facts).unwrap_or_else(|refusals| panic!("{refusals:#?}"));
    check(going, &promotion);
    let files = plain(going, &promotion).into_iter();
    files
        .map(|(name, text)| format!("==== {name}\n{text}"))
        .collect()
}

fn snapshot(name: &str, text: &str) {
    let going = all(&stack(text));
    let facts = Facts {
        gates: true,
        ..facts(&going)
    };
    insta::assert_snapshot!(name, manifests(&going, &facts));
}

#[test]
fn the_gold_platform() {
    let going = all(&fixture("examples/gold-platform"));
    let facts = Facts {
        gates: true,
        ..facts(&going)
    };
    insta::assert_snapshot!("gold_platform", manifests(&going, &facts));
}

#[test]
fn every_example_of_the_format_goes() {
    for name in ["goldplatform", "petclinic", "req1", "secumsg", "sportshop"] {
        let going = all(&fixture(&format!("tests/fixtures/stacks/{name}")));
        match promote(&going, &facts(&going)) {
            Ok(promotion) => check(&going, &promotion),
            Err(refusals) => {
                let honest = |refusal: &Refusal| {
                    matches!(
                        refusal,
                        Refusal::Unresolved { .. }
                            | Refusal::HostProcess { .. }
                            | Refusal::SecretInSight { .. }
                            | Refusal::AtHome { .. }
                            | Refusal::Bind { .. }
                            | Refusal::JobVolume { .. }
                    )
                };
                assert!(refusals.iter().all(honest), "{name}: {refusals:#?}");
            }
        }
    }
}

#[test]
fn one_image() {
    snapshot(
        "one_image",
        "[services.web]\nimage = \"nginx:1\"\nports = { http = 80 }",
    );
}

#[test]
fn a_database_without_a_volume() {
    snapshot(
        "ephemeral",
        "[services.cache]\npreset = \"redis:7\"\nvolume = false",
    );
}

#[test]
fn probes_of_every_kind() {
    snapshot(
        "probes",
        r#"
        [services.h]
        image = "a:1"
        ports = { http = 80 }
        ready = { http = "/ready", within = "30s", every = "5s" }
        alive = { http = "/live" }
        [services.t]
        image = "a:1"
        ports = { tcp = 90 }
        ready = { tcp = 90 }
        [services.e]
        image = "a:1"
        ready = { exec = ["test", "-e", "/x"] }
        [services.l]
        image = "a:1"
        ready = { log = "up" }
        [services.w]
        image = "a:1"
        needs = ["h", "t", "e", "l"]
        "#,
    );
}

#[test]
fn files_and_memory() {
    snapshot(
        "files",
        "[services.a]\nimage = \"a:1\"\nuser = \"1000:1000\"\nvolumes = [\"./a.conf:/etc/a.conf:ro\", \"./init:/init:ro\", { tmpfs = true, target = \"/tmp\" }]",
    );
}

#[test]
fn scaled_and_exposed() {
    snapshot(
        "scaled",
        r#"
        [kubernetes]
        namespace = "prod"
        pull_secrets = ["registry"]
        [services.a]
        image = "a:1"
        ports = { http = 80, admin = 81 }
        metrics = true
        limits = { memory = "256Mi", cpu = 0.5 }
        kubernetes = { scale = { min = 2, max = 4, memory = 60 }, expose = { host = "a.example", path = "/a", class = "nginx", tls = "issuer:letsencrypt" }, resources = { requests = { cpu = "250m" } } }
        [services.b]
        image = "b:1"
        kubernetes = { replicas = 3 }
        "#,
    );
}

#[test]
fn jobs_now_and_by_the_clock() {
    snapshot(
        "jobs",
        "[services.db]\npreset = \"mariadb:11\"\n[services.now]\nimage = \"a:1\"\njob = true\nneeds = [\"db\"]\n[services.nightly]\nimage = \"a:1\"\njob = { schedule = \"0 3 * * *\" }\nenv = { U = \"${db.url}\" }",
    );
}

#[test]
fn names_that_no_cluster_takes() {
    snapshot(
        "names",
        "[services.my_api]\nimage = \"a:1\"\nports = { main_http = 80 }\n[services.1st]\nimage = \"a:1\"\nenv = { U = \"${my_api.url}\" }",
    );
}

#[test]
fn databases_and_buckets() {
    snapshot(
        "presets",
        "[services.db]\npreset = \"postgres:18\"\ndatabases = [\"a\", \"b\"]\n[services.s3]\npreset = \"minio\"\noptions = { buckets = [\"one\"] }\n[services.q]\npreset = \"rabbitmq:4\"",
    );
}

const SHOP: &str = r#"
[kubernetes]
gate_image = "busybox:1.37"
[secrets]
T = { generate = 16 }
[services.db]
preset = "postgres:16"
[services.migrate]
image = "m:1"
job = true
env = { U = "${db.url}" }
[services.api]
build = "."
ports = { http = 80 }
ready = { http = "/ready" }
needs = ["migrate", "db"]
env = { U = "${db.url}", T = "${secret:T}", LEVEL = "debug" }
kubernetes = { scale = { max = 3 }, expose = { host = "a.example", tls = "issuer:le" } }
[services.web]
image = "w:1"
needs = ["api"]
[services.nightly]
image = "w:1"
job = { schedule = "0 3 * * *" }
"#;

fn written(files: Files) -> String {
    let files = files.into_iter();
    files
        .map(|(name, text)| format!("==== {name}\n{text}"))
        .collect()
}

fn waiting(stack: &Stack) -> (Going, Promotion) {
    let going = all(stack);
    let facts = Facts {
        gates: true,
        ..facts(&going)
    };
    let promotion = promote(&going, &facts).unwrap_or_else(|refusals| panic!("{refusals:#?}"));
    (going, promotion)
}

#[test]
fn a_chart() {
    let (going, promotion) = waiting(&stack(SHOP));
    let mut files = helm(&going, &promotion);
    // What is as everywhere.
    let usual = [
        "networkpolicy.yaml",
        "service.yaml",
        "Chart.yaml",
        "schema.json",
    ];
    files.retain(|name, _| {
        !name.starts_with("charts/") || usual.iter().all(|end| !name.ends_with(end))
    });
    insta::assert_snapshot!("chart", written(files));
}

#[test]
fn an_overlay_says_what_is_otherwise() {
    let production = SHOP
        .replace("\"debug\"", "\"info\"")
        .replace("\"w:1\"", "\"w:2\"")
        .replace("max = 3", "max = 9")
        .replace("[services.nightly]", "[services.weekly]");
    let environments = [("default", SHOP), ("production", production.as_str())];
    let environments = environments.map(|(name, text)| {
        let (going, promotion) = waiting(&stack(text));
        Environment {
            name: name.to_owned(),
            going,
            promotion,
        }
    });
    let mut files = kustomize(&environments);
    files.retain(|name, _| !name.starts_with("base/") || name.ends_with("kustomization.yaml"));
    insta::assert_snapshot!("overlays", written(files));
}

#[test]
fn pods_wait_with_an_image_that_has_a_shell() {
    let text = |kubernetes: &str| {
        format!(
            "{kubernetes}\n[services.db]\npreset = \"postgres:16\"\n[services.a]\nimage = \"scratch:1\"\nports = {{ http = 80 }}\n\
             [services.b]\nimage = \"b:1\"\nneeds = [\"a\", \"db\"]"
        )
    };
    let gates = |promotion: &Promotion| {
        let pod = &find(promotion, Kind::Deployment, "b").value["spec"]["template"]["spec"];
        ["wait-for-a", "wait-for-db"].map(|name| {
            let gates = pod["initContainers"].as_array().into_iter().flatten();
            let mut gates = gates.filter(|gate| gate["name"] == name);
            gates
                .next()
                .map(|gate| gate["image"].as_str().unwrap_or_default().to_owned())
        })
    };
    let is_told = |promotion: &Promotion| {
        let notes = promotion.notes.iter();
        notes
            .filter(|note| note.text.contains("gate_image"))
            .count()
    };
    let (_, without) = waiting(&stack(&text("")));
    assert_eq!(
        gates(&without),
        [Some("scratch:1".to_owned()), Some("postgres:16".to_owned())]
    );
    assert_eq!(is_told(&without), 1, "of a, and not of the preset");
    let (_, with) = waiting(&stack(&text("[kubernetes]\ngate_image = \"busybox:1\"")));
    assert_eq!(
        gates(&with),
        [Some("busybox:1".to_owned()), Some("postgres:16".to_owned())]
    );
    assert_eq!(is_told(&with), 0);
}
