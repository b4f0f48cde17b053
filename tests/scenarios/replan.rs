//! Edits that were synced, and the next `dev up`: what a sync brings is no reason to build, and no container lacks it.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::support::tree::there;
use super::support::{SOON, Stack, docker, eventually, sleeps};
use super::watch::with_site;

const RULE: &str = r#"{ paths = ["www"], sync = "/www" }"#;
const NOTHING: &str = "nothing to do\n";

fn plan(stack: &Stack) -> String {
    stack.dev(["plan"]).succeeds().stdout
}

fn has_nothing_to_do(stack: &Stack) {
    eventually(SOON, "nothing is to be done", || {
        let plan = plan(stack);
        if plan == NOTHING { Ok(()) } else { Err(plan) }
    });
}

/// At once, because it is ready.
fn serves_now(stack: &Stack, text: &str) {
    assert_eq!(stack.get("site", "").unwrap().body, text);
}

fn image(stack: &Stack) -> String {
    let name = format!("{}-site", stack.name());
    docker(["image", "inspect", "--format", "{{.Id}}", &name])
}

#[test]
fn a_synced_edit_leaves_nothing_to_do_whether_dev_runs_or_not() {
    let stack = with_site("replan", RULE, "");
    let mut up = stack.up();
    let (before, built) = (stack.container("site").life().0, image(&stack));
    for text in ["two", "three"] {
        stack.write("www/index.html", text);
        stack.serves("site", text);
    }
    stack.write("www/more/new.html", "new");
    fs::remove_dir_all(stack.path("www/more")).unwrap();
    has_nothing_to_do(&stack);

    up.signal(Signal::INT);
    up.ends();
    let plan = plan(&stack);
    assert!(
        plan.starts_with("start ") && plan.lines().count() == 1,
        "{plan}"
    );
    let up = stack.up();
    stack.serves("site", "three");
    assert_eq!(stack.container("site").id, before);
    has_nothing_to_do(&stack);

    up.kill_after(Duration::ZERO);
    assert_eq!(self::plan(&stack), NOTHING);
    assert_eq!(image(&stack), built);
}

#[test]
fn what_was_edited_while_no_dev_ran_is_there_once_it_is_ready() {
    let stack = with_site("offline", RULE, "");
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(plan(&stack), NOTHING);
    let (before, built) = (stack.container("site").life(), image(&stack));

    stack.write("www/index.html", "two");
    stack.write("www/old.html", "old");
    let text = plan(&stack);
    assert!(
        text.starts_with("sync ") && text.lines().count() == 1,
        "{text}"
    );
    stack.dev(["up", "--wait"]).succeeds();
    serves_now(&stack, "two");
    assert_eq!(plan(&stack), NOTHING);
    assert_eq!(stack.container("site").life(), before);

    // A new container comes from the image as it was built, and has everything when it is ready.
    docker(["rm", "--force", &before.0]);
    stack.write("www/index.html", "three");
    fs::remove_file(stack.path("www/old.html")).unwrap();
    stack.dev(["up", "--wait"]).succeeds();
    serves_now(&stack, "three");
    assert_eq!(image(&stack), built);
    assert_eq!(plan(&stack), NOTHING);
}

#[test]
fn what_was_deleted_since_the_image_was_built_is_gone_from_a_new_container() {
    let stack = with_site("deleted", RULE, "");
    stack.write("www/old.html", "old");
    stack.dev(["up", "--wait"]).succeeds();
    docker(["rm", "--force", &stack.container("site").id]);
    fs::remove_file(stack.path("www/old.html")).unwrap();
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(stack.get("site", "old.html").unwrap().status, 404);
    assert_eq!(plan(&stack), NOTHING);
}

#[test]
fn a_rule_that_restarts_does_so_once_and_the_plan_says_it() {
    let rule = r#"{ paths = ["www"], sync = "/www", then = "restart" }"#;
    let stack = with_site("replan-restart", rule, "env = { SERVED = \"/served\" }");
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(plan(&stack), NOTHING);
    let before = stack.container("site");
    stack.write("www/index.html", "two");
    let words: Vec<String> = plan(&stack)
        .lines()
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect();
    assert_eq!(words, ["sync", "stop", "start"]);
    stack.dev(["up", "--wait"]).succeeds();
    stack.serves("site", "two");
    let after = stack.container("site");
    assert!(after.id == before.id && after.started > before.started);
    assert_eq!(plan(&stack), NOTHING);

    // A new container begins with it, and needs no second beginning.
    docker(["rm", "--force", &after.id]);
    let _up = stack.up();
    stack.write("www/index.html", "three");
    stack.serves("site", "three");
    docker(["rm", "--force", &stack.container("site").id]);
    stack.serves("site", "three");
    has_nothing_to_do(&stack);
    assert_eq!(stack.container("site").raw["RestartCount"], 0);
}

#[test]
fn a_container_without_a_build_gets_its_edits_without_watching() {
    let toml = sleeps("site", &format!("watch = [{RULE}]"));
    let stack = Stack::new("replan-image", toml);
    stack.write("www/a.txt", "one");
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(plan(&stack), NOTHING);
    let before = stack.container("site").life();
    stack.write("www/a.txt", "two");
    fs::write(stack.path("www/b.txt"), "new").unwrap();
    stack.dev(["up", "--wait"]).succeeds();
    let files = there(&before.0, "/www").unwrap();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[&b"a.txt"[..]].contains("two"), "{files:?}");
    assert_eq!(stack.container("site").life(), before);
    assert_eq!(plan(&stack), NOTHING);
}

#[test]
fn a_file_that_is_synced_and_built_from_is_built_from() {
    let rules =
        r#"{ paths = ["."], sync = "/src" }, { paths = ["www/index.html"], then = "rebuild" }"#;
    let stack = with_site("replan-both", rules, "");
    let up = stack.up();
    let (before, built) = (stack.container("site").id, image(&stack));
    stack.write("www/index.html", "two");
    stack.serves("site", "two");
    assert_ne!(image(&stack), built);
    assert_ne!(stack.container("site").id, before);
    has_nothing_to_do(&stack);

    up.kill_after(Duration::ZERO);
    stack.write("www/index.html", "three");
    assert!(plan(&stack).starts_with("build "));
    stack.dev(["up", "--wait"]).succeeds();
    serves_now(&stack, "three");
    assert_eq!(plan(&stack), NOTHING);
}
