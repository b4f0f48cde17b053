//! What each command shows and does beside `up`.

use std::process::Command;
use std::time::Duration;

use super::support::{
    BUSYBOX, Background, POSTGRES, SOON, Stack, docker, get, holds_for, networks_of, serves,
    sleeps, volumes_of,
};

#[test]
fn status_shows_each_service_with_its_state_and_address() {
    let stack = Stack::new(
        "status",
        format!("{}{}", serves("web", ""), sleeps("worker", "")),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let address = stack.status().service("web").addresses[0].clone();

    stack
        .dev(["status"])
        .succeeds()
        .says("web")
        .says("ready")
        .says("worker")
        .says(&address);
    stack
        .dev(["ps", "web"])
        .succeeds()
        .says("web")
        .does_not_say("worker");

    stack.dev(["down"]).succeeds();
    let after = stack.status();
    assert!(!after.ready && !after.is("web", "ready"), "{after}");
}

#[test]
fn why_goes_down_to_the_probe_that_fails() {
    let unready = sleeps(
        "db",
        "ports = { db = { port = 5432, publish = false } }\nready = { tcp = 5432 }",
    );
    let stack = Stack::new(
        "why",
        format!("{unready}{}", sleeps("api", "needs = [\"db\"]")),
    );
    let mut up = stack.start(["up"]);
    stack.until_with(
        &mut up,
        "the database starts, and the app waits",
        |status| {
            status.is("db", "starting")
                && status.is("api", "waiting")
                && status.why("api").contains("db")
        },
    );

    stack
        .dev(["why", "api"])
        .succeeds()
        .says("api waits for db")
        .says("5432")
        .says("refused");
    stack.dev(["why", "nobody"]).exits(2).says("nobody");
}

#[test]
fn wait_returns_when_ready_and_gives_up_in_time() {
    let late = serves("late", "").replace("exec httpd", "sleep 2; exec httpd");
    let never = sleeps("never", "ready = { exec = [\"false\"] }");
    let stack = Stack::new("wait", format!("{late}{never}"));
    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "it is starting", |status| {
        status.is("never", "starting")
    });

    stack.dev(["wait", "late"]).succeeds();
    stack.serves("late", "late");
    stack
        .dev(["wait", "never", "--timeout", "500ms"])
        .exits(4)
        .says("never")
        .within(SOON);
}

#[test]
fn exec_passes_everything_on_and_returns_the_code_of_the_command() {
    let stack = Stack::new("exec", sleeps("box", "env = { GREETING = \"hello\" }"));
    stack.dev(["up", "--wait"]).succeeds();

    let said = stack.dev([
        "exec",
        "box",
        "sh",
        "-c",
        "echo $GREETING; echo oops >&2; exit 7",
    ]);
    let said = said.exits(7);
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("hello\n", "oops\n")
    );
    stack
        .dev(["exec", "box", "echo", "--json", "-f"])
        .succeeds()
        .says("--json -f");
    stack
        .dev(["exec", "nobody", "true"])
        .exits(125)
        .says("nobody");
    stack.dev(["down"]).succeeds();
    stack.dev(["exec", "box", "true"]).exits(125).says("box");
}

#[test]
fn restart_starts_a_service_anew_in_the_same_container_and_its_dependents_run_on() {
    let stack = Stack::new(
        "restart",
        format!(
            "{}{}",
            serves("web", ""),
            sleeps("after", "needs = [\"web\"]")
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let (web, after) = (stack.container("web"), stack.container("after"));

    stack.dev(["restart", "web"]).succeeds();
    let now = stack.container("web");
    assert!(now.started > web.started && now.is_running());
    assert_eq!(stack.container("after").life(), after.life());
    stack.serves("web", "web");
}

#[test]
fn restart_reaches_a_running_up() {
    let stack = Stack::new("restart2", serves("web", ""));
    let mut up = stack.up();
    let web = stack.container("web");
    stack.dev(["restart", "web"]).succeeds();
    assert!(stack.container("web").started > web.started);
    assert!(!up.has_ended());
}

#[test]
fn stop_keeps_the_containers_and_start_brings_them_back() {
    let stack = Stack::new(
        "stop",
        format!("{}{}", serves("web", ""), sleeps("other", "")),
    );
    let mut up = stack.up();
    let web = stack.container("web");

    stack.dev(["stop", "web"]).succeeds();
    let stopped = stack.container("web");
    assert!(
        stopped.id == web.id && !stopped.is_running(),
        "{}",
        stopped.status
    );
    holds_for(
        Duration::from_secs(2),
        "it stays stopped, and the other runs",
        || {
            let (web, other) = (stack.container("web"), stack.container("other"));
            if !web.is_running() && other.is_running() {
                Ok(())
            } else {
                Err("not so")
            }
        },
    );

    stack.dev(["start", "web"]).succeeds();
    stack.serves("web", "web");
    assert!(!up.has_ended());
}

#[test]
fn env_prints_settings_that_work_from_the_host() {
    let toml = format!(
        "[services.db]\npreset = \"postgres:15\"\nimage = \"{POSTGRES}\"\ndatabases = [\"shop\"]\n{}",
        serves("web", "outputs = { motto = \"it's 5 $\" }")
    );
    let stack = Stack::new("env", toml);
    stack.dev(["up", "--wait"]).succeeds();
    let status = stack.status();

    let shell = stack.dev(["env"]).succeeds().stdout;
    let read = |variable: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("{shell}\nprintf %s \"${variable}\"")]);
        String::from_utf8(sh.output().unwrap().stdout).unwrap()
    };
    assert_eq!(get(&read("WEB_URL")).unwrap().body.trim(), "web");
    assert_eq!(read("WEB_MOTTO"), "it's 5 $");
    let address = &status.service("db").addresses[0];
    let url = read("DB_SHOP_URL");
    assert!(
        url.starts_with("postgres://") && url.ends_with(&format!("@{address}/shop")),
        "{url}"
    );

    let only = stack.dev(["env", "--format", "dotenv", "db"]).succeeds();
    only.says("DB_SHOP_URL=").does_not_say("WEB_URL");
    let json = stack.dev(["env", "--json", "db"]).succeeds().json();
    assert_eq!(json["DB_SHOP_URL"], url);
}

