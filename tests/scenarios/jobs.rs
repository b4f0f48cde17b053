//! Jobs: done when they end with 0, and run again only when what they are made from changes.

use super::support::{BUSYBOX, SOON, Stack, eventually, sleeps};

fn job(more: &str) -> String {
    format!(
        "[services.job]\n\
         image = \"{BUSYBOX}\"\n\
         command = \"echo ran\"\n\
         {more}\n"
    )
}

#[test]
fn a_job_runs_again_only_when_its_inputs_change() {
    let stack = Stack::new("inputs", job("job = { inputs = [\"migrations/**\"] }"));
    stack.write("migrations/0001.sql", "one");
    stack.dev(["up", "--wait"]).succeeds();
    let first = stack.container("job").life();

    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(
        stack.container("job").life(),
        first,
        "it ran again for nothing"
    );

    stack.write("unrelated.txt", "other");
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(
        stack.container("job").life(),
        first,
        "it ran again for a file that is none of its inputs"
    );

    stack.write("migrations/0002.sql", "two");
    stack.dev(["up", "--wait"]).succeeds();
    assert_ne!(stack.container("job").life(), first, "it did not run again");
}

#[test]
fn a_job_runs_again_when_its_command_changes() {
    let stack = Stack::new("command", job("job = { inputs = [\"migrations/**\"] }"));
    stack.write("migrations/0001.sql", "one");
    stack.dev(["up", "--wait"]).succeeds();
    let first = stack.container("job").life();

    stack.edit(job(
        "job = { inputs = [\"migrations/**\"] }\nenv = { LEVEL = \"2\" }",
    ));
    stack.dev(["up", "--wait"]).succeeds();
    assert_ne!(stack.container("job").life(), first);
}

#[test]
fn a_job_runs_again_when_the_data_under_what_it_needs_is_new() {
    let toml = format!(
        "{}{}",
        sleeps("db", "volumes = [\"data:/data\"]"),
        job("job = { inputs = [\"migrations/**\"] }\nneeds = [\"db\"]")
    );
    let stack = Stack::new("data", toml);
    stack.write("migrations/0001.sql", "one");
    stack.dev(["up", "--wait"]).succeeds();
    let first = stack.container("job").life();

    stack.dev(["down"]).succeeds();
    stack.dev(["up", "--wait"]).succeeds();
    let second = stack.try_container("job").map(|container| container.life());
    assert!(
        second.is_none_or(|second| second == first),
        "with its data kept, it ran again"
    );

    stack.dev(["down", "--volumes", "--yes"]).succeeds();
    stack.dev(["up", "--wait"]).succeeds();
    assert!(stack.status().is("job", "done"));
    assert_ne!(
        stack.container("job").life(),
        first,
        "without its data, it did not run again"
    );
}

#[test]
fn a_job_that_fails_fails_up_and_what_needs_it_is_not_started() {
    let failing = job("job = true").replace("echo ran", "echo no such table; exit 3");
    let stack = Stack::new(
        "fails",
        format!("{failing}{}", sleeps("app", "needs = [\"job\"]")),
    );
    let up = stack.dev(["up", "--wait"]).exits(1);

    up.says("job").says("3").says("no such table");
    assert!(
        stack
            .containers()
            .iter()
            .all(|c| c.service != "app" || c.status == "created")
    );
    assert!(stack.status().is("job", "failed"), "{}", stack.status());
}

#[test]
fn a_saved_input_runs_the_job_again_while_up_watches() {
    let stack = Stack::new("watched", job("job = { inputs = [\"migrations/**\"] }"));
    stack.write("migrations/0001.sql", "one");
    let mut up = stack.up();
    let first = stack.container("job").life();

    stack.write("migrations/0002.sql", "two");
    eventually(SOON, "the job ran again, and is done", || {
        assert!(!up.has_ended());
        let job = stack.try_container("job").ok_or("no container")?;
        let done = stack
            .try_status()
            .is_ok_and(|status| status.is("job", "done"));
        if job.life() != first && job.status == "exited" && done {
            Ok(())
        } else {
            Err(job.status)
        }
    });
}
