use proptest::prelude::*;

use super::fixture::{build, image, rule, service, stack, sync};
use super::*;

fn files(paths: &[&str]) -> Changed {
    paths
        .iter()
        .map(|path| (Utf8PathBuf::from(*path), PathKind::File))
        .collect()
}

fn reactions(stack: &Stack, changed: &Changed) -> Vec<String> {
    let scope = stack.services.keys().cloned().collect();
    let layers = BTreeSet::from(["/p/db.env".into()]);
    let excluded = |_: &Build, path: &Utf8Path| path.starts_with("/p/docs");
    react(
        stack,
        &scope,
        changed,
        &Facts {
            layers: &layers,
            excluded: &excluded,
            broken: &BTreeSet::new(),
        },
    )
    .iter()
    .map(line)
    .collect()
}

pub(super) fn line(reaction: &Reaction) -> String {
    match reaction {
        Reaction::Sync {
            service,
            files,
            then,
        } => {
            let files: Vec<String> = files
                .iter()
                .map(|f| format!("{}→{}", f.source, f.target))
                .collect();
            let then = if *then == AfterSync::Nothing {
                String::new()
            } else {
                format!(" then {then:?}")
            };
            format!("sync {service} {}{then}", files.join(" "))
        }
        Reaction::Restart { service, because } => format!("restart {service}: {because}"),
        Reaction::Signal {
            service,
            signal,
            because,
        } => format!("signal {signal} {service}: {because}"),
        Reaction::Rebuild {
            service, because, ..
        } => format!("rebuild {service}: {because}"),
        Reaction::Rerun { job, because } => format!("rerun {job}: {because}"),
        Reaction::RereadStack { because } => format!("re-read: {because}"),
    }
}

/// The example: an app that is synced, and a job of the same build.
fn gold() -> Stack {
    let watch = vec![
        rule(&["app"], sync("/app/app", AfterSync::Nothing)),
        rule(&["requirements.txt"], WatchAction::Rebuild),
    ];
    let mut migrate = service("migrate", build(), Vec::new());
    migrate.role = Role::Job(Job {
        inputs: Some(vec!["alembic/**".to_owned()]),
        schedule: None,
        again: false,
    });
    stack(vec![service("api", build(), watch), migrate])
}

#[test]
fn the_example_reacts_by_the_cheapest_way() {
    let gold = gold();
    let one = |path: &str| reactions(&gold, &files(&[path]));
    assert_eq!(
        one("/p/app/main.py"),
        ["sync api /p/app/main.py→/app/app/main.py"]
    );
    assert_eq!(
        one("/p/requirements.txt"),
        ["rebuild api: requirements.txt"]
    );
    assert_eq!(
        one("/p/alembic/v/1.py"),
        [
            "rebuild migrate: alembic/v/1.py",
            "rerun migrate: alembic/v/1.py"
        ]
    );
    assert_eq!(one("/p/README.md"), [""; 0]);
    assert_eq!(one("/elsewhere/app/main.py"), [""; 0]);
}

#[test]
fn layers_and_what_could_become_one_are_read_again() {
    let empty = stack(Vec::new());
    for path in [
        "dev.toml",
        "dev.local.toml",
        "compose.yaml",
        ".env",
        "db.env",
    ] {
        assert_eq!(
            reactions(&empty, &files(&[&format!("/p/{path}")])),
            [format!("re-read: {path}")]
        );
    }
    assert_eq!(reactions(&empty, &files(&["/p/sub/dev.toml"])), [""; 0]);
}

#[test]
fn a_build_without_watch_follows_its_context() {
    let plain = stack(vec![
        service("api", build(), Vec::new()),
        service("db", image(), Vec::new()),
    ]);
    assert_eq!(
        reactions(&plain, &files(&["/p/a", "/p/b", "/p/docs/c"])),
        ["rebuild api: a and 1 more"]
    );
    assert_eq!(
        reactions(&plain, &files(&["/p/docs/c"])),
        [""; 0],
        "kept out by .dockerignore"
    );
    assert_eq!(
        reactions(&plain, &files(&["/p/Dockerfile"])),
        ["rebuild api: Dockerfile"]
    );
    let ignore = reactions(&plain, &files(&["/p/.dockerignore"]));
    assert_eq!(
        ignore,
        ["re-read: .dockerignore", "rebuild api: .dockerignore"],
        "it decides what is watched"
    );
}

