use std::io;
use std::time::Duration;

use camino::Utf8Path;

use crate::stack::compose::{Files, Request, Run, load_stack};
use crate::stack::file::{Code, Diagnostic, LoadError};
use crate::stack::{
    Condition, ContainerFile, HostPort, Pull, Reference, Restart, SecretSource, Source, Stack,
    UpdateOrder,
};

mod values;

/// A file in memory.
struct Text<'a>(&'a str);

impl Files for Text<'_> {
    fn compose(&self, _: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        Ok(self.0.to_owned())
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        match path.as_str() {
            "/src/shop/web/.dockerignore" => Ok("# not these\n\n*.log\n!keep.log\n".to_owned()),
            "/src/shop/web/own.dockerignore" => Ok("docs\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn stack(text: &str) -> Result<Stack, LoadError> {
    run(text).map(|run| run.stack)
}

fn run(text: &str) -> Result<Run, LoadError> {
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        ..Request::default()
    };
    load_stack(&request, &Text(text))
}

#[test]
fn what_compose_leaves_open_is_as_compose_has_it() {
    let stack = stack(
        "services:\n  web:\n    build: ./web\n    ports: [8000, '127.0.0.1:53:53/udp', '9000-9005:90']\n    depends_on: [db, once]\n  db: {image: x, restart: always}\n  once: {image: x}\n",
    )
    .unwrap();
    let web = &stack.services["web"];
    let ports: Vec<_> = web
        .ports
        .iter()
        .map(|(name, port)| (name.as_str(), port.host, port.everywhere))
        .collect();
    let expected = [
        ("53-udp", HostPort::Fixed(53), false),
        ("8000", HostPort::Auto, true),
        ("90", HostPort::Within(9000, 9005), true),
    ];
    assert_eq!(ports, expected);
    assert_eq!(web.needs["db"].condition, Condition::Started);
    assert_eq!((web.restart, web.may_end), (Restart::No, true));
    assert!(!stack.services["db"].may_end);
    assert_eq!(stack.name, "shop");
    assert_eq!(stack.network_name("default"), "shop_default");
}

#[test]
fn who_is_needed_to_have_ended_is_a_job() {
    let stack = stack(
        "services:\n  a:\n    image: x\n    depends_on: {b: {condition: service_completed_successfully, restart: true}}\n  b: {image: x, restart: on-failure:2}\n",
    )
    .unwrap();
    let job = &stack.services["b"];
    assert!(job.is_job() && !job.may_end);
    assert_eq!(job.restart, Restart::OnFailure { max: Some(2) });
    let need = stack.services["a"].needs["b"];
    assert!(need.restart && need.condition == Condition::Ready);
}

#[test]
fn services_of_other_profiles_can_be_named_and_nobody_needs_them() {
    let stack = stack(
        "services:\n  a:\n    image: x\n    depends_on: {d: {condition: service_started, required: false}}\n  d: {image: x, profiles: [debug]}\n  broken: {image: x, profiles: [debug], restart: sometimes}\n",
    )
    .unwrap();
    assert!(stack.services["a"].needs.is_empty());
    assert_eq!(stack.services["d"].profiles, ["debug"]);
    assert!(!stack.services.contains_key("broken"));
}

#[test]
fn what_does_not_run_may_say_what_cannot_be_had() {
    let text = "services:\n  a: {image: x}\n  b: {image: x, profiles: [p], provider: {type: x}, isolation: hyperv}\n";
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        ..Request::default()
    };
    let run = load_stack(&request, &Text(text)).unwrap();
    assert!(run.warnings.is_empty());
    assert!(!run.stack.services.contains_key("b"));
    let chosen = Request {
        profiles: vec!["p".into()],
        ..request
    };
    let error = load_stack(&chosen, &Text(text)).unwrap_err();
    assert_eq!(error.diagnostics.len(), 2, "{error:?}");
}

