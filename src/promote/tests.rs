//! What stacks become.

mod check;
mod drawn;
mod property;
mod stacks;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::export::{Environment, Files, Place, argocd, flux, helm, kustomize, plain};
use super::{
    Facts, Going, Image, ImageUser, Kind, Mounted, Object, Promotion, Refusal, going, promote,
};
use crate::stack::file::{Layer, LoadRequest, load, parse, render};
use crate::stack::{Source, Stack};

fn stack(text: &str) -> Stack {
    let dir = Utf8Path::new("/stack");
    let layer = Layer {
        path: dir.join("dev.toml"),
        text: text.to_owned(),
    };
    let nothing = |_: &Utf8Path| Err(std::io::ErrorKind::NotFound.into());
    match parse(dir, vec![layer], Some("shop"), &nothing) {
        Ok(loaded) => loaded.stack,
        Err(error) => panic!("{}", render(&error, false, 120)),
    }
}

fn all(stack: &Stack) -> Going {
    going(stack, &BTreeSet::new())
}

/// Everything that could be known of the outside.
fn facts(going: &Going) -> Facts {
    let image = |source: &Source| match source {
        Source::Image(image) => Some(image.clone()),
        Source::Build(build) => Some(format!(
            "{}:1",
            build.image.as_deref()?.trim_end_matches(".promoted")
        )),
        Source::Run(_) => None,
    };
    let services = going.stack.services.iter();
    let images = services.filter_map(|(name, service)| {
        let image = Image {
            reference: image(&service.source)?,
            user: ImageUser::Unknown,
        };
        Some((name.clone(), image))
    });
    let file = Mounted::File(b"one\ntwo\n".to_vec());
    let folder = Mounted::Files([("a.sql".to_owned(), b"SELECT 1;\n".to_vec())].into());
    Facts {
        images: images.collect(),
        mounted: [
            ("/stack/a.conf".into(), file),
            ("/stack/init".into(), folder),
        ]
        .into(),
        git: [("sha".to_owned(), "0123456789abcdef".to_owned())].into(),
        ..Facts::default()
    }
}

fn made(stack: &Stack) -> Promotion {
    let going = all(stack);
    match promote(&going, &facts(&going)) {
        Ok(promotion) => promotion,
        Err(refusals) => panic!("{refusals:#?}"),
    }
}

/// Stacks as environments.
fn environments(stacks: &[(&str, &Stack)]) -> Vec<Environment> {
    let one = |(name, stack): &(&str, &Stack)| Environment {
        name: (*name).to_owned(),
        going: all(stack),
        promotion: made(stack),
    };
    stacks.iter().map(one).collect()
}

fn kustomized(stacks: &[(&str, &Stack)]) -> Files {
    kustomize(&environments(stacks))
}

fn refused(text: &str) -> Vec<Refusal> {
    let going = all(&stack(text));
    promote(&going, &facts(&going)).unwrap_err()
}

fn find<'a>(promotion: &'a Promotion, kind: Kind, name: &str) -> &'a Object {
    let found = promotion
        .objects
        .iter()
        .find(|object| object.kind == kind && object.name == name);
    found.unwrap_or_else(|| panic!("{kind} {name} of {:?}", names(promotion)))
}

fn names(promotion: &Promotion) -> Vec<String> {
    let objects = promotion.objects.iter();
    objects
        .map(|object| format!("{} {} {}", object.wave, object.kind, object.name))
        .collect()
}

#[test]
fn what_is_needed_comes_first() {
    let promotion = made(&stack(
        r#"
        [services.db]
        preset = "postgres:16"
        [services.migrate]
        build = "."
        job = true
        needs = ["db"]
        [services.api]
        build = "."
        needs = ["migrate"]
        ports = { http = 8000 }
        "#,
    ));
    let waves: BTreeMap<_, _> = promotion
        .objects
        .iter()
        .filter(|object| object.kind.is_workload())
        .map(|object| (object.service.clone().unwrap_or_default(), object.wave))
        .collect();
    assert_eq!(
        waves,
        [
            ("db".to_owned(), 1),
            ("migrate".to_owned(), 2),
            ("api".to_owned(), 3)
        ]
        .into()
    );
}

#[test]
fn no_secret_is_anywhere_but_referred_to() {
    let promotion = made(&stack(
        r#"
        [secrets]
        JWT = { generate = 32 }
        UNUSED = { generate = 32 }
        [services.db]
        preset = "postgres:16"
        databases = ["shop"]
        [services.api]
        image = "api:1"
        env = { URL = "${db.shop.url}", JWT = "${secret:JWT}", BOTH = "x${secret:JWT}$$y", PLAIN = "p" }
        "#,
    ));
    let keys: Vec<&String> = promotion.secrets.keys().collect();
    assert_eq!(keys, ["JWT", "db-POSTGRES_PASSWORD"]);
    let config = &find(&promotion, Kind::ConfigMap, "api-env").value["data"];
    assert_eq!(*config, serde_json::json!({ "PLAIN": "p" }));
    let pod = &find(&promotion, Kind::Deployment, "api").value["spec"]["template"]["spec"];
    let env = pod["containers"][0]["env"].as_array().unwrap();
    let url = env.iter().find(|var| var["name"] == "URL").unwrap();
    assert_eq!(
        url["value"],
        "postgres://postgres:$(SECRET_DB_POSTGRES_PASSWORD)@db:5432/shop"
    );
    let both = env.iter().find(|var| var["name"] == "BOTH").unwrap();
    assert_eq!(both["value"], "x$(SECRET_JWT)$$y");
}

