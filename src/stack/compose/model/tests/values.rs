//! What some values mean, and which of them mean nothing here.

use super::{run, stack};
use crate::stack::{HostPort, Mount, Restart, Source};

#[test]
fn the_mode_of_a_port_says_nothing_and_its_protocol_what_its_address_begins_with() {
    let warnings = |port: &str| {
        let text = format!("services:\n  a:\n    image: x\n    ports:\n      - {port}\n");
        let run = run(&text).unwrap();
        let port = run.stack.services["a"].ports.values().next().unwrap();
        let told: Vec<String> = run
            .warnings
            .iter()
            .map(|w| w.message().to_owned())
            .collect();
        (told, port.scheme.clone(), port.host)
    };
    let long = "{target: 9, published: '90', app_protocol: https";
    let quiet = (Vec::new(), "https".to_owned(), HostPort::Fixed(90));
    assert_eq!(warnings(&format!("{long}}}")), quiet);
    assert_eq!(warnings(&format!("{long}, mode: ingress}}")), quiet);
    let (told, scheme, host) = warnings(&format!("{long}, mode: host}}"));
    assert_eq!(
        told,
        [
            "`services.a.ports[0].mode` has no effect: there is one machine, and a port is published there"
        ]
    );
    assert_eq!((scheme, host), (quiet.1, quiet.2));
    assert!(warnings("'90:9'").0.is_empty());
}

#[test]
fn restarts_are_counted_after_a_failure_only_and_that_is_told() {
    let told = |policy: &str| {
        let text =
            format!("services:\n  a:\n    image: x\n    deploy:\n      restart_policy: {policy}\n");
        let run = run(&text).unwrap();
        (run.warnings.len(), run.stack.services["a"].restart)
    };
    let counted = Restart::OnFailure { max: Some(3) };
    assert_eq!(
        told("{condition: on-failure, max_attempts: 3}"),
        (0, counted)
    );
    assert_eq!(told("{condition: any}"), (0, Restart::Always));
    assert_eq!(
        told("{condition: any, max_attempts: 3}"),
        (1, Restart::Always)
    );
    assert_eq!(told("{max_attempts: 3}"), (1, Restart::Always));
    // Both words of both places are known in either.
    assert_eq!(told("{condition: 'no'}"), (0, Restart::No));
    for (word, meant) in [("any", Restart::Always), ("none", Restart::No)] {
        let text = format!("services: {{a: {{image: x, restart: {word}}}}}\n");
        assert_eq!(stack(&text).unwrap().services["a"].restart, meant);
    }
}

#[test]
fn the_files_of_an_image_are_a_mount() {
    let mount = "{type: image, source: 'tool:1', target: /t, image: {subpath: bin}}";
    let text = format!("services:\n  a: {{image: x, volumes: [{mount}]}}\n");
    let stack = stack(&text).unwrap();
    let a = &stack.services["a"];
    let expected = Mount::Image {
        reference: "tool:1".to_owned(),
        target: "/t".to_owned(),
        read_only: false,
    };
    assert_eq!(a.mounts, [expected]);
    let options = &a.container.mounts["/t"];
    assert_eq!(options.subpath.as_deref(), Some("bin"));
}

#[test]
fn a_build_is_for_what_it_runs_on_and_its_caches_are_images() {
    let told = |service: &str| {
        let run = run(&format!("services:\n  a: {service}\n")).unwrap();
        let Source::Build(build) = &run.stack.services["a"].source else {
            panic!("it is built")
        };
        (run.warnings.len(), build.platforms.clone())
    };
    let both = "platforms: [linux/amd64, linux/arm64]";
    let (_, platforms) = told(&format!(
        "{{platform: linux/arm64, build: {{context: ., {both}}}}}"
    ));
    assert_eq!(platforms, ["linux/arm64"]);
    assert_eq!(
        told(&format!("{{build: {{context: ., {both}}}}}")).1.len(),
        2
    );
    let caches = |sources: &str| {
        told(&format!(
            "{{build: {{context: ., cache_from: [{sources}]}}}}"
        ))
        .0
    };
    assert_eq!(caches("'app:cache', 'type=registry,ref=app:cache'"), 0);
    assert_eq!(caches("'type=gha', 'type=local,src=/x'"), 2);
}
