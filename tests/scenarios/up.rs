//! Coming up: in order, gated on readiness, and only as far as needed.

use std::collections::BTreeSet;

use super::support::{
    BUSYBOX, Events, POSTGRES, REDIS, SOON, Stack, docker, eventually, free_port, serves, sleeps,
    volumes_of,
};

#[test]
fn database_cache_job_and_app_come_up_in_order_each_when_what_it_needs_is_ready() {
    let stack = Stack::new(
        "order",
        format!(
            r#"
            [services.db]
            preset = "postgres:15"
            image = "{POSTGRES}"
            databases = ["shop"]

            [services.cache]
            preset = "redis:7"
            image = "{REDIS}"
            volume = false

            [services.migrate]
            image = "{POSTGRES}"
            command = "psql --set ON_ERROR_STOP=1 \"$DATABASE_URL\" --command 'create table prices (day date)'"
            job = {{ inputs = ["migrations/**"] }}
            needs = ["db"]
            env = {{ DATABASE_URL = "${{db.shop.url}}" }}

            {}
            "#,
            serves(
                "api",
                r#"needs = ["cache", "migrate"]
                env = { REDIS_URL = "${cache.url}" }"#
            ),
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();

    let status = stack.status();
    assert!(
        status.is("db", "ready") && status.is("cache", "ready"),
        "{status}"
    );
    assert!(
        status.is("migrate", "done") && status.is("api", "ready"),
        "{status}"
    );
    let [api, cache, db, migrate] = stack.containers().try_into().unwrap();
    assert!(
        migrate.started > db.started,
        "the job ran before its database"
    );
    assert!(
        api.started >= migrate.finished,
        "the app started before the job was done"
    );
    assert!(
        api.started > cache.started,
        "the app started before its cache"
    );
    assert_eq!(stack.sql("db", "shop", "select count(*) from prices"), "0");
    stack.serves("api", "api");
}

#[test]
fn with_nothing_to_do_nothing_is_touched() {
    let stack = Stack::new(
        "again",
        format!("{}{}", serves("web", ""), sleeps("worker", "")),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let before: Vec<_> = stack.containers().iter().map(|c| c.life()).collect();

    stack.dev(["plan"]).succeeds().says("nothing to do");
    stack.dev(["up", "--wait"]).succeeds();

    let after: Vec<_> = stack.containers().iter().map(|c| c.life()).collect();
    assert_eq!(before, after);
}

#[test]
fn other_ports_recreate_one_container_and_what_depends_on_it_is_not_recreated() {
    let web = |port: u16| {
        let with_port =
            serves("web", "").replace("http = 8080", &format!("http = \"{port}:8080\""));
        format!("{with_port}{}", sleeps("worker", "needs = [\"web\"]"))
    };
    let stack = Stack::new("ports", web(free_port()));
    stack.dev(["up", "--wait"]).succeeds();
    let (web_before, worker_before) = (stack.container("web"), stack.container("worker"));

    let port = free_port();
    stack.edit(web(port));
    stack.dev(["up", "--wait"]).succeeds();

    assert_ne!(stack.container("web").id, web_before.id);
    assert_eq!(stack.container("worker").life(), worker_before.life());
    let address = stack.status().service("web").addresses[0].clone();
    assert!(address.ends_with(&port.to_string()), "{address}");
    stack.serves("web", "web");
}

#[test]
fn a_port_that_connects_before_anything_listens_is_not_ready() {
    let slow = serves("slow", "")
        .replace("exec httpd", "sleep 3; exec httpd")
        .replace(r#"ready = { http = "/" }"#, "ready = { tcp = 8080 }");
    let stack = Stack::new(
        "slow",
        format!("{slow}{}", sleeps("after", "needs = [\"slow\"]")),
    );
    stack.dev(["up", "--wait"]).succeeds();

    let waited = stack.container("after").started - stack.container("slow").started;
    assert!(waited.num_milliseconds() >= 3000, "started after {waited}");
}

#[test]
fn a_fresh_database_is_never_ready_and_then_not() {
    let stack = Stack::new(
        "fresh",
        format!(
            r#"
            [services.db]
            preset = "postgres:15"
            image = "{POSTGRES}"
            databases = ["shop"]

            [services.first]
            image = "{POSTGRES}"
            command = "exec psql \"$DATABASE_URL\" --command 'select 1'"
            job = true
            needs = ["db"]
            env = {{ DATABASE_URL = "${{db.shop.url}}" }}
            "#
        ),
    );
    let up = stack.dev(["--json", "up", "--wait"]).succeeds();

    let events = Events::read(&up.stdout);
    let probes: Vec<_> = events.probes("db").collect();
    let first = probes.iter().position(|(_, passed)| *passed).unwrap();
    let later: Vec<_> = probes[first..]
        .iter()
        .filter(|(_, passed)| !passed)
        .collect();
    assert!(
        later.is_empty(),
        "it passed, and then it did not: {probes:?}"
    );
    let lives: BTreeSet<_> = probes.iter().map(|(life, _)| life).collect();
    assert_eq!(lives.len(), 1, "it was started more than once");
    assert_eq!(stack.status().service("first").restarts, 0);
}

#[test]
fn the_health_check_of_an_image_decides_and_is_asked_at_once() {
    let stack = Stack::new(
        "health",
        format!(
            r#"
            [services.app]
            build = "app"
            command = "sleep 2; touch /tmp/well; exec sleep 1000000"
            stop = {{ signal = "KILL" }}

            {}
            "#,
            sleeps("after", "needs = [\"app\"]")
        ),
    );
    let check = "HEALTHCHECK --interval=60s --timeout=3s CMD [\"test\", \"-e\", \"/tmp/well\"]";
    stack.write("app/Dockerfile", format!("FROM {BUSYBOX}\n{check}\n"));
    stack.dev(["up", "--wait"]).succeeds();

    let waited = stack.container("after").started - stack.container("app").started;
    let waited = waited.num_milliseconds();
    assert!(waited >= 2000, "it was taken for ready after {waited} ms");
    assert!(
        waited < 30_000,
        "it was asked after its interval only: {waited} ms"
    );
}

#[test]
fn a_crashing_service_is_started_again_and_what_needs_it_waits() {
    let crashes_twice = format!(
        r#"
        [services.shaky]
        image = "{BUSYBOX}"
        command = "echo start >>/data/starts; [ $(wc -l </data/starts) -gt 2 ] || exit 7; echo steady; exec sleep 1000000"
        stop = {{ signal = "KILL" }}
        volumes = ["data:/data"]
        ready = {{ log = "steady" }}
        "#
    );
    let stack = Stack::new(
        "shaky",
        format!("{crashes_twice}{}", sleeps("after", "needs = [\"shaky\"]")),
    );
    let up = stack.dev(["--json", "up", "--wait"]).succeeds();

    let events = Events::read(&up.stdout);
    let attempts: Vec<_> = events
        .of("restarting", "shaky")
        .map(|event| event["attempt"].as_u64().unwrap())
        .collect();
    assert_eq!(attempts, [1, 2], "{}", up.story());
    let held = events
        .of("held", "after")
        .any(|event| event.to_string().contains("shaky"));
    assert!(held, "nothing says that `after` waits for `shaky`");
    assert!(stack.container("after").started > stack.container("shaky").started);
}

#[test]
fn while_a_service_is_down_what_runs_on_it_runs_on_and_is_shown_degraded() {
    let blinking = serves("base", "").replace("exec httpd", "sleep 1; exec httpd");
    let stack = Stack::new(
        "degraded",
        format!(
            "{blinking}{}{}",
            sleeps("app", "needs = [\"base\"]"),
            sleeps("bounced", "needs = { base = { restart = true } }")
        ),
    );
    let mut up = stack.up();
    let (app, bounced) = (stack.container("app"), stack.container("bounced"));

    docker(["kill", &stack.container("base").id]);
    stack.until_with(&mut up, "the app is degraded by its base", |status| {
        status
            .service("app")
            .degraded_by
            .contains(&"base".to_owned())
    });
    stack.until_with(&mut up, "everything is well again", |status| {
        status.ready && status.service("app").degraded_by.is_empty()
    });

    assert_eq!(stack.container("app").life(), app.life());
    eventually(SOON, "what asked for it was restarted", || {
        let now = stack.container("bounced");
        if now.is_running() && now.started > bounced.started {
            Ok(())
        } else {
            Err(now.status)
        }
    });
}

#[test]
fn a_service_with_two_replicas_has_two_containers_and_two_addresses() {
    // The other one takes its time.
    let one_by_one = serves("web", "replicas = 2\nvolumes = [\"shared:/shared\"]").replace(
        "mkdir -p /www",
        "mkdir /shared/first || sleep 2; mkdir -p /www",
    );
    let stack = Stack::new("replicas", one_by_one);
    stack
        .dev(["up", "--wait"])
        .succeeds()
        .says("ready in ")
        .does_not_say("not ready any more");

    let containers = stack.containers();
    assert_eq!(containers.len(), 2);
    assert!(containers.iter().all(|container| container.is_running()));
    let status = stack.status();
    let addresses: BTreeSet<_> = status.service("web").addresses.iter().collect();
    assert_eq!(addresses.len(), 2, "{addresses:?}");

    stack.edit(serves("web", ""));
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(stack.containers().len(), 1);
}

#[test]
fn up_with_a_service_starts_it_and_what_it_needs_and_leaves_the_others() {
    let stack = Stack::new(
        "scope",
        format!(
            "{}{}{}",
            sleeps("base", ""),
            sleeps("app", "needs = [\"base\"]"),
            sleeps("other", "")
        ),
    );
    stack.dev(["up", "--wait", "app"]).succeeds();
    assert!(stack.has_container("app") && stack.has_container("base"));
    assert!(!stack.has_container("other"));

    stack.dev(["up", "--wait", "other"]).succeeds();
    assert!(stack.container("app").is_running(), "the rest was removed");
}

#[test]
fn a_service_that_left_the_file_goes_and_its_data_stays() {
    let both = format!(
        "{}{}",
        sleeps("kept", ""),
        sleeps("left", "volumes = [\"data:/data\"]")
    );
    let stack = Stack::new("orphan", both);
    stack.dev(["up", "--wait"]).succeeds();

    stack.edit(sleeps("kept", ""));
    stack.dev(["plan"]).succeeds().says("left");
    stack.dev(["up", "--wait"]).succeeds();

    assert!(!stack.has_container("left"));
    assert_eq!(volumes_of(stack.name()).len(), 1);
}

#[test]
fn ports_are_published_on_the_loopback_only() {
    let stack = Stack::new("loopback", serves("web", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let bound = stack.container("web").raw["NetworkSettings"]["Ports"]["8080/tcp"].clone();
    let addresses: Vec<_> = bound
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["HostIp"].clone())
        .collect();
    assert_eq!(addresses, ["127.0.0.1"]);
}

#[test]
fn liveness_that_fails_restarts_the_service() {
    // What makes it stuck is forgotten by a new start.
    let web = serves(
        "web",
        "alive = { exec = [\"test\", \"!\", \"-e\", \"/tmp/stuck\"], every = \"200ms\" }",
    );
    let stack = Stack::new("alive", web.replace("mkdir", "rm -f /tmp/stuck; mkdir"));
    let mut up = stack.up();
    let before = stack.container("web");

    docker(["exec", &before.id, "touch", "/tmp/stuck"]);
    stack.until_with(&mut up, "it was restarted, and is ready", |status| {
        status.ready && stack.container("web").started > before.started
    });
}

#[test]
fn what_ends_as_soon_as_it_began_is_not_told_ready() {
    for (code, wait) in [("1", "--wait"), ("0", "--detach")] {
        let ends = format!(
            "[services.app]\nimage = \"{BUSYBOX}\"\ncommand = \"exit {code}\"\nrestart = \"no\"\n"
        );
        let stack = Stack::new("up-ends", ends);
        stack
            .dev(["up", wait])
            .exits(1)
            .says("ended with exit code");
    }
    let stack = Stack::without_engine(
        "up-ends-host",
        "[services.app]\nrun = \"exit 1\"\nrestart = \"no\"\n",
    );
    stack.dev(["up", "--wait"]).exits(1);
}

#[test]
fn what_ran_before_is_not_timed() {
    let sleeps = format!(
        "[services.app]\nimage = \"{BUSYBOX}\"\ncommand = [\"sleep\", \"1000000\"]\nstop = {{ signal = \"KILL\" }}\n"
    );
    let stack = Stack::new("up-again", sleeps);
    stack.dev(["up", "--wait"]).succeeds().says("ready in ");
    let again = stack.dev(["up", "--wait"]).succeeds().all();
    assert!(again.contains("app"), "{again}");
    assert!(!again.contains("ready in "), "{again}");
    let restarted = stack.dev(["restart", "app"]).succeeds().all();
    assert_eq!(restarted.matches("ready in ").count(), 1, "{restarted}");
}

#[test]
fn timings_say_what_took_how_long_and_which_way_was_the_longest() {
    let slow = "ready = { exec = [\"test\", \"-e\", \"/slow\"] }";
    let stack = Stack::new(
        "timings",
        format!(
            "{}[services.migrate]\nimage = \"{BUSYBOX}\"\njob = true\ncommand = \"true\"\nneeds = [\"db\"]\n{}{}",
            sleeps("db", slow).replace(
                "[\"sleep\", \"1000000\"]",
                "\"sleep 2; touch /slow; exec sleep 1000000\""
            ),
            serves("api", "needs = [\"migrate\"]"),
            sleeps("beside", ""),
        ),
    );
    let ended = stack
        .dev(["up", "--wait", "--timings"])
        .succeeds()
        .says("longest way: db → migrate → api");
    let table = ended.all();
    for name in ["db", "migrate", "api", "beside"] {
        let is_row =
            |line: &str| line.trim_start_matches(['●', ' ']).split(' ').next() == Some(name);
        assert!(table.lines().any(is_row), "no {name} in {table}");
    }
    stack
        .dev(["up", "--wait", "--timings"])
        .succeeds()
        .says("nothing had to be done");
}
