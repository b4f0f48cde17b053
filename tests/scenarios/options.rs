//! The options that scripts give to `docker compose up` and its relatives.

use std::time::Duration;

use super::support::{BUSYBOX, SOON, Stack, docker, eventually, sleeps};

/// `api`, which needs `db`.
fn pair(topic: &str) -> Stack {
    let api = sleeps("api", "needs = [\"db\"]");
    Stack::new(topic, format!("{}{api}", sleeps("db", "")))
}

fn count(stack: &Stack, service: &str) -> usize {
    let containers = stack.containers().into_iter();
    containers
        .filter(|container| container.service == service && container.is_running())
        .count()
}

#[test]
fn containers_are_made_anew_once_where_that_is_asked() {
    let stack = pair("renew");
    stack.dev(["up", "--wait"]).succeeds();
    let (api, db) = (stack.container("api").id, stack.container("db").id);
    stack
        .dev(["plan", "--force-recreate", "api"])
        .succeeds()
        .says("asked for by --force-recreate");
    stack
        .dev(["up", "--wait", "--force-recreate", "api"])
        .succeeds();
    let second = stack.container("api").id;
    assert_ne!(second, api);
    assert_eq!(stack.container("db").id, db);
    stack.dev(["plan"]).succeeds().says("nothing to do");
    // In the background, and beside what runs there.
    stack.dev(["up", "-d", "--force-recreate", "db"]).succeeds();
    let third = stack.container("db").id;
    assert_ne!(third, db);
    assert_eq!(stack.container("api").id, second);
    stack.dev(["up", "-d", "--force-recreate"]).succeeds();
    assert_ne!(stack.container("api").id, second);
    assert_ne!(stack.container("db").id, third);
    let last = stack.container("api").id;
    stack.dev(["up", "-d"]).succeeds();
    assert_eq!(stack.container("api").id, last);
}

#[test]
fn what_is_there_stays_where_that_is_asked() {
    let stack = pair("stays");
    stack.dev(["up", "--wait"]).succeeds();
    let api = stack.container("api").id;
    stack.edit(format!(
        "{}{}",
        sleeps("db", ""),
        sleeps("api", "needs = [\"db\"]\nenv = { A = \"1\" }")
    ));
    stack.dev(["up", "--wait", "--no-recreate"]).succeeds();
    assert_eq!(stack.container("api").id, api);
    stack.dev(["up", "--wait"]).succeeds();
    assert_ne!(stack.container("api").id, api);
}

/// `api` is built on an image that only this scenario has.
struct Built {
    stack: Stack,
    base: String,
}

impl Built {
    fn new(topic: &str) -> Self {
        let api = "[services.api]\nbuild = \".\"\nstop = { signal = \"KILL\" }\n";
        let stack = Stack::new(topic, api);
        let base = format!("op-base-{}", stack.name());
        let built = Self { stack, base };
        built.renew("1");
        let text = format!("FROM {}\nCMD [\"sleep\", \"1000000\"]\n", built.base);
        built.stack.write("Dockerfile", text);
        built.stack.write(".dockerignore", "*\n");
        built
    }

    /// Another image with the same name, which says `what`.
    fn renew(&self, what: &str) {
        let id = docker(["create", BUSYBOX, "true"]);
        let change = format!("ENV WHAT={what}");
        docker(["commit", "--change", &change, &id, &self.base]);
        docker(["rm", &id]);
    }

    fn says(&self, what: &str) {
        let script = ["exec", "api", "sh", "-c", "echo $WHAT"];
        let said = self.stack.dev(script).succeeds();
        assert_eq!(said.stdout.trim(), what, "{}", said.story());
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        let gone = std::panic::catch_unwind(|| docker(["rmi", "--force", &self.base]));
        drop(gone);
    }
}

#[test]
fn images_are_built_although_nothing_says_so_where_that_is_asked() {
    let built = Built::new("build");
    let stack = &built.stack;
    stack.dev(["up", "--wait"]).succeeds();
    built.renew("2");
    stack.dev(["up", "--wait"]).succeeds();
    built.says("1");
    stack
        .dev(["plan", "--build"])
        .succeeds()
        .says("asked for by --build");
    stack.dev(["up", "--wait", "--build"]).succeeds();
    built.says("2");
    stack.dev(["plan"]).succeeds().says("nothing to do");
    stack.dev(["up", "-d"]).succeeds();
    built.renew("3");
    stack.dev(["up", "-d", "--build"]).succeeds();
    built.says("3");
}

