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