#[test]
fn a_changed_secret_replaces_the_pods_that_have_it() {
    let stack = stack(
        "[secrets]\nA = { generate = 8 }\n[services.a]\nimage = \"a:1\"\nenv = { A = \"${secret:A}\" }\n[services.b]\nimage = \"b:1\"\nenv = { B = \"1\" }",
    );
    let going = all(&stack);
    let pods = |digest: &str| {
        let digests = [("A".to_owned(), digest.to_owned())].into();
        let facts = Facts {
            secret_digests: digests,
            ..facts(&going)
        };
        let promotion = promote(&going, &facts).unwrap();
        ["a", "b"]
            .map(|name| find(&promotion, Kind::Deployment, name).value["spec"]["template"].clone())
    };
    let (old, new) = (pods("1"), pods("2"));
    assert_ne!(old[0], new[0]);
    assert_eq!(old[1], new[1]);
}

#[test]
fn the_promote_table_is_laid_over_and_the_rest_stays_at_home() {
    let stack = stack(
        r#"
        [services.mail]
        preset = "mailpit"
        promote = false
        [services.web]
        run = "npm run dev"
        promote = false
        [services.api]
        build = { context = ".", target = "dev" }
        command = ["reload"]
        needs = ["mail"]
        env = { SMTP = "${mail.url}", LEVEL = "debug" }
        volumes = ["./src:/src"]
        promote = { build = { target = "production" }, command = ["serve"], env = { SMTP = "smtp://relay", LEVEL = "info" } }
        "#,
    );
    let promotion = made(&stack);
    let services: BTreeSet<_> = promotion
        .objects
        .iter()
        .filter_map(|object| object.service.clone())
        .collect();
    assert_eq!(services, ["api".to_owned()].into());
    let api = &find(&promotion, Kind::Deployment, "api").value["spec"]["template"]["spec"]["containers"]
        [0];
    assert_eq!(api["args"], serde_json::json!(["serve"]));
    assert_eq!(
        find(&promotion, Kind::ConfigMap, "api-env").value["data"]["SMTP"],
        "smtp://relay"
    );
    assert!(
        promotion
            .notes
            .iter()
            .any(|note| note.text.contains("src is not mounted")),
        "{:?}",
        promotion.notes
    );
    let Source::Build(build) = &all(&stack).stack.services["api"].source else {
        panic!("built");
    };
    assert_eq!(build.target.as_deref(), Some("production"));
    assert_eq!(
        build.image.as_deref(),
        Some("shop-api.promoted"),
        "no image of development changes"
    );
}

#[test]
fn what_cannot_go_along_says_what_to_do() {
    let refusals = refused(
        r#"
        [secrets]
        A = { generate = 8 }
        [services.home]
        image = "x:1"
        ports = { http = 80 }
        promote = false
        [services.host]
        run = "serve"
        [services.asks]
        image = "x:1"
        command = ["run", "${secret:A}"]
        env = { HOME_URL = "${home.url}", OWN = "${self.http.public}" }
        ports = { http = 80 }
        [services.bound]
        image = "x:1"
        volumes = ["./init:/data", "./none:/none:ro"]
        [services.one]
        image = "x:1"
        volumes = ["both:/data"]
        replicas = 2
        [services.two]
        image = "x:1"
        volumes = ["both:/data"]
        [services.net]
        image = "x:1"
        network = "host"
        [services.plain]
        preset = "postgres:16"
        promote = { env = { POSTGRES_PASSWORD = "hunter2" } }
        [services.shown]
        image = "x:1"
        kubernetes = { expose = { host = "a.example" } }
        [services.seen]
        image = "x:1"
        job = true
        ports = { http = 80 }
        kubernetes = { expose = { host = "b.example" } }
        [volumes]
        both = {}
        "#,
    );
    let lines: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("{refusal}\n  {}", refusal.help()))
        .collect();
    insta::assert_snapshot!("refusals", lines.join("\n"));
    assert!(!lines.join("\n").contains("hunter2"));
}

#[test]
fn policies_are_the_edges_of_the_stack() {
    let promotion = made(&stack(
        r#"
        [services.db]
        preset = "postgres:16"
        [services.api]
        image = "api:1"
        ports = { http = 8000 }
        env = { URL = "${db.url}" }
        kubernetes = { expose = { host = "a.example" } }
        [services.web]
        image = "web:1"
        ports = { http = 80 }
        env = { API = "${api.url}" }
        "#,
    ));
    let peers = |name: &str, way: &str, peer: &str| -> Vec<String> {
        let rules = find(&promotion, Kind::NetworkPolicy, name).value["spec"][way].clone();
        let peers = rules
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|rule| rule[peer].as_array().unwrap().clone());
        let pods = peers.filter_map(|peer| {
            peer["podSelector"]["matchLabels"][super::NAME]
                .as_str()
                .map(str::to_owned)
        });
        pods.collect()
    };
    assert_eq!(peers("db", "ingress", "from"), ["api"], "and not web");
    assert_eq!(peers("api", "ingress", "from"), ["web"]);
    assert_eq!(peers("web", "egress", "to"), ["api"]);
    assert!(peers("db", "egress", "to").is_empty());
}