#[test]
fn nobody_waits_for_a_health_check_that_is_switched_off() {
    let text = |check: &str, condition: &str| {
        format!(
            "services:\n  a:\n    image: x\n    depends_on: {{b: {{condition: {condition}}}}}\n  b: {{image: x, healthcheck: {check}}}\n"
        )
    };
    for check in ["{disable: true}", "{test: [NONE]}"] {
        let error = stack(&text(check, "service_healthy")).unwrap_err();
        let told = &error.diagnostics[0];
        assert_eq!(told.location().unwrap().line, 4, "{check}");
        assert!(told.message().contains("switched off"), "{check}");
        stack(&text(check, "service_started")).unwrap();
    }
    stack(&text("{test: 'true'}", "service_healthy")).unwrap();
}

#[test]
fn a_sick_service_is_waited_for_as_long_as_the_file_gives_it_and_half_a_minute_at_least() {
    for (more, seconds) in [
        ("interval: 1s, retries: 2, timeout: 1s", 30),
        ("interval: 10s, retries: 5, timeout: 3s", 53),
        (
            "interval: 10s, retries: 5, timeout: 3s, start_period: 1m",
            113,
        ),
        ("retries: 1, timeout: 1s", 31),
        ("start_period: 0s", 120),
    ] {
        let text =
            format!("services:\n  a:\n    image: x\n    healthcheck: {{test: ask, {more}}}\n");
        let stack = stack(&text).unwrap();
        let probe = stack.services["a"].ready.as_ref().unwrap();
        assert_eq!(probe.within.as_secs(), seconds, "{more}");
    }
}

#[test]
fn a_dockerfile_may_stand_in_the_file() {
    let stack = stack(
        "services:\n  a:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM x\n        RUN true\n",
    )
    .unwrap();
    let Source::Build(build) = &stack.services["a"].source else {
        panic!()
    };
    assert_eq!(build.context, "/src/shop");
    assert_eq!(
        build.options.dockerfile.as_deref(),
        Some("FROM x\nRUN true\n")
    );
    assert_eq!(build.dockerfile_path(), None);
}

#[test]
fn a_build_may_have_further_contexts() {
    let text = |context: &str| {
        format!(
            "services:\n  a:\n    build:\n      context: .\n      additional_contexts:\n        shared: {context}\n  b: {{build: .}}\n"
        )
    };
    let context = |at: &str| {
        let stack = stack(&text(at)).unwrap();
        let Source::Build(build) = &stack.services["a"].source else {
            panic!()
        };
        build.options.contexts["shared"].clone()
    };
    assert_eq!(context("../lib"), "/src/lib");
    assert_eq!(context("docker-image://x:1"), "docker-image://x:1");
    assert_eq!(context("service:b"), "service:b");
    // By a folder that begins like one, nothing is meant.
    assert_eq!(context("./service:b"), "/src/shop/service:b");
}

#[test]
fn images_that_are_built_from_each_other_are_an_error_with_its_place() {
    let text = "services:\n  a: {build: {context: ., additional_contexts: {x: 'service:b'}}}\n  b: {build: {context: ., additional_contexts: {y: 'service:a'}}}\n";
    let error = stack(text).unwrap_err();
    let shown = error.diagnostics[0].to_string();
    assert_eq!(error.diagnostics[0].code(), Code::Cycle, "{shown}");
    assert!(shown.contains("a → b → a"), "{shown}");
    assert_eq!(error.diagnostics[0].location().unwrap().line, 2);
}

#[test]
fn a_build_may_be_fetched_and_limited_and_allowed() {
    let text = "
services:
  a:
    build:
      context: https://example.com/shop.git#main:web
      dockerfile: docker/Dockerfile
      no_cache_filter: [deps]
      privileged: true
      entitlements: [network.host]
      shm_size: 64m
      ulimits: {nofile: {soft: 10, hard: 20}, nproc: 7}
";
    let stack = stack(text).unwrap();
    let Source::Build(build) = &stack.services["a"].source else {
        panic!()
    };
    let options = &build.options;
    let remote = "https://example.com/shop.git#main:web";
    assert_eq!(options.remote.as_deref(), Some(remote));
    // Nothing of it is here.
    assert_eq!((build.folder(), build.dockerfile_path()), (None, None));
    assert_eq!(build.dockerfile, "/dev/null/docker/Dockerfile");
    assert_eq!(options.no_cache_filter, ["deps"]);
    assert_eq!(options.entitlements, ["network.host", "security.insecure"]);
    assert_eq!(options.shm_size, Some(64 << 20));
    let limit = |name: &str| (options.ulimits[name].soft, options.ulimits[name].hard);
    assert_eq!((limit("nofile"), limit("nproc")), ((10, 20), (7, 7)));
}

