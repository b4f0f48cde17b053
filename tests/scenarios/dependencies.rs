//! Images of what a program depends on, without the program: that comes by the sync, as it came from a bind mount before.

use rustix::process::Signal;

use super::support::{BUSYBOX, SOON, Stack, docker, eventually};

/// An image of what the program depends on alone: the program comes by the sync.
fn dependencies_only(topic: &str) -> Stack {
    let stack = Stack::new(
        topic,
        r#"
        [services.app]
        build = "."
        command = ["sh", "/app/src/main.sh"]
        stop = { signal = "KILL" }
        watch = [
            { paths = ["src"], sync = "/app/src" },
            { paths = ["packages", "Dockerfile"], then = "rebuild" },
        ]
        "#,
    );
    stack.write("src/main.sh", "cat /packages\nexec sleep 1000\n");
    stack.write("packages", "one\n");
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nWORKDIR /app/src\nCOPY packages /packages\n"),
    );
    stack
}

/// Waits until that is the last that the program said.
fn says(stack: &Stack, text: &str) {
    eventually(SOON, "it says so", || {
        let said = docker(["logs", &stack.container("app").id]);
        match said.lines().last() == Some(text) {
            true => Ok(()),
            false => Err(said),
        }
    });
}

#[test]
fn an_image_without_the_program_has_it_before_its_first_start_and_after_each_build() {
    let stack = dependencies_only("dependencies");
    let mut up = stack.up();
    says(&stack, "one");
    let first = stack.container("app");
    stack.write("packages", "two\n");
    stack.until_with(&mut up, "the new image runs", |status| {
        status.is("app", "ready") && stack.container("app").id != first.id
    });
    says(&stack, "two");
    stack.write("src/main.sh", "echo synced\nexec sleep 1000\n");
    eventually(SOON, "the container has what was saved", || {
        let container = stack.container("app").id;
        let there = docker(["exec", &container, "cat", "/app/src/main.sh"]);
        if there.contains("synced") {
            Ok(())
        } else {
            Err(there)
        }
    });
    up.signal(Signal::INT);
    up.ends();
    stack.dev(["ci", "--", "true"]).succeeds();
}

#[test]
fn what_an_image_lacks_of_the_program_comes_before_the_second_start() {
    let stack = dependencies_only("dependencies-part");
    stack.write("Dockerfile.dockerignore", "src/part.sh\n");
    stack.write("src/main.sh", ". /app/src/part.sh\nexec sleep 1000\n");
    stack.write("src/part.sh", "echo part\n");
    stack.write("src/a.sh", "");
    stack.write("src/z.sh", "");
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nCOPY src /app/src\nCOPY packages /packages\n"),
    );
    stack.dev(["up", "--wait"]).succeeds();
    says(&stack, "part");
}
