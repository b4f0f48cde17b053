use std::collections::BTreeSet;

use super::super::fixture::{build, rule, service, stack, sync};
use super::super::tests::line;
use super::super::{Changed, PathKind, react};
use super::*;
use crate::stack::{AfterSync, WatchAction, WatchRule};

/// What a service with these rules does about changed files; `/p/docs` is kept out by its `.dockerignore`.
fn reactions(watch: Vec<WatchRule>, broken: bool, paths: &[&str]) -> Vec<String> {
    let stack = stack(vec![service("api", build(), watch)]);
    let names = BTreeSet::from(["api".to_owned()]);
    let none = BTreeSet::new();
    let facts = Facts {
        layers: &none.iter().map(|name: &String| name.into()).collect(),
        excluded: &|_, path| path.starts_with("/p/docs"),
        broken: if broken { &names } else { &none },
    };
    let changed: Changed = paths
        .iter()
        .map(|path| ((*path).into(), PathKind::File))
        .collect();
    let reactions = react(&stack, &names, &changed, &facts);
    let lines = reactions.iter().map(line);
    lines.filter(|line| !line.starts_with("re-read")).collect()
}

const MAKING: [&str; 3] = [
    "/p/Dockerfile",
    "/p/.dockerignore",
    "/p/Dockerfile.dockerignore",
];

fn rebuilt(path: &str) -> String {
    format!("rebuild api: {}", &path[3..])
}

fn closely() -> Vec<WatchRule> {
    vec![
        rule(&["app"], sync("/app", AfterSync::Nothing)),
        rule(&["requirements.txt"], WatchAction::Rebuild),
        rule(&["conf"], WatchAction::Restart),
    ]
}

#[test]
fn what_makes_the_image_counts_whatever_rules_there_are() {
    for path in MAKING {
        assert_eq!(reactions(closely(), false, &[path]), [rebuilt(path)]);
        for action in [WatchAction::Rebuild, WatchAction::Restart] {
            let whole = vec![rule(&["."], action)];
            assert_eq!(reactions(whole, false, &[path]), [rebuilt(path)]);
        }
        // What is copied is what the container should have; the image need not become another.
        let whole = vec![rule(&["."], sync("/code", AfterSync::Nothing))];
        let copied = format!("sync api {path}→/code/{}", &path[3..]);
        assert_eq!(reactions(whole, false, &[path]), [copied, rebuilt(path)]);
    }
    assert_eq!(reactions(closely(), false, &["/p/main.py"]), [""; 0]);
}

#[test]
fn after_a_failure_everything_that_the_build_reads_tries_it_again() {
    let one = |path: &str| reactions(closely(), true, &[path]);
    assert_eq!(one("/p/main.py"), ["rebuild api: main.py"]);
    assert_eq!(
        one("/p/requirements.txt"),
        ["rebuild api: requirements.txt"]
    );
    assert_eq!(
        one("/p/app/a.py"),
        ["sync api /p/app/a.py→/app/a.py", "rebuild api: app/a.py"],
        "it may fail again"
    );
    assert_eq!(
        one("/p/conf/a"),
        ["restart api: conf/a", "rebuild api: conf/a"]
    );
    assert_eq!(one("/p/docs/a.md"), [""; 0], "kept out by .dockerignore");
    assert_eq!(one("/q/a"), [""; 0]);
    assert_eq!(
        reactions(closely(), true, &["/p/app/a.py", "/p/requirements.txt"]),
        ["rebuild api: requirements.txt and 1 more"]
    );
}

#[test]
fn further_folders_of_a_build_count_as_its_context_does() {
    let Source::Build(mut built) = build() else {
        panic!()
    };
    let contexts = [("shared", "/lib/shared"), ("tools", "docker-image://tools")];
    built.options.contexts = contexts
        .map(|(name, at)| (name.to_owned(), at.to_owned()))
        .into();
    let further: Vec<_> = built.further().map(|build| build.context).collect();
    assert_eq!(further, ["/lib/shared"]);
    let service = service("api", Source::Build(built), Vec::new());
    let none = BTreeSet::new();
    let stack = stack(vec![service.clone()]);
    let facts = Facts {
        layers: &BTreeSet::new(),
        excluded: &|_, _| false,
        broken: &none,
    };
    assert!(in_context(
        &stack,
        &service,
        "/lib/shared/a.txt".into(),
        &facts
    ));
    assert!(!in_context(&stack, &service, "/lib/other".into(), &facts));
}

#[test]
fn what_an_image_is_built_from_counts_for_those_that_are_built_from_it() {
    let from = |dir: &str, base: &str| {
        let Source::Build(mut built) = build() else {
            panic!()
        };
        built.context = dir.into();
        built.dockerfile = format!("{dir}/Dockerfile").into();
        let context = ("base".to_owned(), format!("service:{base}"));
        built.options.contexts = match base {
            "" => std::collections::BTreeMap::new(),
            _ => [context].into(),
        };
        Source::Build(built)
    };
    let services = vec![
        service("api", from("/api", "mid"), Vec::new()),
        service("mid", from("/mid", "base"), Vec::new()),
        service("base", from("/base", ""), Vec::new()),
    ];
    let stack = stack(services);
    let none = BTreeSet::new();
    let facts = Facts {
        layers: &BTreeSet::new(),
        excluded: &|_, _| false,
        broken: &none,
    };
    let counts =
        |name: &str, path: &str| in_context(&stack, &stack.services[name], path.into(), &facts);
    assert!(counts("api", "/base/a") && counts("mid", "/base/a") && counts("base", "/base/a"));
    assert!(counts("api", "/mid/a") && !counts("base", "/mid/a"));
    assert!(makes(
        &stack,
        &stack.services["api"],
        "/base/Dockerfile".into()
    ));
    assert!(!makes(
        &stack,
        &stack.services["base"],
        "/api/Dockerfile".into()
    ));
}