#[test]
fn the_first_rule_that_covers_a_path_decides() {
    let mut first = rule(&["app", "!app/gen"], sync("/code", AfterSync::Nothing));
    first.ignore = vec!["*.md".to_owned(), "tests/data".to_owned()];
    let rules = vec![
        first,
        rule(&["app/**/*.md"], WatchAction::Restart),
        rule(&["."], WatchAction::Rebuild),
    ];
    let stack = stack(vec![service("api", build(), rules)]);
    assert_eq!(
        reactions(&stack, &files(&["/p/app/x.py"])),
        ["sync api /p/app/x.py→/code/x.py"]
    );
    assert_eq!(
        reactions(&stack, &files(&["/p/app/d/x.md"])),
        ["restart api: app/d/x.md"]
    );
    assert_eq!(
        reactions(&stack, &files(&["/p/app/tests/data/x"])),
        ["rebuild api: app/tests/data/x"]
    );
    assert_eq!(
        reactions(&stack, &files(&["/p/app/gen/x.py"])),
        ["rebuild api: app/gen/x.py"]
    );
}

#[test]
fn a_rule_that_is_said_never_to_act_never_decides() {
    const PATHS: [&str; 9] = [
        ".",
        "app",
        "app/",
        "./app/x",
        "app/**/*.py",
        "app/x/a.py",
        "*.py",
        "../lib",
        "!app/x",
    ];
    const FILES: [&str; 6] = [
        "/p/a.py",
        "/p/app/a.py",
        "/p/app/x/a.py",
        "/p/app/x/b",
        "/p/web/a.js",
        "/lib/a.py",
    ];
    let actions = || {
        [
            sync("/code", AfterSync::Nothing),
            WatchAction::Restart,
            WatchAction::Rebuild,
        ]
    };
    let dir = Utf8Path::new("/p");
    let mut said = 0;
    for (first, second, beside) in PATHS
        .iter()
        .flat_map(|a| PATHS.iter().map(move |b| (a, b)))
        .flat_map(|(a, b)| PATHS.iter().map(move |c| (*a, *b, *c)))
    {
        for (early, late) in actions()
            .into_iter()
            .flat_map(|early| actions().map(|late| (early.clone(), late)))
        {
            let earlier = rule(&[first, beside], early);
            let later = rule(&[second], late);
            if !later.is_covered_by(std::slice::from_ref(&earlier)) {
                continue;
            }
            said += 1;
            let rules = [Rule::new(dir, &earlier), Rule::new(dir, &later)];
            for file in FILES {
                let decides = deciding(&rules, Utf8Path::new(file));
                let is_late = decides.is_some_and(|rule| std::ptr::eq(rule.rule, &later));
                assert!(!is_late, "{earlier:?} {later:?} {file}");
            }
        }
    }
    assert!(said > 100, "{said}");
    let kept = rule(&["app"], WatchAction::Rebuild);
    assert!(!kept.is_covered_by(&[rule(&["."], sync("/", AfterSync::Nothing))]));
    let mut ignoring = rule(&["."], sync("/", AfterSync::Nothing));
    ignoring.ignore = vec!["app/x".to_owned()];
    assert!(!rule(&["app/x"], WatchAction::Restart).is_covered_by(&[ignoring]));
}

