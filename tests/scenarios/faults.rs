//! Services that fail, and what `up` makes of it: it says which, why, and what to do, and loses nothing.

use std::fs;
use std::time::Duration;

use super::support::{BUSYBOX, Events, Stack, docker, serves, sleeps};

fn crashes(command: &str, more: &str) -> String {
    format!(
        "[services.crash]\nimage = \"{BUSYBOX}\"\ncommand = \"{command}\"\nstop = {{ signal = \"KILL\" }}\n{more}\n"
    )
}

#[test]
fn a_service_that_crashes_at_once_fails_up_when_its_restarts_are_spent() {
    let stack = Stack::new(
        "crash",
        format!(
            "{}{}",
            crashes("echo no config file; exit 3", "restart = \"on-failure:2\""),
            sleeps("fine", "")
        ),
    );
    let up = stack.dev(["--json", "up", "--wait"]).exits(1);
    let restarts = Events::read(&up.stdout).of("restarting", "crash").count();
    assert_eq!(restarts, 2);

    let status = stack.status();
    assert!(
        status.is("crash", "failed") && status.is("fine", "ready"),
        "{status}"
    );
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("crash")
        .says("exit code 3")
        .says("no config file");
    stack.dev(["why", "crash"]).succeeds().says("exit code 3");

    stack.edit(format!(
        "{}{}",
        crashes("exec sleep 1000000", ""),
        sleeps("fine", "")
    ));
    stack.dev(["up", "--wait"]).succeeds();
}

#[test]
fn a_service_that_never_gets_ready_fails_up_in_its_own_time() {
    let never = serves("never", "").replace(
        "ready = { http = \"/\" }",
        "ready = { http = \"/health\", within = \"2s\" }",
    );
    let stack = Stack::new(
        "never",
        format!("{never}{}", sleeps("after", "needs = [\"never\"]")),
    );
    let up = stack.dev(["up", "--wait"]).exits(4);
    up.says("never").says("404");
    assert!(!stack.status().is("after", "ready"));
}

#[test]
fn a_service_that_was_ready_and_fails_is_shown_unready_and_recovers() {
    let probe = "ready = { exec = [\"test\", \"!\", \"-e\", \"/tmp/ill\"], every = \"100ms\", retries = 2 }";
    let stack = Stack::new(
        "recovers",
        format!(
            "{}{}",
            sleeps("moody", probe),
            sleeps("app", "needs = [\"moody\"]")
        ),
    );
    let mut up = stack.up();
    let moody = stack.container("moody");

    docker(["exec", &moody.id, "touch", "/tmp/ill"]);
    stack.until_with(&mut up, "it is not ready any more", |status| {
        status.is("moody", "unready") && status.service("app").degraded_by == ["moody"]
    });
    docker(["exec", &moody.id, "rm", "/tmp/ill"]);
    stack.until_with(&mut up, "it is ready again", |status| {
        status.ready && status.is("moody", "ready")
    });
    assert_eq!(stack.container("moody").life(), moody.life());
}

#[test]
fn a_service_that_is_killed_for_memory_says_so() {
    let hungry = crashes(
        "exec tail /dev/zero",
        "limits = { memory = \"24Mi\" }\nrestart = \"no\"\nready = { log = \"never\" }",
    );
    let stack = Stack::new("memory", hungry);
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("crash")
        .says("memory");
}

#[test]
fn a_missing_image_is_named() {
    let image = "dev.local/there-is-no-such-image:1";
    let missing = format!("[services.app]\nimage = \"{image}\"\n");
    let stack = Stack::new("missing", format!("{missing}{}", sleeps("fine", "")));
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("app")
        .says(image)
        .within(Duration::from_secs(90));
    assert!(stack.status().is("fine", "ready"), "{}", stack.status());
}

#[test]
fn an_error_in_a_dockerfile_is_shown_with_the_output_of_its_step() {
    let stack = Stack::new(
        "dockerfile",
        format!("[services.app]\nbuild = \".\"\n{}", sleeps("fine", "")),
    );
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nRUN echo the-reason >&2; exit 9\n"),
    );
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("app")
        .says("the-reason")
        .says("9");
    assert!(stack.status().is("fine", "ready"), "{}", stack.status());

    stack.write("Dockerfile", "FRM busybox\n");
    stack.dev(["up", "--wait"]).exits(1).says("FRM");
    fs::remove_file(stack.path("Dockerfile")).unwrap();
    stack.dev(["up", "--wait"]).says("Dockerfile");
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nCMD [\"sleep\", \"1000000\"]\nSTOPSIGNAL KILL\n"),
    );
    stack.dev(["up", "--wait"]).succeeds();
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let stack = Stack::new(
        "nocommand",
        format!("[services.app]\nimage = \"{BUSYBOX}\"\ncommand = [\"no-such-program\"]\n"),
    );
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("app")
        .says("no-such-program");
}

#[test]
fn a_context_of_a_hundred_thousand_files_is_built_without_what_is_ignored() {
    const FILES: u32 = 100_000;
    let app = "[services.app]\nbuild = \".\"\ncommand = [\"sleep\", \"1000000\"]\nstop = { signal = \"KILL\" }\n";
    let stack = Stack::new("context", app);
    stack.write("Dockerfile", format!("FROM {BUSYBOX}\nCOPY . /all\n"));
    stack.write(".dockerignore", "target\n.dev\n");
    for (place, files) in [("src", FILES), ("target", FILES / 10)] {
        for file in 0..files {
            let folder = stack.path(&format!("{place}/{}", file % 250));
            if file < 250 {
                fs::create_dir_all(&folder).unwrap();
            }
            fs::write(folder.join(format!("{file}.txt")), file.to_string()).unwrap();
        }
    }
    stack.dev(["up", "--wait"]).succeeds();

    let container = stack.container("app").id;
    let found = docker([
        "exec",
        &container,
        "sh",
        "-c",
        "find /all/src -type f | wc -l; ls /all",
    ]);
    assert_eq!(found.lines().next(), Some(FILES.to_string().as_str()));
    assert!(!found.contains("target"), "{found}");

    fs::write(stack.path("target/1/1.txt"), "ignored").unwrap();
    stack.dev(["plan"]).succeeds().says("nothing to do");
    fs::write(stack.path("src/0/0.txt"), "changed").unwrap();
    stack.dev(["up", "--wait"]).succeeds();
    let changed = stack.container("app").id;
    assert_eq!(
        docker(["exec", &changed, "cat", "/all/src/0/0.txt"]),
        "changed"
    );
}

#[test]
fn a_down_that_cannot_remove_everything_says_so_through_a_running_engine_too() {
    let stack = Stack::new("cannot", sleeps("app", "volumes = [\"data:/data\"]"));
    stack.dev(["up", "-d"]).succeeds();
    let volume = format!("{}_data:/data", stack.name());
    let user = docker([
        "run", "--detach", "--volume", &volume, BUSYBOX, "sleep", "1000000",
    ]);
    stack
        .dev(["down", "--volumes", "--yes"])
        .exits(1)
        .says_on_stderr("volume")
        .does_not_say("is down");
    docker(["rm", "--force", &user]);
    stack
        .dev(["down", "--volumes", "--yes"])
        .succeeds()
        .says("is down");
}
