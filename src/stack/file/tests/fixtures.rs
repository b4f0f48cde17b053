//! The five stacks that the format has to carry.

use camino::Utf8PathBuf;

use super::summary::summary;
use crate::stack::file::{LoadRequest, Loaded, load, render};

fn fixture(name: &str, envs: &[&str]) -> Loaded {
    let start_dir = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/stacks")
        .join(name);
    let envs = envs.iter().map(|env| (*env).to_owned()).collect();
    match load(&LoadRequest {
        start_dir,
        envs,
        ..LoadRequest::default()
    }) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}", render(&error, false, 120)),
    }
}

fn snapshot(name: &str, envs: &[&str]) {
    let loaded = fixture(name, envs);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    insta::assert_snapshot!([&[name], envs].concat().join("_"), summary(&loaded.stack));
}

#[test]
fn goldplatform() {
    snapshot("goldplatform", &[]);
    snapshot("goldplatform", &["offline"]);
}

#[test]
fn secumsg() {
    snapshot("secumsg", &[]);
    assert_eq!(
        fixture("secumsg", &["argo"])
            .stack
            .kubernetes
            .namespace
            .as_deref(),
        Some("default")
    );
}

#[test]
fn sportshop() {
    snapshot("sportshop", &[]);
    let stack = fixture("sportshop", &[]).stack;
    assert_eq!(
        stack.services["api"].source, stack.services["metrics-worker"].source,
        "one build for both"
    );
    fixture("sportshop", &["cluster"]);
}

#[test]
fn petclinic() {
    snapshot("petclinic", &[]);
    let hosts = |env: &str| {
        let stack = fixture("petclinic", &[env]).stack;
        ["web", "api"].map(|name| {
            stack.services[name]
                .kubernetes
                .expose
                .as_ref()
                .and_then(|e| e.host.clone())
                .unwrap()
        })
    };
    assert_eq!(
        hosts("dev"),
        ["dev.petclinic.example", "dev-api.petclinic.example"]
    );
    assert_eq!(
        hosts("prod"),
        ["prod.petclinic.example", "api.petclinic.example"]
    );
}

#[test]
fn req1() {
    snapshot("req1", &[]);
    let ci = fixture("req1", &["ci"]).stack;
    assert!(
        !ci.services.contains_key("vite"),
        "`false` removes a service"
    );
    assert!(ci.services["app"].watch.is_empty());
}

#[test]
fn the_example_that_people_copy() {
    let start_dir = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/gold-platform");
    for envs in [vec![], vec!["offline".to_owned()]] {
        let request = LoadRequest {
            start_dir: start_dir.clone(),
            envs,
            ..LoadRequest::default()
        };
        match load(&request) {
            Ok(loaded) => assert!(loaded.warnings.is_empty()),
            Err(error) => panic!("{}", render(&error, false, 120)),
        }
    }
}
