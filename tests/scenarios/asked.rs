//! What `dev up` and `dev wait` are told beside an engine that runs: they come back when what was saved before them is what
//! runs, whether or not the engine has noticed by itself.

use super::support::{BUSYBOX, Stack, docker, sleeps};

/// `api` is built from the file `v`, which takes a while, and `box` runs beside it.
fn built(topic: &str) -> Stack {
    let api = r#"
        [services.api]
        build = { context = ".", args = { X = "${env:X:-none}" } }
        stop = { signal = "KILL" }
    "#;
    let stack = Stack::new(
        topic,
        format!("{api}{}", sleeps("box", "env = { A = \"1\" }")),
    );
    stack.write(".dockerignore", "*\n!v\n");
    stack.write(
        "Dockerfile",
        format!(
            "FROM {BUSYBOX}\nARG X\nRUN echo $X >/arg\nCOPY v /v\nRUN sleep 2\nCMD [\"sleep\", \"1000000\"]\n"
        ),
    );
    stack.write("v", "1");
    stack
}

fn runs(stack: &Stack, v: &str) {
    stack.dev(["exec", "api", "cat", "/v"]).succeeds().says(v);
}

fn env_of(stack: &Stack, service: &str) -> String {
    let id = stack.container(service).id;
    docker(["inspect", "--format", "{{.Config.Env}}", &id])
}

#[test]
fn an_up_or_a_wait_comes_back_when_what_was_saved_before_it_runs() {
    let mut stack = built("asked");
    stack.dev(["up", "--wait"]).succeeds();
    stack.write("v", "2");
    stack.dev(["up", "-d"]).succeeds().says("is up in");
    runs(&stack, "2");
    // From here on an engine runs, and has or has not noticed.
    stack.write("v", "3");
    stack.dev(["wait"]).succeeds();
    runs(&stack, "3");
    stack.write("v", "4");
    stack.dev(["up", "--wait"]).succeeds().says("is up in");
    runs(&stack, "4");
    stack.write("v", "5");
    stack.until("it is noticed", |status| !status.is("api", "ready"));
    stack
        .dev(["up", "-d", "api"])
        .succeeds()
        .says("api is up in");
    runs(&stack, "5");
    stack.write("v", "6");
    stack.dev(["wait", "api"]).succeeds();
    runs(&stack, "6");

    let edited = std::fs::read_to_string(stack.path("dev.toml")).unwrap();
    stack.write("dev.toml", edited.replace("A = \"1\"", "A = \"2\""));
    stack.dev(["up", "-d"]).succeeds();
    let env = env_of(&stack, "box");
    assert!(env.contains("A=2"), "{env}");

    stack.set("X", "other");
    stack.dev(["up", "-d"]).succeeds();
    let arg = stack.dev(["exec", "api", "cat", "/arg"]).succeeds();
    arg.says("other");
    stack.dev(["plan"]).succeeds().says("nothing to do");
}

#[test]
fn a_build_that_fails_is_told_to_everyone_who_asked() {
    let stack = built("unbuilt");
    let good = std::fs::read_to_string(stack.path("Dockerfile")).unwrap();
    let bad = good.replace("sleep 2", "false");
    stack.dev(["up", "--wait"]).succeeds();
    let before = stack.container("api").id;
    let older = "an older version runs: api";
    stack.write("Dockerfile", &bad);
    stack.dev(["up", "--wait"]).exits(1).says(older);
    stack.dev(["up", "-d"]).exits(1).says(older);
    stack.write("Dockerfile", &good);
    stack.dev(["up", "-d"]).succeeds();
    stack.write("Dockerfile", &bad);
    stack.dev(["wait"]).exits(1).says(older);
    stack.dev(["wait", "api"]).exits(1).says(older);
    stack.dev(["up", "--wait"]).exits(1).says(older);
    stack.dev(["up", "-d", "api"]).exits(1).says(older);
    stack.dev(["up", "-d", "box"]).succeeds();
    assert_eq!(stack.container("api").id, before);
    stack.write("Dockerfile", &good);
    stack.dev(["wait"]).succeeds();
}

#[test]
fn layers_that_an_up_names_beside_an_engine_are_taken() {
    let stack = Stack::new("layers", sleeps("box", "env = { A = \"1\" }"));
    stack.write("dev.off.toml", "[services.box.env]\nA = \"off\"\n");
    stack.write("dev.other.toml", "[services.box.env]\nA = \"other\"\n");
    stack.dev(["--env", "off", "up", "-d"]).succeeds();
    let layers = ["--env", "off", "--env", "other", "up", "-d"];
    stack.dev(layers).succeeds();
    let env = env_of(&stack, "box");
    assert!(env.contains("A=other"), "{env}");
    // They are the stack's from now on, also for the engine when the file changes.
    stack
        .dev(["plan"])
        .succeeds()
        .says("--env off --env other")
        .says("nothing to do");
    stack.write("dev.other.toml", "[services.box.env]\nA = \"more\"\n");
    stack.dev(["wait"]).succeeds();
    let env = env_of(&stack, "box");
    assert!(env.contains("A=more"), "{env}");
}