#[test]
fn an_image_is_pulled_as_often_as_the_file_says() {
    let pull = |policy: &str| {
        let text = format!("services:\n  a: {{image: x, pull_policy: {policy}}}\n");
        stack(&text).unwrap().services["a"].pull
    };
    let hour = Duration::from_secs(3600);
    assert_eq!(pull("always"), Pull::Always);
    assert_eq!(pull("daily"), Pull::After(24 * hour));
    assert_eq!(pull("weekly"), Pull::After(168 * hour));
    assert_eq!(pull("every_12h"), Pull::After(12 * hour));
    for policy in ["missing", "if_not_present", "build"] {
        assert_eq!(pull(policy), Pull::Missing);
    }
    let now = 100 * hour;
    assert!(!pull("every_12h").is_due(Some(89 * hour), now));
    assert!(pull("every_12h").is_due(Some(87 * hour), now));
    assert!(pull("every_12h").is_due(None, now));
    assert!(pull("always").is_due(Some(now), now));
    assert!(!pull("missing").is_due(None, now));
}

#[test]
fn files_of_variables_have_a_bound_together() {
    struct Large(String);
    impl Files for Large {
        fn compose(&self, _: &Utf8Path) -> Result<String, Box<Diagnostic>> {
            Ok(self.0.clone())
        }
        fn env(&self, _: &Utf8Path) -> io::Result<String> {
            Ok(format!("A={}\n", "x".repeat(1 << 20)))
        }
    }
    let services: String = (0..9)
        .map(|n| format!("  s{n}: {{image: x, env_file: a.env}}\n"))
        .collect();
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        ..Request::default()
    };
    let error = load_stack(&request, &Large(format!("services:\n{services}"))).unwrap_err();
    assert_eq!(error.diagnostics.len(), 1);
    assert_eq!(error.diagnostics[0].code(), Code::TooLarge);
}

#[test]
fn what_cannot_be_had_is_an_error_where_it_stands() {
    for (text, line) in [
        ("    provider: {type: x}", 4),
        ("    restart: sometimes", 4),
        ("    deploy: {restart_policy: {condition: sometimes}}", 4),
        ("    ports: ['80:80/sctp']", 4),
        ("    volumes: [{type: image, target: /y}]", 4),
        ("    volumes: ['d:/y']", 4),
        ("    volumes: ['./a:b']", 4),
        ("    volumes: [{type: npipe, source: y, target: /y}]", 4),
    ] {
        let error = stack(&format!("services:\n  a:\n    image: x\n{text}\n")).unwrap_err();
        let told = &error.diagnostics[0];
        assert_eq!(told.code(), Code::ComposeUnsupported, "{text}");
        assert_eq!(told.location().unwrap().line, line, "{text}");
    }
}

#[test]
fn the_value_of_a_secret_is_in_no_text_of_the_stack() {
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        environment: [("TOKEN".to_owned(), "hunter2".to_owned())].into(),
        ..Request::default()
    };
    let text = "services: {a: {image: x, secrets: [t]}}\nsecrets: {t: {environment: TOKEN}}\n";
    let stack = load_stack(&request, &Text(text)).unwrap().stack;
    let shown = format!("{stack:?}{}", serde_json::to_string(&stack).unwrap());
    assert!(!shown.contains("hunter2"));
    assert_eq!(
        stack.services["a"].container.files[0].target,
        "/run/secrets/t"
    );
}

