mod hashes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use secrecy::SecretString;

use super::{
    Desired, ImageSource, LABEL_CONFIG_FILES, LABEL_NUMBER, LABEL_PROJECT, SourceHashes, desire,
};
use crate::plan::allocate::{Allocations, Taken, allocate};
use crate::stack::resolve::Facts;
use crate::stack::resolve::fixture::{http, postgres, service, stack, template};
use crate::stack::{
    Build, BuildSecret, HostPort, Mount, Network, Port, Restart, Service, Source, Stack,
};

const KEY: [u8; 32] = [7; 32];

fn build() -> Build {
    Build {
        context: "/src/gold".into(),
        dockerfile: "/src/gold/Dockerfile".into(),
        target: Some("dev".to_owned()),
        args: BTreeMap::from([("SHA".to_owned(), template("${git:sha}"))]),
        secrets: vec![BuildSecret {
            id: "token".to_owned(),
            secret: "JWT".to_owned(),
        }],
        image: None,
        platforms: Vec::new(),
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        options: Box::default(),
    }
}

fn gold() -> Stack {
    let built = |name: &str| Service {
        source: Source::Build(build()),
        ..service(name)
    };
    let migrate = built("migrate")
        .as_job(Some(&["alembic/**"]))
        .with_env("DATABASE_URL", "${db.url}")
        .with_need("db");
    let api = built("api")
        .with_env("DATABASE_URL", "${db.gold_platform.url}")
        .with_env("JWT", "${secret:JWT}")
        .with_env("BASE", "${self.http.public}")
        .with_port("http", http(8000))
        .with_need("migrate");
    let web = Service {
        source: Source::Run("npm run dev".to_owned()),
        ..service("web").with_need("api")
    };
    stack([postgres("db", &["gold_platform"]), migrate, api, web])
}

fn facts() -> Facts {
    Facts {
        secrets: BTreeMap::from([("JWT".to_owned(), SecretString::from("s3cr3t"))]),
        git: BTreeMap::from([("sha".to_owned(), "abc123".to_owned())]),
        ..Facts::default()
    }
}

fn sources() -> SourceHashes {
    SourceHashes {
        contexts: BTreeMap::from(
            ["gold-api", "gold-migrate"].map(|tag| (tag.to_owned(), "tree-1".to_owned())),
        ),
        inputs: BTreeMap::from([("migrate".to_owned(), "inputs-1".to_owned())]),
        ..SourceHashes::default()
    }
}

fn everything(stack: &Stack) -> BTreeSet<String> {
    stack.services.keys().cloned().collect()
}

fn ports(stack: &Stack) -> Allocations {
    let none = Allocations::new();
    allocate(
        stack,
        &everything(stack),
        &none,
        &none,
        &Taken::new(),
        &mut (40_000..),
    )
}

fn made_with(stack: &Stack, facts: &Facts, sources: &SourceHashes) -> Desired {
    desire(
        stack,
        &everything(stack),
        &ports(stack),
        facts,
        sources,
        &KEY,
    )
    .expect("everything resolves")
}

fn made(stack: &Stack) -> Desired {
    made_with(stack, &facts(), &sources())
}

/// Services whose containers would be replaced.
fn changed(old: &Desired, new: &Desired) -> Vec<String> {
    let hashes = |desired: &Desired| -> BTreeMap<String, String> {
        desired
            .containers
            .iter()
            .map(|spec| (spec.name.clone(), spec.hash.clone()))
            .collect()
    };
    let old = hashes(old);
    let changed = hashes(new)
        .into_iter()
        .filter(|(name, hash)| old.get(name) != Some(hash));
    changed.map(|(name, _)| name).collect()
}

#[test]
fn a_stack_made_concrete() {
    let mut desired = made(&gold());
    for spec in &mut desired.containers {
        spec.labels.retain(|(name, _)| name != super::LABEL_VERSION);
    }
    insta::assert_debug_snapshot!(desired);
}

#[test]
fn equal_builds_are_made_once_and_named_after_the_first_whatever_the_scope() {
    let stack = gold();
    let desired = made(&stack);
    assert_eq!(desired.builds.len(), 1);
    assert_eq!(desired.builds[0].tag, "gold-api");
    assert_eq!(desired.builds[0].services, ["api", "migrate"]);

    let scope = stack.closure(["migrate"]);
    let narrow =
        desire(&stack, &scope, &ports(&stack), &facts(), &sources(), &KEY).expect("it resolves");
    assert_eq!(narrow.builds[0].services, ["migrate"]);
    assert_eq!(narrow.builds[0].hash, desired.builds[0].hash);
    assert_eq!(
        narrow.images["migrate"],
        ImageSource::Build("gold-api".to_owned())
    );
    assert_eq!(narrow.order, ["db", "migrate"]);
    assert!(!narrow.images.contains_key("api"));
}