#[test]
fn open_prints_the_address_that_answers() {
    let stack = Stack::new(
        "open",
        format!("{}{}", serves("web", ""), sleeps("worker", "")),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let address = stack.dev(["open", "--print"]).succeeds().stdout;
    let answer = get(address.trim()).unwrap();
    assert_eq!(answer.body.trim(), "web");
    stack
        .dev(["open", "--print", "worker"])
        .exits(2)
        .says("worker");
}

#[test]
fn plan_says_what_up_would_do_and_does_nothing() {
    let stack = Stack::new("plan", serves("web", "volumes = [\"data:/data\"]"));
    stack
        .dev(["plan"])
        .succeeds()
        .says("create")
        .says("web")
        .says("it is not there");
    assert!(stack.containers().is_empty() && volumes_of(stack.name()).is_empty());

    stack.dev(["up", "--wait"]).succeeds();
    let before = stack.container("web").life();
    stack.edit(serves("web", "env = { LEVEL = \"2\" }"));
    stack
        .dev(["plan"])
        .succeeds()
        .says("web")
        .says("its configuration changed");
    assert_eq!(stack.container("web").life(), before);
}

#[test]
fn config_prints_the_stack_as_it_is_understood() {
    let stack = Stack::without_engine("config", serves("web", "env = { LEVEL = \"1\" }"));
    stack.write("dev.more.toml", "[services.web.env]\nLEVEL = \"2\"\n");
    let toml = stack
        .dev(["config", "--env", "more"])
        .succeeds()
        .says("LEVEL")
        .stdout;
    assert!(toml.contains('2'), "{toml}");
    // In the place of the layers it says the same.
    stack.write("dev.toml", &toml);
    let again = stack.dev(["config"]).succeeds().stdout;
    assert_eq!(
        again.lines().skip(1).collect::<Vec<_>>(),
        toml.lines().skip(1).collect::<Vec<_>>()
    );
    let json = stack.dev(["config", "--format", "json"]).succeeds().json();
    assert_eq!(json["services"]["web"]["env"]["LEVEL"], "2", "{json}");
    stack
        .dev(["config", "--format", "compose"])
        .exits(2)
        .says_on_stderr("there is no Compose file");
}

#[test]
fn config_keeps_references_and_resolves_them_when_asked_with_secrets_hidden() {
    let stack = Stack::without_engine(
        "configured",
        format!(
            "[secrets]\nTOKEN = {{ env = \"THE_TOKEN\" }}\n{}{}",
            serves(
                "web",
                "env_file = \"web.env\"\nenv = { URL = \"${self.url}\", KEY = \"a ${secret:TOKEN}\" }"
            ),
            serves("inner", "").replace("8080 }", "{ port = 8080, publish = false } }")
        ),
    );
    let mut stack = stack;
    stack.set("THE_TOKEN", "keep-this-to-yourself");
    stack.write("web.env", "PLAIN=seen\nHELD=x-keep-this-to-yourself-y\n");
    stack
        .dev(["config"])
        .succeeds()
        .says("${secret:TOKEN}")
        .says("${self.url}")
        .says("web.env");
    let json = stack
        .dev(["config", "--resolved", "--json"])
        .succeeds()
        .does_not_say("keep-this")
        .json();
    let env = &json["services"]["web"]["env"];
    assert_eq!(env["PLAIN"], "seen");
    assert_eq!(env["HELD"], "x-***-y");
    assert_eq!(env["KEY"], "***");
    assert_eq!(env["URL"], "http://web:8080");
    // What a replacement does where nothing is said.
    assert_eq!(json["services"]["web"]["update"], "stop-first");
    assert_eq!(json["services"]["inner"]["update"], "start-first");
}

#[test]
fn layers_of_a_running_stack_are_remembered_and_named() {
    let stack = Stack::new("layers", serves("web", ""));
    stack.write("dev.more.toml", sleeps("more", ""));
    stack.dev(["up", "--wait", "--env", "more"]).succeeds();

    let status = stack.status();
    assert!(status.is("more", "ready"));
    assert!(
        status
            .layers
            .iter()
            .any(|layer| layer.ends_with("dev.more.toml"))
    );
    stack.dev(["up", "--wait"]).succeeds().says("more");
    assert!(stack.container("more").is_running());
}

#[test]
fn down_removes_containers_and_networks_and_keeps_data() {
    let stack = Stack::new("down", sleeps("db", "volumes = [\"data:/data\"]"));
    stack.dev(["up", "--wait"]).succeeds();
    let container = stack.container("db").id;
    docker(["exec", &container, "sh", "-c", "echo precious >/data/file"]);

    stack.dev(["down"]).succeeds();
    assert!(stack.containers().is_empty() && networks_of(stack.name()).is_empty());
    assert_eq!(volumes_of(stack.name()).len(), 1);

    stack.dev(["up", "--wait"]).succeeds();
    stack
        .dev(["exec", "db", "cat", "/data/file"])
        .succeeds()
        .says("precious");

    // On a terminal a slip is easy.
    let mut shell = Command::new("sh");
    let ask = format!(
        "echo n | script --quiet --return --command \"'{}' down --volumes\" /dev/null",
        env!("CARGO_BIN_EXE_dev")
    );
    shell.args(["-c", &ask]).current_dir(stack.path(""));
    stack.equip(&mut shell);
    Background::start(shell).ends().exits(2).says("_data");
    assert_eq!(volumes_of(stack.name()).len(), 1);

    // In a script the option is the word.
    stack.dev(["down", "--volumes"]).succeeds();
    assert!(volumes_of(stack.name()).is_empty() && stack.containers().is_empty());
    stack.dev(["down"]).succeeds();
}

#[test]
fn down_while_up_runs_ends_it() {
    let stack = Stack::new("downup", serves("web", ""));
    let mut up = stack.up();
    stack.dev(["down"]).succeeds();
    up.ends();
    assert!(stack.containers().is_empty());
}

#[test]
fn a_restart_beside_a_running_dev_is_judged_by_what_comes_of_it() {
    let more = r#"
restart = "no"
volumes = ["./st:/st"]
ready = { exec = ["test", "-e", "/st/ok"] }
"#;
    let web = sleeps("web", more).replace(
        r#"["sleep", "1000000"]"#,
        r#""sleep 1; test -e /st/ok || exit 4; exec sleep 1000000""#,
    );
    let stack = Stack::new("renewed", web);
    stack.write("st/other", "");
    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "it has failed", |status| {
        status.is("web", "failed")
    });

    stack
        .dev(["restart", "web"])
        .exits(1)
        .says("ended with exit code 4");
    stack.write("st/ok", "");
    stack.dev(["restart", "web"]).succeeds();
    assert!(stack.status().is("web", "ready"));
}