#[test]
fn a_variable_that_is_not_set_is_asked_for_when_something_is_made_with_it() {
    let found = stack(
        "services:\n  a: {image: x, secrets: [s], configs: [c]}\n  b: {build: {context: ., secrets: [s]}}\n\
         secrets: {s: {environment: S}}\nconfigs: {c: {environment: C}}\n",
    )
    .unwrap();
    assert_eq!(found.secrets["s"], SecretSource::Env("S".to_owned()));
    let [secret, config] = found.services["a"].container.files.as_slice() else {
        panic!("{:?}", found.services["a"].container.files)
    };
    let reference = |file: &ContainerFile| file.content.references().next().cloned();
    assert_eq!(
        reference(secret),
        Some(Reference::Secret {
            name: "s".to_owned()
        })
    );
    assert_eq!(
        reference(config),
        Some(Reference::Env {
            name: "C".to_owned(),
            default: None
        })
    );
}

#[test]
fn the_order_of_an_update_is_kept_where_two_can_run_at_once() {
    let with = |more: &str| {
        let text = format!(
            "services:\n  a:\n    image: x\n    deploy: {{update_config: {{order: start-first}}}}\n{more}"
        );
        stack(&text).unwrap().services["a"].update
    };
    for fits in ["", "    expose: [80]\n", "    volumes: ['./a:/a:ro', /b]\n"] {
        assert_eq!(with(fits), UpdateOrder::StartFirst, "{fits}");
    }
    for not in [
        "    ports: [80]\n",
        "    volumes: ['./a:/a']\n",
        "    volumes: ['data:/a']\nvolumes: {data: {}}\n",
        "    network_mode: host\n",
        "    network_mode: service:b\n  b: {image: x}\n",
        "    container_name: a\n",
        "    networks: {default: {ipv4_address: 10.0.0.2}}\n",
        "  b:\n    image: x\n    depends_on: {a: {condition: service_completed_successfully}}\n",
    ] {
        assert_eq!(with(not), UpdateOrder::StopFirst, "{not}");
    }
}

#[test]
fn where_no_order_is_said_two_overlap_where_that_is_safe() {
    let probe = "    healthcheck: {test: [CMD, ask]}\n";
    let caller = "  b:\n    image: x\n    depends_on: [a]\n";
    let apart = |more: &str, others: &str| {
        let text = format!("services:\n  a:\n    image: x\n{more}{others}");
        let stack = stack(&text).unwrap();
        stack.kept_apart(&stack.services["a"], false)
    };
    let is_safe = |more: &str, others: &str| apart(more, others).is_none();
    assert!(is_safe(probe, caller));
    assert!(is_safe(&format!("{probe}    expose: [80]\n"), ""));
    for more in [
        "    volumes: ['./a:/a:ro']\n",
        "    tmpfs: [/a]\n",
        "    deploy: {update_config: {order: start-first}}\n",
        "    deploy: {update_config: {parallelism: 2}}\n",
    ] {
        assert!(is_safe(&format!("{probe}{more}"), caller), "{more}");
    }
    for (more, why) in [
        (
            "    deploy: {update_config: {order: stop-first}}\n",
            "`update` says so",
        ),
        ("    ports: [80]\n", "port"),
        ("    volumes: ['./a:/a']\n", "write"),
        ("    network_mode: host\n", "network"),
        ("    container_name: a\n", "called `a`"),
        ("    pid: host\n", "outside"),
        ("    ipc: host\n", "outside"),
        ("    privileged: true\n", "devices"),
        ("    devices: ['/dev/null:/dev/null']\n", "devices"),
    ] {
        let told = apart(&format!("{probe}{more}"), caller).unwrap_or_default();
        assert!(told.contains(why), "{more}: {told}");
    }
    let within = "  c:\n    image: x\n    network_mode: service:a\n";
    let told = apart(probe, &format!("{caller}{within}"));
    assert_eq!(told.as_deref(), Some("`c` runs inside it"));
    assert!(apart("", caller).unwrap().contains("no probe"));
    assert!(apart(probe, "").unwrap().contains("nobody"));
    let image = |more: &str| {
        let text = format!("services:\n  a:\n    image: x\n{more}{caller}");
        let stack = stack(&text).unwrap();
        stack.kept_apart(&stack.services["a"], true).is_none()
    };
    assert!(image(""));
    assert!(!image("    healthcheck: {disable: true}\n"));
}