#[test]
fn a_rebuild_that_names_a_file_as_closely_wins_over_a_sync() {
    let rebuild = |path: &str| rule(&[path], WatchAction::Rebuild);
    let sync = |path: &str| rule(&[path], sync("/code", AfterSync::Nothing));
    let reaction = |rules: Vec<WatchRule>, path: &str| {
        let stack = stack(vec![service("api", build(), rules)]);
        reactions(&stack, &files(&[path])).join("; ")
    };
    let whole = || vec![sync("."), rebuild("requirements.txt")];
    assert_eq!(
        reaction(whole(), "/p/requirements.txt"),
        "rebuild api: requirements.txt"
    );
    assert_eq!(reaction(whole(), "/p/a.py"), "sync api /p/a.py→/code/a.py");
    let globs = || vec![sync("app"), rebuild("app/**/*.lock")];
    assert_eq!(
        reaction(globs(), "/p/app/x/a.lock"),
        "rebuild api: app/x/a.lock"
    );
    let alike = || vec![sync("app"), rebuild("app")];
    assert_eq!(reaction(alike(), "/p/app/a.py"), "rebuild api: app/a.py");
    // What is left for a rebuild is not what a sync names.
    let rest = || vec![sync("app/**/*.py"), rebuild("app"), rebuild(".")];
    assert_eq!(
        reaction(rest(), "/p/app/a.py"),
        "sync api /p/app/a.py→/code/a.py"
    );
    assert_eq!(reaction(rest(), "/p/app/a.md"), "rebuild api: app/a.md");
    // Nor is it what a container should have.
    let stack = stack(vec![service("api", build(), whole())]);
    let rules = SyncRules::new(&stack, &stack.services["api"]);
    let item = |path: &str| rules.item(Utf8Path::new(path), PathKind::File);
    assert!(item("/p/requirements.txt").is_none() && item("/p/a.py").is_some());
}

#[test]
fn files_folders_and_globs_find_their_targets() {
    let rules = vec![
        rule(
            &["conf/a.toml", "../shared/b.toml"],
            sync("/etc/app/", AfterSync::Nothing),
        ),
        rule(&["src/**/*.py"], sync("/srv/src", AfterSync::Nothing)),
        rule(&["./web/"], sync("static", AfterSync::Nothing)),
        rule(&["one.cfg"], sync("/etc/one.cfg", AfterSync::Nothing)),
    ];
    let mut api = service("api", image(), rules);
    api.workdir = Some("/srv".to_owned());
    let stack = stack(vec![api]);
    let target = |path: &str| reactions(&stack, &files(&[path]));
    assert_eq!(
        target("/p/conf/a.toml"),
        ["sync api /p/conf/a.toml→/etc/app/a.toml"]
    );
    assert_eq!(
        target("/shared/b.toml"),
        ["sync api /shared/b.toml→/etc/app/b.toml"]
    );
    assert_eq!(
        target("/p/src/x/y.py"),
        ["sync api /p/src/x/y.py→/srv/src/x/y.py"]
    );
    assert_eq!(target("/p/src/x/y.txt"), [""; 0]);
    assert_eq!(
        target("/p/web/a/b.css"),
        ["sync api /p/web/a/b.css→/srv/static/a/b.css"]
    );
    assert_eq!(target("/p/one.cfg"), ["sync api /p/one.cfg→/etc/one.cfg"]);
}

#[test]
fn the_folder_of_a_rule_is_not_taken_from_under_the_process() {
    let gold = gold();
    let mut changed = Changed::from([("/p/app".into(), PathKind::Folder)]);
    assert_eq!(reactions(&gold, &changed), [""; 0]);
    changed.insert("/p/app/sub".into(), PathKind::Folder);
    assert_eq!(
        reactions(&gold, &changed),
        ["sync api /p/app/sub→/app/app/sub"]
    );
}

