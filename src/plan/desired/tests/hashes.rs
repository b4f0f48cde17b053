//! What a hash sees, and what it does not.

use super::*;

#[test]
fn a_change_of_ports_replaces_one_container() {
    let old = made(&gold());
    let mut stack = gold();
    let db = stack.services.get_mut("db").expect("db");
    db.ports.get_mut("postgres").expect("its port").host = HostPort::Fixed(15_432);
    let new = made(&stack);
    assert_eq!(changed(&old, &new), ["gold-db-1"]);
    assert_eq!(old.jobs, new.jobs);
}

#[test]
fn another_free_port_replaces_nothing_but_what_was_told_it() {
    let stack = gold();
    let mut other = ports(&stack);
    other.values_mut().for_each(|number| *number += 1);
    let new = desire(
        &stack,
        &everything(&stack),
        &other,
        &facts(),
        &sources(),
        &KEY,
    )
    .expect("it resolves");
    // `BASE` is its public address.
    assert_eq!(changed(&made(&stack), &new), ["gold-api-1"]);
}

type Change = fn(&mut Service);

#[test]
fn the_hash_sees_every_part_of_a_container() {
    let base = || {
        service("api")
            .with_port("http", http(8000))
            .with_env("A", "1")
    };
    let old = made(&stack([base()]));
    let changes: [(&str, Change); 21] = [
        ("image", |s| s.source = Source::Image("api:2".to_owned())),
        ("command", |s| s.command = Some(vec![template("run")])),
        ("command without words", |s| s.command = Some(Vec::new())),
        ("entrypoint", |s| s.entrypoint = Some(vec![template("run")])),
        ("env value", |s| {
            s.env = BTreeMap::from([("A".to_owned(), template("2"))])
        }),
        ("env name", |s| {
            s.env = BTreeMap::from([("B".to_owned(), template("1"))])
        }),
        ("user", |s| s.user = Some("1000".to_owned())),
        ("workdir", |s| s.workdir = Some("/app".to_owned())),
        ("port", |s| {
            s.ports = BTreeMap::from([("http".to_owned(), http(8001))])
        }),
        ("bind", |s| {
            let bind = "0.0.0.0".parse().expect("an address");
            s.ports = BTreeMap::from([("http".to_owned(), Port { bind, ..http(8000) })]);
        }),
        ("publish", |s| {
            s.ports = BTreeMap::from([(
                "http".to_owned(),
                Port {
                    publish: false,
                    ..http(8000)
                },
            )]);
        }),
        ("mount", |s| {
            s.mounts = vec![Mount::Tmpfs {
                target: "/tmp".to_owned(),
            }]
        }),
        ("network", |s| s.networks = vec!["backend".to_owned()]),
        ("host network", |s| s.host_network = true),
        ("host pid", |s| s.host_pid = true),
        ("label", |s| {
            s.labels = BTreeMap::from([("a".to_owned(), "b".to_owned())])
        }),
        ("stop signal", |s| s.stop.signal = Some("SIGINT".to_owned())),
        ("stop grace", |s| s.stop.grace = Duration::from_millis(1)),
        ("memory", |s| s.limits.memory = Some(1)),
        ("cpu", |s| s.limits.cpu_millis = Some(1)),
        ("pids", |s| s.limits.pids = Some(1)),
    ];
    let mut seen = BTreeSet::from([old.containers[0].hash.clone()]);
    for (what, change) in changes {
        let mut service = base();
        change(&mut service);
        let hash = made(&stack([service])).containers[0].hash.clone();
        assert!(seen.insert(hash), "{what}");
    }
}

#[test]
fn the_hash_does_not_see_what_needs_no_new_container() {
    let old = made(&gold());
    let mut stack = gold();
    stack.layers.push("/src/gold/dev.offline.toml".into());
    for service in stack.services.values_mut() {
        service.restart = Restart::Always;
        service.profiles.push("all".to_owned());
    }
    let mut sources = sources();
    sources.contexts.clear();
    let new = made_with(&stack, &facts(), &sources);
    assert!(changed(&old, &new).is_empty());
    let label = new.containers[0]
        .labels
        .iter()
        .find(|(name, _)| name == LABEL_CONFIG_FILES);
    assert_eq!(
        label.expect("the label").1,
        "/src/gold/dev.toml,/src/gold/dev.offline.toml"
    );
}