#[test]
fn nothing_is_built_where_that_is_asked() {
    let built = Built::new("nobuild");
    let stack = &built.stack;
    stack
        .dev(["up", "--wait", "--no-build"])
        .exits(1)
        .says("there is no image")
        .says("--no-build");
    assert!(!stack.has_container("api"));
    stack
        .dev(["up", "-d", "--no-build"])
        .exits(1)
        .says("there is no image");
    stack.dev(["up", "-d"]).succeeds();
    stack.dev(["stop"]).succeeds();
    let before = stack.container("api").id;
    let text = format!(
        "FROM {}\nENV MORE=1\nCMD [\"sleep\", \"1000000\"]\n",
        built.base
    );
    stack.write("Dockerfile", text);
    stack.dev(["up", "--wait", "--no-build"]).succeeds();
    assert_eq!(stack.container("api").id, before);
    stack.dev(["up", "--wait"]).succeeds();
    assert_ne!(stack.container("api").id, before);
}

#[test]
fn an_image_that_may_not_be_pulled_is_an_error() {
    let stack = Stack::new(
        "nopull",
        "[services.api]\nimage = \"op-nobody/has-this:1\"\n",
    );
    stack
        .dev(["up", "--wait", "--pull", "never"])
        .exits(1)
        .says("there is no image op-nobody/has-this:1")
        .says("--pull never");
}

#[test]
fn only_what_is_named_starts_without_what_it_needs() {
    let stack = pair("nodeps");
    stack.dev(["up", "--wait", "--no-deps", "api"]).succeeds();
    assert!(!stack.has_container("db"));
    stack.dev(["up", "-d", "--no-deps", "api"]).succeeds();
    assert!(!stack.has_container("db"));
    stack.dev(["up", "-d"]).succeeds();
    assert!(stack.has_container("db"));
}