#[test]
fn one_restart_after_everything_is_in_place() {
    let pip = AfterSync::Exec(vec!["pip".to_owned(), "install".to_owned()]);
    let rules = vec![
        rule(&["a"], sync("/a", AfterSync::Nothing)),
        rule(&["b"], sync("/b", AfterSync::Signal("HUP".to_owned()))),
        rule(&["c"], sync("/c", pip)),
        rule(&["d"], sync("/d", AfterSync::Restart)),
        rule(&["e"], WatchAction::Restart),
    ];
    let stack = stack(vec![service("api", image(), rules)]);
    let on = |paths: &[&str]| reactions(&stack, &files(paths));
    assert_eq!(
        on(&["/p/a/1", "/p/b/1"]),
        [
            "sync api /p/a/1→/a/1",
            "sync api /p/b/1→/b/1 then Signal(\"HUP\")"
        ]
    );
    assert_eq!(
        on(&["/p/a/1", "/p/b/1", "/p/d/1"]),
        ["sync api /p/a/1→/a/1 /p/b/1→/b/1 /p/d/1→/d/1 then Restart"]
    );
    let command = "sync api /p/c/1→/c/1 then Exec([\"pip\", \"install\"])";
    assert_eq!(
        on(&["/p/a/1", "/p/c/1", "/p/e"]),
        [command, "sync api /p/a/1→/a/1 then Restart"]
    );
    assert_eq!(on(&["/p/c/1", "/p/e"]), [command, "restart api: e"]);
    assert_eq!(on(&["/p/e/1", "/p/e/2"]), ["restart api: e/1 and 1 more"]);
}

#[test]
fn a_rebuild_carries_what_is_in_its_context() {
    let rules = vec![
        rule(&["app", "docs"], sync("/app", AfterSync::Restart)),
        rule(&["../shared"], sync("/shared", AfterSync::Restart)),
        rule(&["requirements.txt"], WatchAction::Rebuild),
    ];
    let stack = stack(vec![service("api", build(), rules)]);
    let on = |paths: &[&str]| reactions(&stack, &files(paths));
    assert_eq!(
        on(&["/p/app/x", "/p/requirements.txt"]),
        ["rebuild api: requirements.txt"]
    );
    assert_eq!(
        on(&["/p/docs/x", "/shared/y", "/p/requirements.txt"]),
        [
            "sync api /p/docs/x→/app/x /shared/y→/shared/y",
            "rebuild api: requirements.txt"
        ]
    );
}

#[test]
fn what_is_not_in_scope_does_not_react() {
    let gold = gold();
    let facts = Facts {
        layers: &BTreeSet::new(),
        excluded: &|_, _| false,
        broken: &BTreeSet::new(),
    };
    let scope = BTreeSet::from(["migrate".to_owned()]);
    assert_eq!(react(&gold, &scope, &files(&["/p/app/x"]), &facts), []);
}

#[test]
fn a_folder_with_the_signs_of_a_pattern_in_its_name_is_a_folder() {
    let globs = Globs::new(Utf8Path::new("/p/[x] {y}!*"), ["src/*.py"]);
    assert!(globs.cover(Utf8Path::new("/p/[x] {y}!*/src/a.py")));
    assert!(!globs.cover(Utf8Path::new("/p/x {y}!z/src/a.py")));
    assert!(!globs.cover(Utf8Path::new("/")));
    assert!(Globs::new(Utf8Path::new("/"), ["**"]).cover(Utf8Path::new("/a")));
}

fn a_path() -> impl Strategy<Value = Utf8PathBuf> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c.py", "docs"]), 1..4)
        .prop_map(|parts| Utf8Path::new("/p").join(parts.join("/")))
}

fn an_action() -> impl Strategy<Value = WatchAction> {
    let then = prop_oneof![
        Just(AfterSync::Nothing),
        Just(AfterSync::Restart),
        Just(AfterSync::Signal("HUP".to_owned())),
        Just(AfterSync::Exec(vec!["x".to_owned()])),
    ];
    prop_oneof![
        Just(WatchAction::Restart),
        Just(WatchAction::Rebuild),
        then.prop_map(|then| sync("/t", then))
    ]
}

fn a_rule() -> impl Strategy<Value = WatchRule> {
    let paths = prop::collection::vec(
        prop::sample::select(vec![".", "a", "b", "**/c.py", "a/*", "!a/b"]),
        1..3,
    );
    (paths, an_action()).prop_map(|(paths, action)| rule(&paths, action))
}