#[test]
fn a_job_that_is_another_has_another_name() {
    let name = |command: &str| {
        let promotion = made(&stack(&format!(
            "[services.a]\nimage = \"a:1\"\njob = true\ncommand = [\"{command}\"]"
        )));
        let jobs = promotion
            .objects
            .iter()
            .filter(|object| object.kind == Kind::Job);
        jobs.map(|object| object.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(name("x"), name("x"));
    assert_ne!(name("x"), name("y"));
}

#[test]
fn files_are_the_same_each_time_and_hold_no_secret() {
    let stack = stack(
        "[services.db]\npreset = \"postgres:16\"\n[services.a]\nimage = \"a:1\"\nenv = { U = \"${db.url}\" }",
    );
    let going = all(&stack);
    let files = || plain(&going, &made(&stack));
    assert_eq!(files(), files());
    let files = files();
    assert!(files["secrets.env.example"].contains("db-POSTGRES_PASSWORD=\n"));
    assert!(files.values().all(|text| !text.contains("kind: Secret\n")));
}

#[test]
fn what_syncs_a_folder_names_the_one_with_the_manifests() {
    let stack = stack("[services.a]\nimage = \"a:1\"");
    let (going, promotion) = (all(&stack), made(&stack));
    let place = Place {
        url: "https://git.example/shop.git",
        path: "./deploy/",
    };
    let argocd = argocd(&going, &promotion, place);
    assert!(argocd.contains_key("manifests/a.yaml"));
    assert!(argocd["application.yaml"].contains("path: deploy/manifests\n"));
    let flux = flux(&going, &promotion, Place { path: ".", ..place });
    assert!(
        flux["flux.yaml"].contains("path: ./manifests\n"),
        "{}",
        flux["flux.yaml"]
    );
}

#[test]
fn a_base_of_kustomize_names_all_its_files() {
    let text = "[services.db]\npreset = \"postgres:16\"\n[services.a]\nbuild = \".\"\nenv = { U = \"${db.url}\", LINES = \"a\\nb\" }";
    let files = kustomized(&[("default", &stack(text))]);
    let base = &files["base/kustomization.yaml"];
    let overlay = &files["overlays/default/kustomization.yaml"];
    for (name, content) in &files {
        let Some(name) = name.strip_prefix("base/") else {
            continue;
        };
        assert!(
            name == "kustomization.yaml" || base.contains(name),
            "{name} in\n{base}"
        );
        assert!(!content.contains("kind: Secret\n"));
    }
    assert_eq!(
        files["base/config/a-env/LINES"], "a\nb",
        "as it is, without a line end of ours"
    );
    assert!(
        overlay.contains("secrets.env") && overlay.contains("newTag:"),
        "{overlay}"
    );
}

#[test]
fn a_job_refers_to_a_secret_whose_name_stays() {
    let text = "[secrets]\nT = { generate = 8 }\n[services.a]\nimage = \"a:1\"\nenv = { T = \"${secret:T}\" }\n\
                [services.j]\nimage = \"a:1\"\njob = true\nenv = { T = \"${secret:T}\" }";
    let files = kustomized(&[("default", &stack(text))]);
    assert!(files["base/j.yaml"].contains("name: shop-secrets-of-jobs\n"));
    assert!(files["base/a.yaml"].contains("name: shop-secrets\n"));
    let overlay = &files["overlays/default/kustomization.yaml"];
    assert_eq!(overlay.matches("secrets.env\n").count(), 2, "{overlay}");
    assert_eq!(
        overlay.matches("disableNameSuffixHash").count(),
        1,
        "{overlay}"
    );
}

#[test]
fn pods_that_nobody_asks_have_to_run_for_a_while() {
    let text = "[services.a]\nimage = \"a:1\"\n[services.b]\nimage = \"a:1\"\nready = { tcp = 80 }\n\
                [services.c]\nimage = \"a:1\"\nready = { log = \"up\" }\nvolumes = [\"v:/v\"]\n[volumes]\nv = {}";
    let promotion = made(&stack(text));
    let settled =
        |kind, name| find(&promotion, kind, name).value["spec"]["minReadySeconds"].clone();
    assert_eq!(settled(Kind::Deployment, "a"), 3);
    assert!(settled(Kind::Deployment, "b").is_null());
    assert_eq!(settled(Kind::StatefulSet, "c"), 3);
}

fn fixture(name: &str) -> Stack {
    let start_dir = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    let request = LoadRequest {
        start_dir,
        ..LoadRequest::default()
    };
    load(&request)
        .unwrap_or_else(|error| panic!("{}", render(&error, false, 120)))
        .stack
}