#[test]
fn replicas_are_interchangeable_but_for_name_number_and_port() {
    let api = Service {
        replicas: 2,
        ..service("api").with_port("http", http(8000))
    };
    let containers = made(&stack([api])).containers;
    assert_eq!(
        containers
            .iter()
            .map(|spec| spec.name.as_str())
            .collect::<Vec<_>>(),
        ["gold-api-1", "gold-api-2"]
    );
    assert_eq!(containers[0].hash, containers[1].hash);
    assert_eq!(containers[1].ports[0].host, Some(8001));
    assert!(
        containers[1]
            .labels
            .contains(&(LABEL_NUMBER.to_owned(), "2".to_owned()))
    );
}

#[test]
fn the_hash_of_a_build_sees_its_definition_and_its_context() {
    let hash = |change: fn(&mut Build, &mut Facts, &mut SourceHashes)| {
        let (mut build, mut facts, mut sources) = (build(), facts(), sources());
        change(&mut build, &mut facts, &mut sources);
        let api = Service {
            source: Source::Build(build),
            ..service("api")
        };
        made_with(&stack([api]), &facts, &sources).builds[0]
            .hash
            .clone()
    };
    let old = hash(|_, _, _| {});
    assert_eq!(
        old,
        hash(|build, _, _| build.cache_from.push("registry.test/cache".to_owned()))
    );
    let changes: [fn(&mut Build, &mut Facts, &mut SourceHashes); 6] = [
        |build, _, _| build.target = None,
        |build, _, _| build.platforms.push("linux/arm64".to_owned()),
        |build, _, _| build.secrets[0].id = "other".to_owned(),
        |_, facts, _| drop(facts.git.insert("sha".to_owned(), "def456".to_owned())),
        |_, facts, _| {
            drop(
                facts
                    .secrets
                    .insert("JWT".to_owned(), SecretString::from("another")),
            )
        },
        |_, _, sources| {
            sources
                .contexts
                .values_mut()
                .for_each(|hash| hash.push('2'))
        },
    ];
    let mut seen = BTreeSet::from([old]);
    for (number, change) in changes.into_iter().enumerate() {
        assert!(seen.insert(hash(change)), "change {number}");
    }
}

#[test]
fn a_job_is_made_from_command_environment_and_inputs() {
    let stack = gold();
    let old = made(&stack).jobs["migrate"].clone();
    let mut other = sources();
    other
        .inputs
        .insert("migrate".to_owned(), "inputs-2".to_owned());
    assert_ne!(made_with(&stack, &facts(), &other).jobs["migrate"], old);
    let mut other = sources();
    other.contexts.clear();
    assert_eq!(made_with(&stack, &facts(), &other).jobs["migrate"], old);
    let mut edited = gold();
    let job = edited.services.remove("migrate").expect("the job");
    edited
        .services
        .insert("migrate".to_owned(), job.with_env("LEVEL", "2"));
    assert_ne!(made(&edited).jobs["migrate"], old);
}

#[test]
fn a_secret_is_never_shown_and_its_hash_is_keyed() {
    let stack = gold();
    let desired = made(&stack);
    let shown = format!("{desired:#?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert!(!shown.contains("postgres:postgres@"), "{shown}");
    let same = |key: &[u8; 32], secret: &str| {
        let mut facts = facts();
        facts
            .secrets
            .insert("JWT".to_owned(), SecretString::from(secret));
        desire(
            &stack,
            &everything(&stack),
            &ports(&stack),
            &facts,
            &sources(),
            key,
        )
        .expect("it resolves")
    };
    let api = |desired: &Desired| {
        desired
            .containers
            .iter()
            .find(|spec| spec.service == "api")
            .expect("api")
            .hash
            .clone()
    };
    assert_eq!(api(&same(&KEY, "s3cr3t")), api(&desired));
    assert_ne!(api(&same(&KEY, "another")), api(&desired));
    assert_ne!(api(&same(&[8; 32], "s3cr3t")), api(&desired));
}

proptest! {
    #[test]
    fn only_what_was_edited_is_replaced(edited in 0usize..12, value in "[a-z]{1,8}") {
        let old = large(12);
        let mut new = old.clone();
        let name = format!("s{edited:04}");
        let service = new.services.remove(&name).expect("it is there");
        new.services.insert(name.clone(), service.with_env("EDITED", &value));
        prop_assert_eq!(changed(&made(&old), &made(&new)), [format!("gold-{name}-1")]);
        prop_assert_eq!(made(&new), made(&new.clone()));
    }
}
