//! What is written is applied by kubectl alone, and does the same.

use crate::promotion::stack;
use crate::support::Stack;

const ANSWER: &str = "hello cache=+PONG db=R secret=yes files=welcome";

/// Fills in the one secret of the stack.
fn fill_in(stack: &Stack, folder: &str) {
    let example = fs_err::read_to_string(stack.path(&format!("{folder}/secrets.env.example")))
        .expect("it is there");
    let filled = example.replace(
        "db-POSTGRES_PASSWORD=",
        &format!("db-POSTGRES_PASSWORD={}", "x".repeat(32)),
    );
    stack.file(&format!("{folder}/secrets.env"), &filled);
}

fn answers(stack: &Stack) {
    stack.kubectl(&["rollout", "status", "deployment/app", "--timeout=180s"]);
    assert_eq!(stack.get("app", "http", "/"), ANSWER);
}

#[test]
fn manifests_are_all_that_kubectl_needs() {
    let stack = stack();
    stack
        .dev(&["export", "kubernetes", "--to", "out"])
        .expect(0);
    fill_in(&stack, "out");
    let path = |name: &str| stack.path(name).to_str().unwrap().to_owned();
    stack.kubectl(&["apply", "--filename", &path("out/00-namespace.yaml")]);
    let secrets = format!("--from-env-file={}", path("out/secrets.env"));
    stack.kubectl(&[
        "create",
        "secret",
        "generic",
        &format!("{}-secrets", stack.name),
        &secrets,
    ]);
    stack.kubectl(&["apply", "--filename", &path("out")]);
    answers(&stack);
}

#[test]
fn an_overlay_of_kustomize_is_all_that_kubectl_needs() {
    let stack = stack();
    stack.dev(&["export", "kustomize", "--to", "out"]).expect(0);
    fill_in(&stack, "out/overlays/default");
    let overlay = stack.path("out/overlays/default");
    stack.kubectl(&["apply", "--kustomize", overlay.to_str().unwrap()]);
    answers(&stack);
}

#[test]
fn a_secret_that_changes_reaches_the_service_and_stops_no_job() {
    let service = "image = \"dev.local/busybox\"\nuser = \"1000\"\nstop = { grace = \"1s\" }\nenv = { TOKEN = \"${secret:TOKEN}\" }";
    let stack = Stack::new(&format!(
        "[secrets]\nTOKEN = {{ generate = 16 }}\n[services.web]\n{service}\ncommand = [\"sleep\", \"1000\"]\n\
         [services.once]\n{service}\njob = true\ncommand = [\"true\"]\n"
    ));
    stack.dev(&["export", "kustomize", "--to", "out"]).expect(0);
    let overlay = stack.path("out/overlays/default");
    for token in ["first", "second"] {
        stack.file(
            "out/overlays/default/secrets.env",
            &format!("TOKEN={token}\n"),
        );
        stack.kubectl(&["apply", "--kustomize", overlay.to_str().unwrap()]);
        stack.kubectl(&["rollout", "status", "deployment/web", "--timeout=180s"]);
        let ask = ["exec", "deployment/web", "--", "sh", "-c", "echo $TOKEN"];
        assert_eq!(stack.kubectl(&ask).trim(), token);
    }
}

#[test]
fn what_no_export_wrote_is_left_and_what_it_no_longer_writes_goes() {
    let stack = stack();
    stack
        .dev(&["export", "kubernetes", "--to", "out"])
        .expect(0);
    stack.file("out/own.txt", "mine");
    stack.write("[services.other]\nimage = \"x:1\"\n");
    stack
        .dev(&["export", "kubernetes", "--to", "out"])
        .expect(0);
    assert!(stack.path("out/own.txt").exists() && stack.path("out/other.yaml").exists());
    assert!(!stack.path("out/db.yaml").exists());

    stack.file("taken/other.yaml", "theirs");
    let said = stack
        .dev(&["export", "kubernetes", "--to", "taken"])
        .expect(2);
    assert!(said.err.contains("no export wrote it"), "{}", said.err);
}