#[test]
fn a_build_with_a_difference_is_another_image() {
    let mut stack = gold();
    let other = Build {
        target: None,
        ..build()
    };
    stack.services.insert(
        "worker".to_owned(),
        Service {
            source: Source::Build(other),
            ..service("worker")
        },
    );
    let named = Build {
        image: Some("registry.test/gold:1".to_owned()),
        ..build()
    };
    stack.services.insert(
        "Zed".to_owned(),
        Service {
            source: Source::Build(named),
            ..service("Zed")
        },
    );
    let tags: Vec<String> = made(&stack)
        .builds
        .into_iter()
        .map(|build| build.tag)
        .collect();
    assert_eq!(tags, ["gold-api", "gold-worker", "registry.test/gold:1"]);
}

#[test]
fn every_missing_value_is_reported_with_its_place() {
    let stack = gold();
    let errors = desire(
        &stack,
        &everything(&stack),
        &ports(&stack),
        &Facts::default(),
        &sources(),
        &KEY,
    )
    .expect_err("neither git nor secrets");
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn networks_and_volumes_are_those_of_the_scope() {
    let mut stack = gold();
    let outside = Network {
        external: Some("corp".to_owned()),
        internal: false,
        name: None,
        options: crate::stack::NetworkOptions::default(),
    };
    stack.networks.insert("shared".to_owned(), outside);
    stack.networks.insert(
        "back".to_owned(),
        Network {
            external: None,
            internal: true,
            name: None,
            options: crate::stack::NetworkOptions::default(),
        },
    );
    let api = stack.services.get_mut("api").expect("api");
    api.networks = vec!["shared".to_owned(), "back".to_owned()];
    api.env.remove("DATABASE_URL");
    let scope = BTreeSet::from(["api".to_owned()]);
    let desired =
        desire(&stack, &scope, &ports(&stack), &facts(), &sources(), &KEY).expect("it resolves");
    let networks: Vec<_> = desired
        .networks
        .iter()
        .map(|n| (n.name.as_str(), n.internal, n.external))
        .collect();
    assert_eq!(
        networks,
        [("gold_back", true, false), ("corp", false, true)]
    );
    assert!(desired.volumes.is_empty());
    let attached: Vec<_> = desired.containers[0]
        .networks
        .iter()
        .map(|n| n.network.as_str())
        .collect();
    assert_eq!(attached, ["corp", "gold_back"]);
    assert!(
        desired.containers[0]
            .labels
            .contains(&(LABEL_PROJECT.to_owned(), "gold".to_owned()))
    );
}

/// Each needs the one before it and the first, and talks to it; every third shares a build.
fn large(services: usize) -> Stack {
    let mut all = vec![postgres("db", &["main"])];
    for number in 0..services {
        let mut made = service(&format!("s{number:04}"))
            .with_port("http", http(8000))
            .with_env("DATABASE_URL", "${db.main.url}")
            .with_env("SELF", "${self.http.public}")
            .with_need("db");
        if let Some(before) = number.checked_sub(1) {
            let before = format!("s{before:04}");
            made = made
                .with_env("BEFORE", &format!("${{{before}.http.url}}"))
                .with_need(&before);
        }
        if number % 3 == 0 {
            made.source = Source::Build(build());
        }
        all.push(made);
    }
    stack(all)
}

#[test]
fn a_thousand_services_are_no_matter() {
    let stack = large(1000);
    let begun = std::time::Instant::now();
    let desired = made(&stack);
    println!("allocate and desire: {:?}", begun.elapsed());
    assert_eq!(desired.containers.len(), 1001);
    assert_eq!(desired.builds.len(), 1);
    assert_eq!(desired.order.len(), 1001);
    let position: BTreeMap<&String, usize> = desired
        .order
        .iter()
        .enumerate()
        .map(|(at, name)| (name, at))
        .collect();
    for service in stack.services.values() {
        assert!(
            service
                .needs
                .keys()
                .all(|need| position[need] < position[&service.name])
        );
    }
}

#[test]
fn a_cycle_loses_nobody() {
    let stack = stack([
        service("a").with_need("b"),
        service("b").with_need("a"),
        service("c"),
    ]);
    assert_eq!(made(&stack).order, ["c", "a", "b"]);
}
