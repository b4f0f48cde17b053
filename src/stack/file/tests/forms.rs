//! What people may write, and what it means.

use std::time::Duration;

use super::{errors, read, service, stack};
use crate::stack::{
    AfterSync, Condition, HostPort, Mount, ProbeKind, Protocol, Restart, SecretSource, Source,
    WatchAction,
};

fn texts(templates: &[crate::stack::Template]) -> Vec<String> {
    templates.iter().map(ToString::to_string).collect()
}

#[test]
fn a_name_without_a_name_is_the_folder_and_a_hash_of_its_path() {
    let stack = stack("[services.a]\nimage = \"x\"\n");
    assert!(!stack.named);
    assert!(
        stack.name.starts_with("stack-") && stack.name.len() == "stack-".len() + 6,
        "{}",
        stack.name
    );
}

#[test]
fn layers_merge_replace_and_remove() {
    let base = "[services.a]\nimage = \"x\"\ncommand = [\"a\", \"b\"]\nenv = { A = \"1\", B = \"1\" }\nready = { tcp = 1 }\n[services.b]\nimage = \"x\"\n";
    let over = "[services]\nb = false\n[services.a]\ncommand = [\"c\"]\nready = false\nenv = { B = false, C = 2 }\n[services.c]\nimage = \"y\"\n";
    let stack = read(&[("dev.toml", base), ("dev.ci.toml", over)])
        .unwrap()
        .stack;
    assert_eq!(stack.services.keys().collect::<Vec<_>>(), ["a", "c"]);
    let a = &stack.services["a"];
    assert_eq!(texts(a.command.as_ref().unwrap()), ["c"]);
    assert_eq!(a.env.keys().collect::<Vec<_>>(), ["A", "C"]);
    assert!(a.ready.is_none());
}

#[test]
fn an_overlay_changes_a_source_by_taking_the_old_one_away() {
    let over = "[services.a]\nbuild = false\nimage = \"local/a\"\n";
    let stack = read(&[
        ("dev.toml", "[services.a]\nbuild = \".\"\n"),
        ("dev.offline.toml", over),
    ])
    .unwrap()
    .stack;
    assert_eq!(
        stack.services["a"].source,
        Source::Image("local/a".to_owned())
    );
}

#[test]
fn a_command_is_words_or_one_text_for_a_shell() {
    let a = service(
        "[services.a]\nimage = \"x\"\ncommand = [\"echo\", \"$HOME\", 1]\nentrypoint = \"echo $HOME | cat\"\n",
    );
    assert_eq!(texts(a.command.as_ref().unwrap()), ["echo", "$$HOME", "1"]);
    assert_eq!(
        texts(a.entrypoint.as_ref().unwrap()),
        ["sh", "-c", "echo $$HOME | cat"]
    );
}