#[test]
fn what_cannot_be_written_is_told() {
    let stack = Stack::new("full", sleeps("box", ""));
    stack.dev(["up", "--wait"]).succeeds();
    for arguments in [
        &["status"][..],
        &["plan"],
        &["config"],
        &["wait"],
        &["--help"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let ended = stack.command(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("cannot write the output: No space left on device"),
            "{arguments:?}: {said}"
        );
    }
    let (unread, pipe) = std::io::pipe().unwrap();
    drop(unread);
    let ended = stack.command(&["status"]).stdout(pipe).output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn down_takes_no_services_and_says_what_does() {
    let stack = Stack::without_engine("downone", sleeps("box", ""));
    stack
        .dev(["down", "box"])
        .exits(2)
        .says_on_stderr("dev stop box");
}

#[test]
fn status_after_a_failed_up_says_what_is_waited_for_and_since_when() {
    let crash = format!(
        "[services.db]\nimage = \"{BUSYBOX}\"\ncommand = \"exit 3\"\nrestart = \"no\"\nready = {{ exec = [\"false\"] }}\n"
    );
    let api = sleeps("api", "needs = [\"db\"]");
    let web = sleeps("web", "needs = [\"api\"]");
    let stack = Stack::new("waits", format!("{crash}{api}{web}"));
    stack.dev(["up", "--wait"]).exits(1);

    let status = stack.dev(["status", "--json"]).succeeds().json();
    let of = |name: &str| {
        let services = status["services"].as_array().unwrap();
        services
            .iter()
            .find(|service| service["name"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(of("api")["why"], "for db (failed)", "{status}");
    assert_eq!(of("web")["why"], "for api", "{status}");
    let since = of("db")["since"].as_u64().unwrap();
    for name in ["api", "web"] {
        assert_eq!(of(name)["since"].as_u64().unwrap(), since, "{status}");
    }
    stack.dev(["down"]).succeeds();
}