#[test]
fn a_rule_behind_one_that_covers_it_is_told_with_its_place() {
    let text = "services:\n  a:\n    build: .\n    develop:\n      watch:\n        - {action: sync, path: ., target: /app}\n        - {action: restart, path: ./conf}\n        - {action: rebuild, path: ./deps}\n";
    let read = run(text).unwrap();
    let shown: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].contains("never acts"), "{shown:?}");
    assert_eq!(read.warnings[0].location().unwrap().line, 7);
    // It may have been left something.
    let text = text.replace("path: ., target", "path: ., include: ['*.py'], target");
    assert!(self::run(&text).unwrap().warnings.is_empty());
}

#[test]
fn what_a_build_leaves_out_its_watch_rules_leave_out() {
    let left_out = |source: &str| {
        let text = format!(
            "services:\n  a:\n    {source}\n    develop: {{watch: [{{action: sync, path: ./web, target: /app}}]}}\n"
        );
        let rule = stack(&text).unwrap().services["a"].watch[0].clone();
        rule.left_out
            .map(|out| (out.dir.to_string(), out.patterns.join(" ")))
    };
    let web = |patterns: &str| Some(("/src/shop/web".to_owned(), patterns.to_owned()));
    assert_eq!(left_out("build: ./web"), web("*.log !keep.log"));
    // That of the Dockerfile takes the place of the folder's.
    assert_eq!(
        left_out("build: {context: ./web, dockerfile: own}"),
        web("docs")
    );
    assert_eq!(left_out("build: ./other"), None);
    assert_eq!(left_out("image: x"), None);
}

/// A file in memory, and a disk that has nothing.
struct Bare<'a>(Text<'a>);

impl Files for Bare<'_> {
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        self.0.compose(path)
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        self.0.env(path)
    }

    fn absent(&self, path: &Utf8Path) -> Option<String> {
        Some(format!("there is no {path}"))
    }
}

#[test]
fn what_is_watched_and_not_there_is_a_warning() {
    let text = "services:\n  web:\n    image: x\n    develop:\n      watch:\n        - path: ./web/srv\n          \
                action: sync\n          target: /app\n";
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        ..Request::default()
    };
    assert!(run(text).unwrap().warnings.is_empty());
    let warnings = load_stack(&request, &Bare(Text(text))).unwrap().warnings;
    let [warning] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    let at = warning.location().unwrap();
    assert_eq!((at.line, at.column), (6, 17));
    assert!(
        warning.message().starts_with("`web/srv` is not there"),
        "{warning}"
    );
    assert_eq!(warning.help(), Some("there is no /src/shop/web/srv"));
}

#[test]
fn files_of_secrets_and_configs_have_to_be_there() {
    let found = stack(
        "services:\n  a: {image: x, secrets: [s], configs: [{source: c, target: /etc/c}], volumes: ['./d:/d']}\n\
         secrets: {s: {file: ./s}}\nconfigs: {c: {file: ./c}}\n",
    )
    .unwrap();
    let mounts = &found.services["a"].container.mounts;
    let must = |target: &str| mounts.get(target).is_some_and(|given| given.must_exist);
    assert!(must("/run/secrets/s") && must("/etc/c") && !must("/d"));
}

#[test]
fn a_label_that_the_engine_cannot_be_told_is_a_warning() {
    let told = |bind: &str| {
        let text = format!(
            "services:\n  a: {{image: x, volumes: [{{type: bind, source: ./d, target: /d, bind: {bind}}}]}}\n"
        );
        let warnings = run(&text).unwrap().warnings;
        warnings.iter().any(|told| told.code() == Code::NoEffect)
    };
    assert!(told("{selinux: z, recursive: disabled}"));
    assert!(
        !told("{selinux: z}") && !told("{selinux: Z, propagation: rslave, recursive: enabled}")
    );
}
