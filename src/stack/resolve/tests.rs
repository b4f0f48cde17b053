use std::collections::BTreeMap;

use secrecy::SecretString;

use super::fixture::{http, postgres, service, stack, template};
use super::{Asker, Facts, Unresolved, Value, check, known_outputs, resolve};
use crate::stack::{HostPort, Output, Port, Service, Source, Stack};

const IN_API: Asker<'_> = Asker::Container { service: "api" };
const SHELL: Asker<'_> = Asker::Host { service: None };

fn gold() -> Stack {
    let api = service("api").with_port("http", http(8000)).with_env(
        "DATABASE_URL",
        "${db.gold_platform.url}?pool=${env:POOL:-5}",
    );
    let web = Service {
        source: Source::Run("npm run dev".to_owned()),
        ..service("web").with_port("http", http(3000))
    };
    stack([postgres("db", &["gold_platform", "auth_db"]), api, web])
}

fn facts() -> Facts {
    let port = |service: &str, port: &str, number| ((service.to_owned(), port.to_owned()), number);
    Facts {
        host_ports: BTreeMap::from([port("db", "postgres", 15432), port("api", "http", 8000)]),
        environment: BTreeMap::from([
            ("USER".to_owned(), "ann".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]),
        secrets: BTreeMap::from([("JWT".to_owned(), SecretString::from("s3cr3t"))]),
        git: BTreeMap::from([("sha".to_owned(), "abc123".to_owned())]),
        ..Facts::default()
    }
}

fn read(stack: &Stack, text: &str, asker: Asker<'_>) -> Result<Value, Unresolved> {
    resolve(stack, &template(text), asker, &facts())
}

fn text(stack: &Stack, reference: &str, asker: Asker<'_>) -> String {
    read(stack, reference, asker)
        .map(|value| value.text)
        .unwrap_or_else(|error| error.to_string())
}

#[test]
fn an_address_is_the_one_that_works_for_who_asks() {
    let stack = gold();
    let cases = [
        (
            "${db.url}",
            IN_API,
            "postgres://postgres:postgres@db:5432/gold_platform",
        ),
        (
            "${db.url}",
            SHELL,
            "postgres://postgres:postgres@127.0.0.1:15432/gold_platform",
        ),
        (
            "${db.auth_db.url}",
            IN_API,
            "postgres://postgres:postgres@db:5432/auth_db",
        ),
        (
            "${db.auth_db.name} on ${db.auth_db.host}",
            SHELL,
            "auth_db on 127.0.0.1",
        ),
        ("${db.host}:${db.port}", IN_API, "db:5432"),
        ("${db.postgres.port}", SHELL, "15432"),
        ("${api.url}", SHELL, "http://127.0.0.1:8000"),
        (
            "${api.http.url}",
            Asker::Host {
                service: Some("web"),
            },
            "http://127.0.0.1:8000",
        ),
        ("${self.http.public}", IN_API, "http://127.0.0.1:8000"),
        ("${self.port}", IN_API, "8000"),
        (
            "${self.port}",
            Asker::Host {
                service: Some("web"),
            },
            "3000",
        ),
        ("${web.url}", IN_API, "http://host.docker.internal:3000"),
        ("${web.public}", IN_API, "http://127.0.0.1:3000"),
        (
            "${api.env.DATABASE_URL}",
            IN_API,
            "postgres://postgres:postgres@db:5432/gold_platform?pool=5",
        ),
    ];
    for (reference, asker, expected) in cases {
        assert_eq!(
            text(&stack, reference, asker),
            expected,
            "{reference} for {asker:?}"
        );
    }
}

#[test]
fn a_service_on_the_hosts_network_is_reached_there_and_reaches_the_others_there() {
    let mut stack = gold();
    let api = stack.services.get_mut("api").expect("api");
    api.host_network = true;
    assert_eq!(
        text(&stack, "${self.http.url}", IN_API),
        "http://127.0.0.1:8000"
    );
    assert_eq!(text(&stack, "${db.port}", IN_API), "15432");
    assert_eq!(
        text(&stack, "${api.url}", Asker::Container { service: "db" }),
        "http://host.docker.internal:8000"
    );
    assert_eq!(text(&stack, "${api.url}", SHELL), "http://127.0.0.1:8000");
}

#[test]
fn a_bind_address_is_the_host_unless_it_is_a_wildcard() {
    let bound = |bind: &str| {
        let port = Port {
            bind: bind.parse().expect("an address"),
            host: HostPort::Fixed(9000),
            ..http(80)
        };
        let stack = stack([service("site").with_port("http", port)]);
        text(&stack, "${site.url} ${site.host}", SHELL)
    };
    assert_eq!(bound("0.0.0.0"), "http://127.0.0.1:9000 127.0.0.1");
    assert_eq!(bound("192.168.1.7"), "http://192.168.1.7:9000 192.168.1.7");
    assert_eq!(bound("::1"), "http://[::1]:9000 ::1");
}

#[test]
fn public_is_what_a_browser_can_open() {
    let smtp = Port {
        scheme: "smtp".to_owned(),
        ..http(1025)
    };
    let fixed = Port {
        host: HostPort::Fixed(18025),
        ..http(8025)
    };
    let mail = service("mail")
        .with_port("smtp", smtp)
        .with_port("http", fixed);
    assert_eq!(
        text(&stack([mail]), "${mail.public}", SHELL),
        "http://127.0.0.1:18025"
    );
}

#[test]
fn credentials_follow_the_environment_of_the_service() {
    let mut stack = gold();
    let db = postgres("db", &[])
        .with_env("POSTGRES_USER", "gold")
        .with_env("POSTGRES_PASSWORD", "${secret:JWT}");
    stack.services.insert("db".to_owned(), db);
    let url = read(&stack, "${db.url}", IN_API).expect("a value");
    assert_eq!(url.text, "postgres://gold:s3cr3t@db:5432/db");
    assert!(url.secret);
}

#[test]
fn what_holds_a_secret_is_one() {
    let stack = gold();
    for reference in [
        "${secret:JWT}",
        "Bearer ${secret:JWT}",
        "${db.password}",
        "${db.url}",
        "${api.env.DATABASE_URL}",
    ] {
        let value = read(&stack, reference, IN_API).expect("a value");
        assert!(value.secret, "{reference}");
        assert_eq!(format!("{value:?}"), "***");
    }
    assert!(!read(&stack, "${db.host}", IN_API).expect("a value").secret);
}

#[test]
fn the_environment_has_defaults_like_a_shell() {
    let stack = gold();
    assert_eq!(text(&stack, "${env:USER}", SHELL), "ann");
    assert_eq!(text(&stack, "${env:EMPTY:-x}", SHELL), "x");
    assert_eq!(text(&stack, "[${env:EMPTY}]", SHELL), "[]");
    assert_eq!(text(&stack, "${env:NOT:-}", SHELL), "");
    assert_eq!(
        text(&stack, "${env:NOT:-${db.host}:${env:NEITHER:-1}}", IN_API),
        "db:1"
    );
    let secret = read(&stack, "${env:NOT:-${secret:JWT}}", SHELL).expect("a value");
    assert!(secret.secret);
    assert_eq!(text(&stack, "${git:sha}", SHELL), "abc123");
    assert_eq!(text(&stack, "${git:sha:-none}", SHELL), "abc123");
    assert_eq!(text(&stack, "${git:branch:-none}", SHELL), "none");
    assert_eq!(text(&stack, "${git:branch:-${env:NEITHER:-1}}", SHELL), "1");
}

#[test]
fn every_error_says_what_to_do() {
    let mut stack = gold();
    let api = stack.services.get_mut("api").expect("api");
    api.ports.insert(
        "admin".to_owned(),
        Port {
            publish: false,
            ..http(9000)
        },
    );
    api.networks = vec!["frontend".to_owned()];
    stack.services.insert(
        "idle".to_owned(),
        service("idle").with_port("http", http(7000)),
    );
    let own = Output {
        value: template("${self.a}"),
        secret: false,
    };
    stack.services.insert("loop".to_owned(), {
        let mut service = service("loop");
        service.outputs.insert("a".to_owned(), own);
        service
    });
    stack.services.insert("bare".to_owned(), service("bare"));
    let references = [
        "${dbb.url}",
        "${db.urll}",
        "${db.authdb.url}",
        "${db.replica.url}",
        "${bare.url}",
        "${self.url}",
        "${api.admin.url}",
        "${idle.url}",
        "${loop.a}",
        "${env:NOT}",
        "${secret:NOT}",
        "${git:branch}",
    ];
    let mut lines = Vec::new();
    for reference in references {
        let error = read(&stack, reference, SHELL).expect_err(reference);
        lines.push(format!("{error}\n    {}", error.help().unwrap_or_default()));
    }
    let error = read(&stack, "${db.url}", IN_API).expect_err("no network");
    lines.push(format!("{error}\n    {}", error.help().unwrap_or_default()));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_check_needs_nothing_but_the_stack() {
    let stack = gold();
    let ask = |text: &str| check(&stack, &template(text), IN_API);
    for fine in [
        "${db.url} ${api.public} ${secret:JWT} ${env:NOT} ${git:sha}",
        "${self.http.port}",
        "no reference",
    ] {
        assert_eq!(ask(fine), Ok(()), "{fine}");
    }
    assert!(matches!(
        ask("${db.nope}"),
        Err(Unresolved::NoOutput { .. })
    ));
    assert!(matches!(
        ask("${secret:NOT}"),
        Err(Unresolved::NoSecret { .. })
    ));
    assert!(matches!(
        ask("${nope.url}"),
        Err(Unresolved::NoService { .. })
    ));
}

#[test]
fn known_outputs_all_resolve() {
    let stack = gold();
    for service in stack.services.values() {
        for output in known_outputs(service) {
            let reference = format!("${{{}.{output}}}", service.name);
            read(&stack, &reference, SHELL).expect(&reference);
        }
    }
    let known = known_outputs(&stack.services["db"]);
    assert!(known.contains(&"auth_db.url".to_owned()), "{known:?}");
}