#[test]
fn there_are_as_many_replicas_as_asked() {
    let stack = pair("scale");
    stack.dev(["up", "--wait", "--scale", "api=3"]).succeeds();
    assert_eq!(count(&stack, "api"), 3);
    stack.dev(["exec", "api-3", "true"]).succeeds();
    stack.dev(["restart", "api"]).succeeds();
    stack.dev(["stop"]).succeeds();
    stack.dev(["start"]).succeeds();
    assert_eq!(count(&stack, "api"), 3);
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(count(&stack, "api"), 1);
    stack.dev(["up", "-d", "--scale=api=2"]).succeeds();
    assert_eq!(count(&stack, "api"), 2);
    stack.dev(["up", "-d", "--scale", "db=2", "db"]).succeeds();
    assert_eq!((count(&stack, "api"), count(&stack, "db")), (2, 2));
    stack.dev(["up", "-d"]).succeeds();
    eventually(SOON, "one of each", || {
        match (count(&stack, "api"), count(&stack, "db")) {
            (1, 1) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    stack
        .dev(["up", "-d", "--scale", "nobody=2"])
        .exits(2)
        .says("no service `nobody`");
    stack
        .dev(["up", "-d", "--scale", "api"])
        .exits(2)
        .says("api=3");
}

#[test]
fn everything_is_made_and_nothing_started() {
    let stack = pair("nostart");
    stack
        .dev(["up", "--no-start"])
        .succeeds()
        .says("nothing was started");
    let made = stack.containers();
    assert_eq!(made.len(), 2);
    assert!(
        made.iter().all(|container| container.status == "created"),
        "{made:?}"
    );
    stack.dev(["start"]).succeeds();
    for before in &made {
        assert_eq!(stack.container(&before.service).id, before.id);
    }
    stack.dev(["up", "-d"]).succeeds();
    stack
        .dev(["up", "--no-start"])
        .exits(2)
        .says("`dev stop` first");
}

/// A test suite that ends with the code in the file `code`, beside what it tests.
fn tested(topic: &str) -> Stack {
    let suite = format!(
        "[services.suite]\nimage = \"{BUSYBOX}\"\njob = true\nneeds = [\"prepare\"]\ncommand = \"echo tested; exit $(cat /code)\"\nvolumes = [\"./code:/code\"]\n"
    );
    let prepare = format!(
        "[services.prepare]\nimage = \"{BUSYBOX}\"\njob = true\nneeds = [\"db\"]\ncommand = \"true\"\n"
    );
    let stack = Stack::new(topic, format!("{}{prepare}{suite}", sleeps("db", "")));
    stack.write("code", "7");
    stack
}

#[test]
fn the_exit_code_of_a_service_is_that_of_the_command() {
    let stack = tested("codefrom");
    let from = ["up", "--exit-code-from", "suite"];
    stack
        .dev(from)
        .exits(7)
        .says("tested")
        .says("suite ended with 7");
    assert_eq!(count(&stack, "db"), 0);
    stack.write("code", "0");
    stack.dev(from).exits(0).says("tested");
    // It is done, and runs again all the same.
    stack.dev(from).exits(0).says("tested");
    assert_eq!(count(&stack, "db"), 0);
    stack
        .dev(["up", "--exit-code-from", "suite", "-d"])
        .exits(2);
    stack
        .dev(["up", "--exit-code-from", "suite", "db"])
        .exits(2)
        .says("name it");
    stack.dev(["up", "-d", "db"]).succeeds();
    stack.dev(from).exits(2).says("`dev stop` first");
}

#[test]
fn an_end_is_the_end_of_all_where_that_is_asked() {
    let stack = tested("abort");
    stack.dev(["up", "--abort-on-container-exit"]).exits(7);
    assert_eq!(count(&stack, "db"), 0);
    stack.write("code", "0");
    stack.dev(["up", "--abort-on-container-exit"]).exits(0);
    assert_eq!(count(&stack, "db"), 0);
    let mut up = stack.start(["up", "--abort-on-container-failure"]);
    stack.until_with(&mut up, "everything is ready", |status| status.ready);
    docker(["kill", &stack.container("db").id]);
    up.ends().exits(137);
}

#[test]
fn ready_in_time_or_an_exit_code_that_says_so() {
    let never = "ready = { exec = [\"false\"] }";
    let web = sleeps("web", "needs = [\"api\"]");
    let stack = Stack::new("late", format!("{}{web}", sleeps("api", never)));
    let late = |outcome: super::support::Outcome| {
        let outcome = outcome
            .exits(4)
            .within(Duration::from_secs(60))
            .says("api is starting for ")
            .says("web waits for api (");
        let wide = |line: &str| line.chars().count() > 80;
        assert!(!outcome.stdout.lines().any(wide), "{}", outcome.story());
    };
    // Where nobody brings it up.
    let outcome = stack.dev(["wait", "--timeout", "2"]);
    outcome
        .exits(4)
        .says("api is not up: `dev up` brings it up");
    late(stack.dev(["up", "--wait", "--wait-timeout", "2"]));
    late(stack.dev(["up", "-d", "--wait-timeout", "2"]));
    late(stack.dev(["up", "-d", "--wait", "--wait-timeout", "2"]));
    late(stack.dev(["wait", "--timeout", "2"]));
    // What it needs says why.
    late(stack.dev(["wait", "web", "--timeout", "2"]));
}

#[test]
fn stops_take_as_long_as_asked() {
    // It hears no signal but the last.
    let deaf = format!(
        "[services.deaf]\nimage = \"{BUSYBOX}\"\ncommand = [\"sh\", \"-c\", \"trap '' TERM; sleep 1000000 & wait; sleep 1000000\"]\nstop = {{ grace = \"5m\" }}\n"
    );
    let stack = Stack::new("grace", deaf);
    let soon = Duration::from_secs(60);
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["restart", "-t", "0"]).succeeds().within(soon);
    stack.dev(["stop", "-t", "0"]).succeeds().within(soon);
    stack.dev(["start"]).succeeds();
    stack
        .dev(["up", "--wait", "--force-recreate", "-t", "0"])
        .succeeds()
        .within(soon);
    stack.dev(["down", "-t", "0"]).succeeds().within(soon);
    let mut up = stack.start(["up", "-t", "0"]);
    stack.until_with(&mut up, "everything is ready", |status| status.ready);
    up.signal(rustix::process::Signal::INT);
    up.ends().exits(130).within(Duration::from_secs(100));
    stack.dev(["down", "-t", "0"]).succeeds();
}

#[test]
fn a_service_that_is_gone_from_the_file_goes() {
    let stack = pair("orphans");
    stack.dev(["up", "--wait"]).succeeds();
    stack.edit(sleeps("db", ""));
    stack.dev(["up", "--wait", "--remove-orphans"]).succeeds();
    assert!(!stack.has_container("api"));
    stack.edit(sleeps("other", ""));
    stack.dev(["down", "--remove-orphans"]).succeeds();
    assert!(stack.containers().is_empty());
}

#[test]
fn images_go_with_a_stack_where_that_is_asked() {
    let built = Built::new("rmi");
    let (stack, base) = (&built.stack, &built.base);
    stack.edit(format!(
        "[services.api]\nbuild = \".\"\nstop = {{ signal = \"KILL\" }}\n[services.plain]\nimage = \"{base}\"\ncommand = [\"sleep\", \"1000\"]\nstop = {{ signal = \"KILL\" }}\n"
    ));
    let there = |name: &str| !docker(["images", "--quiet", name]).trim().is_empty();
    let own = format!("{}-api", stack.name());
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["down"]).succeeds();
    assert!(there(&own) && there(base));
    stack.dev(["up", "-d"]).succeeds();
    // Also through an engine that runs.
    stack.dev(["down", "--rmi", "local"]).succeeds();
    assert!(!there(&own) && there(base));
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["down", "--rmi", "all"]).succeeds();
    assert!(!there(&own) && !there(base));
}