proptest! {
    #[test]
    fn reactions_are_few_ordered_and_lose_nothing(
        rules in prop::collection::vec(a_rule(), 1..4),
        paths in prop::collection::btree_set(a_path(), 1..6),
        built in any::<bool>(),
    ) {
        let source = if built { build() } else { image() };
        let stack = stack(vec![service("api", source, rules.clone())]);
        let changed: Changed = paths.iter().map(|path| (path.clone(), PathKind::File)).collect();
        let excluded = |_: &Build, path: &Utf8Path| path.starts_with("/p/docs");
        let facts = Facts { layers: &BTreeSet::new(), excluded: &excluded, broken: &BTreeSet::new() };
        let scope = BTreeSet::from(["api".to_owned()]);
        let reactions = react(&stack, &scope, &changed, &facts);

        let ends: Vec<&Reaction> = reactions.iter().filter(|r| !matches!(r, Reaction::Sync { .. })).collect();
        prop_assert!(ends.len() <= 1, "{reactions:?}");
        let restarts = reactions.iter().filter(|r| matches!(r, Reaction::Sync { then: AfterSync::Restart, .. }));
        let restarts = restarts.count() + usize::from(matches!(ends.first(), Some(Reaction::Restart { .. })));
        prop_assert!(restarts <= 1, "{reactions:?}");
        let rebuilds = matches!(reactions.last(), Some(Reaction::Rebuild { .. }));
        prop_assert!(!rebuilds || restarts == 0, "{reactions:?}");

        let made: Vec<Rule> = rules.iter().map(|rule| Rule::new(&stack.dir, rule)).collect();
        for path in &paths {
            let synced = reactions.iter().any(|r| {
                matches!(r, Reaction::Sync { files, .. } if files.iter().any(|f| f.source == *path))
            });
            let restarted = restarts == 1;
            match deciding(&made, path).map(|rule| &rule.rule.action) {
                None => prop_assert!(!synced),
                Some(WatchAction::Rebuild) => prop_assert!(rebuilds),
                Some(WatchAction::Restart | WatchAction::Signal(_)) => prop_assert!(restarted || rebuilds),
                Some(WatchAction::Sync { then, .. }) => {
                    let carried = rebuilds && built && !path.starts_with("/p/docs");
                    prop_assert!(synced || carried, "{path} in {reactions:?}");
                    prop_assert!(*then != AfterSync::Restart || restarted || rebuilds);
                }
            }
        }
        for reaction in &reactions {
            if let Reaction::Sync { files, .. } = reaction {
                prop_assert!(files.iter().all(|f| f.target == "/t" || f.target.starts_with("/t/")), "{reaction:?}");
            }
        }
    }
}

#[test]
fn rules_of_a_compose_file_read_their_patterns_as_a_dockerignore() {
    let mut first = rule(&["app"], sync("/code", AfterSync::Nothing));
    first.as_dockerignore = true;
    first.ignore = vec!["*.log".to_owned(), "/skip/".to_owned()];
    let mut only = rule(&["web"], sync("/web", AfterSync::Nothing));
    only.as_dockerignore = true;
    only.include = vec!["*.js".to_owned(), "sub/**".to_owned()];
    let stack = stack(vec![service("api", build(), vec![first, only])]);
    let reaches = |path: &str| !reactions(&stack, &files(&[path])).is_empty();
    for path in [
        "/p/app/sub/a.log",
        "/p/app/x/skip/a",
        "/p/web/a.js",
        "/p/web/sub/deep/a",
    ] {
        assert!(reaches(path), "{path}");
    }
    for path in [
        "/p/app/a.log",
        "/p/app/skip/a",
        "/p/web/a.py",
        "/p/web/x/a.js",
    ] {
        assert!(!reaches(path), "{path}");
    }
}

#[test]
fn a_process_is_told_of_its_files_once_and_not_where_it_begins_anew() {
    let rules = vec![
        rule(&["conf"], WatchAction::Signal("HUP".to_owned())),
        rule(&["code"], WatchAction::Restart),
    ];
    let source = Source::Run("server".to_owned());
    let stack = stack(vec![service("web", source, rules)]);
    assert_eq!(
        reactions(&stack, &files(&["/p/conf/a", "/p/conf/b"])),
        ["signal HUP web: conf/a and 1 more"]
    );
    assert_eq!(
        reactions(&stack, &files(&["/p/conf/a", "/p/code/b"])),
        ["restart web: code/b"]
    );
}
