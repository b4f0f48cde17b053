//! A build that comes out as the image that there is leaves everything as it is.

use std::time::Duration;

use super::support::{BUSYBOX, SOON, Stack, eventually, holds_for};

/// One service and one job, both from the Dockerfile of the stack's own folder.
const BUILT: &str = r#"
[services.site]
build = "."
stop = { signal = "KILL" }
needs = ["once"]

[services.once]
build = "."
job = true
command = "true"
"#;

fn with_dockerfile(topic: &str, copies: &str) -> Stack {
    let stack = Stack::new(topic, BUILT);
    let dockerfile = format!("FROM {BUSYBOX}\n{copies}\nCMD [\"sleep\", \"1000\"]\n");
    stack.write("Dockerfile", dockerfile);
    stack.write("run", "one");
    stack.write("README.md", "one");
    stack
}

/// Ids and starts of all that there is.
fn lives(stack: &Stack) -> Vec<(String, String)> {
    let containers = stack.containers().into_iter();
    let mut lives: Vec<(String, String)> = containers
        .map(|container| (container.name.clone(), format!("{:?}", container.life())))
        .collect();
    lives.sort();
    lives
}

#[test]
fn a_file_that_is_not_copied_replaces_nothing_and_runs_no_job_again() {
    let stack = with_dockerfile("readme", "COPY run /run");
    stack.dev(["up", "--wait"]).succeeds();
    let before = lives(&stack);
    assert_eq!(before.len(), 2);
    stack.dev(["plan"]).succeeds().says("nothing to do");

    stack.write("README.md", "two");
    let plan = stack.dev(["plan"]).succeeds().says("build").says("stop");
    let is_about_one = |line: &&str| line.contains("-site-1") || line.contains("-once-1");
    for line in plan.all().lines().filter(is_about_one) {
        assert!(
            line.contains("only if the image comes out different"),
            "{line}"
        );
    }
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(lives(&stack), before);
    stack.dev(["plan"]).succeeds().says("nothing to do");

    let mut up = stack.up();
    stack.write("README.md", "three");
    eventually(SOON, "the save is taken in", || {
        let plan = stack.dev(["plan"]).all();
        if plan.contains("nothing to do") {
            Ok(())
        } else {
            Err(plan)
        }
    });
    assert_eq!(lives(&stack), before);
    assert!(!up.has_ended());

    stack.write("run", "two");
    eventually(SOON, "what is copied replaces both", || {
        let now = lives(&stack);
        let replaced = now.len() == 2 && now.iter().all(|life| !before.contains(life));
        if replaced {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
    stack.until_with(&mut up, "all is well", |status| status.ready);
    let after = lives(&stack);
    drop(up);
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(lives(&stack), after);

    // Whoever has lost the notes builds from the builder's cache, and replaces nothing.
    std::fs::remove_file(stack.path(&format!(".dev/{}/builds.json", stack.name()))).expect("it");
    stack.dev(["plan"]).succeeds().says("build");
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(lives(&stack), after);
    stack.dev(["plan"]).succeeds().says("nothing to do");
}

#[test]
fn a_stack_file_with_a_mistake_builds_nothing_be_it_copied() {
    let stack = with_dockerfile("mistake", "COPY . /src");
    let mut up = stack.up();
    let before = lives(&stack);
    stack.edit(format!("{BUILT}\n[services.site\n"));
    up.says("the stack file has errors; what runs stays as it is");
    holds_for(Duration::from_secs(3), "it stays as it is", || {
        let now = lives(&stack);
        if now == before {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
    stack.edit(format!("{BUILT}\n# copied\n"));
    eventually(SOON, "what is copied replaces both", || {
        let now = lives(&stack);
        let replaced = now.len() == 2 && now.iter().all(|life| !before.contains(life));
        if replaced {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
}

#[test]
fn a_stack_file_that_changed_for_no_service_leaves_everything_as_it_is() {
    let stack = with_dockerfile("comment", "COPY run /run");
    let mut up = stack.up();
    let before = lives(&stack);
    for text in ["# one", "# two"] {
        stack.edit(format!("{BUILT}\n{text}\n"));
        eventually(SOON, "the save is taken in", || {
            let plan = stack.dev(["plan"]).all();
            if plan.contains("nothing to do") {
                Ok(())
            } else {
                Err(plan)
            }
        });
        assert_eq!(lives(&stack), before);
    }
    assert!(!up.has_ended());
}