#[test]
fn volumes_without_a_name_go_where_that_is_asked() {
    let built = Built::new("anonymous");
    let stack = &built.stack;
    let text = format!(
        "FROM {}\nVOLUME /data\nCMD [\"sleep\", \"1000000\"]\n",
        built.base
    );
    stack.write("Dockerfile", text);
    let volume = || {
        let id = stack.container("api").id;
        docker(["inspect", "--format", "{{(index .Mounts 0).Name}}", &id])
            .trim()
            .to_owned()
    };
    stack.dev(["up", "--wait"]).succeeds();
    let first = volume();
    stack
        .dev(["up", "--wait", "--force-recreate", "-V"])
        .succeeds();
    assert_ne!(volume(), first);
    let listed = docker(["volume", "ls", "--quiet"]);
    assert!(!listed.contains(&first), "{first} is left");
}

#[test]
fn names_and_ids_for_scripts() {
    let stack = pair("names");
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["stop", "api"]).succeeds();
    let lines = |outcome: super::support::Outcome| -> Vec<String> {
        let outcome = outcome.succeeds();
        outcome.stdout.lines().map(ToOwned::to_owned).collect()
    };
    let (api, db) = (stack.container("api").id, stack.container("db").id);
    assert_eq!(lines(stack.dev(["ps", "-q"])), [db]);
    assert_eq!(lines(stack.dev(["ps", "-a", "-q", "api"])), [api]);
    assert_eq!(lines(stack.dev(["ps", "--services"])), ["db"]);
    assert_eq!(lines(stack.dev(["ps", "--services", "-a"])), ["db", "api"]);
    let report = stack.dev(["ps", "--format", "json"]).succeeds().json();
    assert_eq!(report["services"][0]["name"], "db");
}

#[test]
fn a_command_gets_variables_a_user_and_a_folder() {
    let mut stack = Stack::new("execs", sleeps("api", ""));
    stack.dev(["up", "--wait"]).succeeds();
    stack.set("FROM_HERE", "here");
    let script = "echo $A-$FROM_HERE-$(id -u)-$(pwd)";
    let said = stack.dev([
        "exec",
        "-T",
        "-e",
        "A=b=c",
        "-e",
        "FROM_HERE",
        "-u",
        "1000",
        "-w",
        "/tmp",
        "--index",
        "1",
        "api",
        "sh",
        "-c",
        script,
    ]);
    said.succeeds().says("b=c-here-1000-/tmp");
    stack.dev(["exec", "-it", "api", "true"]).succeeds();
    stack
        .dev(["exec", "--env", "A=1", "api", "true"])
        .exits(2)
        .says("`-e A=1`");
}

#[test]
fn log_lines_as_scripts_want_them() {
    let says = format!(
        "[services.api]\nimage = \"{BUSYBOX}\"\ncommand = \"echo one; echo two; sleep 1000000\"\nstop = {{ signal = \"KILL\" }}\n"
    );
    let stack = Stack::new("lines", says);
    let mut up = stack.start(["up", "--no-log-prefix", "--no-color"]);
    up.says("\none\ntwo\n");
    stack
        .dev(["logs", "--no-log-prefix", "-n", "1"])
        .succeeds()
        .says("two");
    let plain = stack.dev(["logs", "--no-log-prefix"]).succeeds();
    assert_eq!(plain.stdout, "one\ntwo\n");
    let timed = stack.dev(["logs", "-t", "--no-log-prefix"]).succeeds();
    let first = timed.stdout.lines().next().unwrap_or_default().to_owned();
    let (time, line) = first.split_once(' ').unwrap();
    assert_eq!(line, "one");
    assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
    let none = stack.dev(["logs", "--until", "1h"]).succeeds();
    assert_eq!(none.stdout, "");
    let all = stack
        .dev(["logs", "--until", "0s", "--no-log-prefix"])
        .succeeds();
    assert_eq!(all.stdout, "one\ntwo\n");
}

#[test]
fn what_dev_does_not_have_is_said_with_what_it_has() {
    let stack = pair("menu");
    stack.dev(["up", "--menu"]).exits(2).says("no menu");
    stack
        .dev(["port", "api", "80"])
        .exits(2)
        .says("dev env SERVICE");
    stack
        .dev(["up", "--wait", "--menu=false", "--watch", "--quiet-pull"])
        .succeeds();
}