#[test]
fn ports_in_every_form() {
    let a = service(
        "[services.a]\nimage = \"x\"\nports = { web = 8000, b = \"18000:8001\", c = \"[::1]:18000:8002/udp\", \
         grpc = { port = 9000, host = 19000, bind = \"0.0.0.0\" }, e = { port = 1, publish = false, protocol = \"udp\" }, \
         f = { port = 2, scheme = \"ftp\" }, g = \"8003\" }\n",
    );
    let shown: Vec<String> = a
        .ports
        .iter()
        .map(|(name, port)| {
            let host = match port.host {
                HostPort::Auto => "auto".to_owned(),
                HostPort::Fixed(number) => number.to_string(),
                HostPort::Within(first, last) => format!("{first}-{last}"),
            };
            let protocol = if port.protocol == Protocol::Udp {
                "/udp"
            } else {
                ""
            };
            let hidden = if port.publish { "" } else { " hidden" };
            format!(
                "{name} {} {host}:{}{protocol} {}{hidden}",
                port.bind, port.container, port.scheme
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "b 127.0.0.1 18000:8001 http",
            "c ::1 18000:8002/udp udp",
            "e 127.0.0.1 auto:1/udp udp hidden",
            "f 127.0.0.1 auto:2 ftp",
            "g 127.0.0.1 auto:8003 http",
            "grpc 0.0.0.0 19000:9000 grpc",
            "web 127.0.0.1 auto:8000 http",
        ]
    );
    assert_eq!(
        a.main_port.as_deref(),
        Some("web"),
        "the first in the file's order"
    );
}

#[test]
fn probes_in_every_form() {
    let probe = |text: &str| {
        let text = format!(
            "[services.a]\nimage = \"x\"\nports = {{ http = 80, admin = 81 }}\nready = {text}\n"
        );
        service(&text).ready.unwrap()
    };
    let http = |port| ProbeKind::Http {
        port,
        path: "/h".to_owned(),
    };
    assert_eq!(probe("{ http = \"/h\" }").kind, http(80));
    assert_eq!(probe("{ http = \"/h\", port = \"admin\" }").kind, http(81));
    assert_eq!(probe("{ http = \"/h\", port = 9 }").kind, http(9));
    assert_eq!(probe("{ tcp = true }").kind, ProbeKind::Tcp { port: 80 });
    assert_eq!(probe("{ tcp = 5 }").kind, ProbeKind::Tcp { port: 5 });
    assert_eq!(
        probe("{ tcp = \"admin\" }").kind,
        ProbeKind::Tcp { port: 81 }
    );
    assert_eq!(
        probe("{ log = 'ready \\d' }").kind,
        ProbeKind::Log {
            pattern: "ready \\d".to_owned()
        }
    );
    let shell = ["sh", "-c", "test -f x"].map(str::to_owned).to_vec();
    assert_eq!(
        probe("{ exec = \"test -f x\" }").kind,
        ProbeKind::Exec { command: shell }
    );
    let paced = probe(
        "{ tcp = true, every = \"500ms\", within = \"1h30m\", timeout = \"2s\", retries = 9 }",
    );
    assert_eq!(
        (paced.every, paced.within),
        (Duration::from_millis(500), Duration::from_secs(5400))
    );
    assert_eq!((paced.timeout, paced.retries), (Duration::from_secs(2), 9));
}

#[test]
fn needs_in_every_form_and_implied() {
    let rest = "[services.b]\nimage = \"x\"\nports = { http = 80 }\n[services.c]\nimage = \"x\"\nports = { http = 80 }\n[services.d]\nimage = \"x\"\n";
    let needs = |text: &str| -> Vec<String> {
        let a = service(&format!(
            "[services.a]\nimage = \"x\"\nports = {{ http = 80 }}\n{text}\n{rest}"
        ));
        let shown = a.needs.iter().map(|(name, need)| {
            let started = if need.condition == Condition::Started {
                " started"
            } else {
                ""
            };
            format!(
                "{name}{started}{}",
                if need.restart { " restart" } else { "" }
            )
        });
        shown.collect()
    };
    assert_eq!(
        needs("needs = [\"b\", { c = \"started\" }]"),
        ["b", "c started"]
    );
    assert_eq!(
        needs("needs = { b = { restart = true, condition = \"started\" }, c = true, d = false }"),
        ["b started restart", "c"]
    );
    assert_eq!(
        needs("needs = { b = \"started\" }\nenv = { B = \"${b.url}\" }"),
        ["b started"],
        "what is said wins"
    );
    assert_eq!(needs("command = [\"x\", \"${b.http.port}\"]"), ["b"]);
    assert!(
        needs("env = { B = \"${b.http.public}\", A = \"${self.url}\" }").is_empty(),
        "`public` and `self` wait for nobody"
    );
    assert_eq!(
        needs("env = { B = \"${env:X:-${c.url}}\" }"),
        ["c"],
        "a default counts"
    );
    assert!(
        needs("promote = { env = { B = \"${b.url}\" } }").is_empty(),
        "what a cluster needs does not wait at home"
    );
}

#[test]
fn an_output_makes_the_one_wait_who_asks_for_it() {
    let stack = stack(
        "[services.proxy]\nimage = \"x\"\noutputs = { upstream = \"${b.url}/x\" }\n[services.b]\nimage = \"x\"\nports = { http = 80 }\n\
         [services.a]\nimage = \"x\"\nenv = { U = \"${proxy.upstream}\" }\n",
    );
    assert_eq!(
        stack.services["a"].needs.keys().collect::<Vec<_>>(),
        ["b", "proxy"]
    );
    assert!(stack.services["proxy"].needs.is_empty());
}

#[test]
fn a_replica_is_a_service_of_that_name() {
    let stack = stack(
        "[services.db]\npreset = \"postgres:16\"\n[services.db-replica]\npreset = \"postgres:16\"\n\
         [services.a]\nimage = \"x\"\nenv = { R = \"${db.replica.url}\" }\n",
    );
    assert_eq!(
        stack.services["a"].env["R"].to_string(),
        "${db-replica.url}"
    );
    assert_eq!(
        stack.services["a"].needs.keys().collect::<Vec<_>>(),
        ["db-replica"]
    );
}

#[test]
fn what_stands_beside_a_preset_is_laid_over_it() {
    let a = service(
        "[services.a]\npreset = \"postgres:14\"\nimage = \"mine:1\"\nenv = { POSTGRES_INITDB_ARGS = \"-k\" }\n\
         ports = { postgres = { host = 15432 } }\nvolumes = [\"./init:/docker-entrypoint-initdb.d:ro\"]\nready = { tcp = true, within = \"9s\" }\n",
    );
    assert_eq!(a.source, Source::Image("mine:1".to_owned()));
    assert!(a.env.contains_key("POSTGRES_PASSWORD") && a.env.contains_key("POSTGRES_INITDB_ARGS"));
    assert_eq!(
        (a.ports["postgres"].container, a.ports["postgres"].host),
        (5432, HostPort::Fixed(15432))
    );
    assert_eq!(a.mounts.len(), 2);
    assert_eq!(a.ready.unwrap().kind, ProbeKind::Tcp { port: 5432 });
    let built = service("[services.a]\npreset = \"postgres:14\"\nbuild = \"pg\"\nvolume = false\n");
    assert!(matches!(built.source, Source::Build(_)));
    assert!(built.mounts.is_empty() && built.ready.is_some());
}

#[test]
fn watch_rules_in_every_form() {
    let a = service(
        "[services.a]\nbuild = \".\"\nwatch = [{ paths = \"a\", sync = \"/a\" }, { paths = [\"b\"], sync = \"/b\", then = { signal = \"sighup\" } }, \
         { paths = [\"c\"], sync = \"/c\", then = { exec = [\"x\"] }, ignore = \"*.o\" }, { paths = [\"d\"], then = \"restart\" }, \
         { paths = [\"e\"], sync = \"/e\", then = \"restart\" }, { paths = [\"f\"], then = \"rebuild\" }]\n",
    );
    let actions: Vec<WatchAction> = a.watch.iter().map(|rule| rule.action.clone()).collect();
    let sync = |target: &str, then| WatchAction::Sync {
        target: target.to_owned(),
        then,
    };
    assert_eq!(
        actions,
        [
            sync("/a", AfterSync::Nothing),
            sync("/b", AfterSync::Signal("HUP".to_owned())),
            sync("/c", AfterSync::Exec(vec!["x".to_owned()])),
            WatchAction::Restart,
            sync("/e", AfterSync::Restart),
            WatchAction::Rebuild,
        ]
    );
    assert_eq!(a.watch[2].ignore, ["*.o"]);
}

#[test]
fn mounts_in_every_form() {
    let text = "[services.a]\nimage = \"x\"\nvolumes = [\"data:/d\", \"./conf/../c:/c:ro\", { volume = \"two\", target = \"/t\", read_only = true }, \
                { bind = \"/etc\", target = \"/e\" }, { tmpfs = true, target = \"/tmp\" }]\n[volumes]\ntwo = { external = \"other\" }\n";
    let stack = stack(text);
    let mounts = &stack.services["a"].mounts;
    assert_eq!(
        mounts[1],
        Mount::Bind {
            source: "/stack/c".into(),
            target: "/c".to_owned(),
            read_only: true
        }
    );
    assert_eq!(
        mounts[2],
        Mount::Volume {
            key: "two".to_owned(),
            target: "/t".to_owned(),
            read_only: true
        }
    );
    assert_eq!(
        mounts[4],
        Mount::Tmpfs {
            target: "/tmp".to_owned()
        }
    );
    assert_eq!(stack.volume_name("two"), "other");
    assert!(
        stack.volumes.contains_key("data"),
        "a volume needs no entry of its own"
    );
}

#[test]
fn networks_are_those_that_are_used() {
    let stack = stack(
        "[networks.back]\ninternal = true\n[services.a]\nimage = \"x\"\nnetworks = [\"back\", \"default\"]\n[services.b]\nimage = \"x\"\nnetwork = \"host\"\npid = \"host\"\n",
    );
    assert_eq!(
        stack.networks.keys().collect::<Vec<_>>(),
        ["back", "default"]
    );
    assert!(stack.networks["back"].internal);
    let b = &stack.services["b"];
    assert!(b.host_network && b.host_pid && b.networks.is_empty());
}

#[test]
fn processes_end_and_come_back_as_said() {
    let a = |text: &str| service(&format!("[services.a]\nimage = \"x\"\n{text}\n"));
    assert_eq!(a("").restart, Restart::Auto);
    assert_eq!(a("job = true").restart, Restart::No);
    assert_eq!(
        a("restart = \"on-failure:3\"").restart,
        Restart::OnFailure { max: Some(3) }
    );
    assert_eq!(a("restart = false").restart, Restart::No);
    let limits = a("limits = { memory = \"512MB\", cpu = 2, pids = 100, log = \"1GiB\" }").limits;
    assert_eq!(
        (limits.memory, limits.cpu_millis),
        (Some(512_000_000), Some(2000))
    );
    assert_eq!((limits.pids, limits.log), (Some(100), Some(1 << 30)));
    let stop = a("stop = { grace = \"0s\", signal = \"RTMIN+3\" }").stop;
    assert_eq!(
        (stop.grace, stop.signal.as_deref()),
        (Duration::ZERO, Some("RTMIN+3"))
    );
}

#[test]
fn secrets_say_where_they_come_from() {
    let stack = stack(
        "[secrets]\nA = { generate = 32 }\nB = { env = \"X\" }\nC = { file = \"c.pem\" }\nD = { sops = \"s.yaml\" }\n[services.a]\nimage = \"x\"\n",
    );
    assert_eq!(stack.secrets["A"], SecretSource::Generate(32));
    assert_eq!(stack.secrets["B"], SecretSource::Env("X".to_owned()));
    assert_eq!(
        stack.secrets["C"],
        SecretSource::File("/stack/c.pem".into())
    );
    assert_eq!(
        stack.secrets["D"],
        SecretSource::Sops {
            file: "/stack/s.yaml".into(),
            key: "D".to_owned()
        }
    );
}

#[test]
fn services_of_different_profiles_may_share_a_port() {
    let text = |second: &str| {
        format!(
            "[services.a]\nimage = \"x\"\nprofiles = [\"p\"]\nports = {{ h = \"80:1\" }}\n[services.b]\nimage = \"x\"\n{second}\nports = {{ h = \"80:1\" }}\n"
        )
    };
    stack(&text("profiles = [\"q\"]"));
    assert_eq!(
        errors(&text("profiles = [\"q\", \"p\"]")).diagnostics.len(),
        1
    );
    assert_eq!(errors(&text("")).diagnostics.len(), 1);
}
