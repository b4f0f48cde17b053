//! A secret is never printed, logged, put in an event, a label or an image.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::{BUSYBOX, Background, SOON, Stack, docker, eventually, sleeps};

const VALUE: &str = "s3cr3t-Fj29xQpLw8";

fn with_secrets(topic: &str) -> Stack {
    let mut stack = Stack::new(
        topic,
        format!(
            r#"
            [secrets]
            TOKEN = {{ env = "THE_TOKEN" }}

            [services.talks]
            build = {{ context = ".", secrets = ["TOKEN"] }}
            command = "echo token is $TOKEN; exec sleep 1000000"
            stop = {{ signal = "KILL" }}
            outputs = {{ token = {{ value = "${{secret:TOKEN}}", secret = true }} }}
            env = {{ TOKEN = "${{secret:TOKEN}}", URL = "http://me:${{secret:TOKEN}}@host/" }}
            {}
            "#,
            sleeps(
                "probed",
                "needs = [\"talks\"]\nready = { exec = [\"sh\", \"-c\", \"echo $TOKEN; test -e /go\"] }\nenv = { TOKEN = \"${secret:TOKEN}\" }"
            )
        ),
    );
    stack.set("THE_TOKEN", VALUE);
    let step =
        "RUN --mount=type=secret,id=TOKEN,required=true echo built with $(cat /run/secrets/TOKEN)";
    stack.write("Dockerfile", format!("FROM {BUSYBOX}\n{step}\n"));
    stack
}

#[test]
fn no_output_event_or_file_shows_a_secret() {
    let stack = with_secrets("secrets");
    let mut up = stack.start(["--json", "up"]);
    stack.until_with(&mut up, "the probe has answered", |status| {
        status.is("probed", "starting")
    });

    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["why", "probed"],
        &["plan"],
        &["config"],
        &["config", "--format", "json"],
    ] {
        Background::start(stack.command(arguments))
            .ends()
            .succeeds()
            .does_not_say(VALUE);
    }
    eventually(SOON, "its log is there", || {
        let logs = stack.dev(["logs", "talks"]).succeeds();
        if logs.stdout.contains("token is") {
            Ok(())
        } else {
            Err(logs.stdout)
        }
    });
    stack
        .dev(["logs"])
        .succeeds()
        .says("token is ***")
        .does_not_say(VALUE);
    stack.dev(["logs", "--json"]).succeeds().does_not_say(VALUE);
    assert!(!up.output().contains(VALUE), "{}", up.output());
    drop(up);
    let plain = stack.dev(["up", "--wait", "--wait-timeout", "1s"]).exits(4);
    plain.does_not_say(VALUE);

    let files = files_with(&stack.path(".dev"), VALUE);
    assert!(files.is_empty(), "in {files:?}");
}

#[test]
fn no_label_image_or_build_log_holds_a_secret_and_the_container_gets_it() {
    let stack = with_secrets("image");
    stack
        .dev(["up", "--wait", "talks"])
        .succeeds()
        .does_not_say(VALUE);

    let container = stack.container("talks");
    let labels = container.raw["Config"]["Labels"].to_string();
    assert!(!labels.contains(VALUE), "{labels}");
    let image = container.raw["Image"].as_str().unwrap().to_owned();
    let inspected = docker(["image", "inspect", &image]);
    let history = docker(["image", "history", "--no-trunc", &image]);
    assert!(
        !inspected.contains(VALUE) && !history.contains(VALUE),
        "{inspected}\n{history}"
    );
    let seen = docker(["exec", &container.id, "sh", "-c", "echo $TOKEN $URL"]);
    assert_eq!(seen, format!("{VALUE} http://me:{VALUE}@host/"));
}

#[test]
fn another_value_of_a_secret_recreates_what_uses_it() {
    let mut stack = with_secrets("rotated");
    stack.dev(["up", "--wait", "talks"]).succeeds();
    let before = stack.container("talks").id;
    stack.set("THE_TOKEN", "another-value-77");
    stack
        .dev(["up", "--wait", "talks"])
        .succeeds()
        .does_not_say("another-value-77");
    assert_ne!(stack.container("talks").id, before);
}

#[test]
fn without_its_secret_a_stack_is_seen_and_taken_down_and_does_not_come_up() {
    let mut stack = with_secrets("unset");
    let waited = ["up", "--wait", "--wait-timeout", "5s"];
    stack.dev(waited).exits(4);
    stack.unset("THE_TOKEN");
    for refused in [&["up", "--wait"][..], &["plan"], &["env"]] {
        Background::start(stack.command(refused))
            .ends()
            .exits(2)
            .says_on_stderr("THE_TOKEN")
            .says_on_stderr("export THE_TOKEN=");
    }
    stack.dev(["plan"]).exits(2).says_on_stderr("dev.toml:");
    // Nothing runs here that knows the value which the service and its probe repeat.
    for shown in [&["status"][..], &["status", "--json"], &["why"], &["logs"]] {
        let mut ran = Background::start(stack.command(shown));
        ran.ends().does_not_say(VALUE).does_not_say("export");
    }
    stack.dev(["status"]).says("talks");
    stack.dev(["down"]).succeeds();
    assert!(stack.containers().is_empty());
}

#[test]
fn env_prints_secrets_because_it_was_asked_to() {
    let stack = with_secrets("asked");
    stack.dev(["env", "talks"]).succeeds().says(VALUE);
}

#[test]
fn a_generated_secret_is_kept_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let stack = Stack::new(
        "generated",
        format!(
            "[secrets]\nKEY = {{ generate = 32 }}\n{}",
            sleeps("app", "env = { KEY = \"${secret:KEY}\" }")
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let read = || docker(["exec", &stack.container("app").id, "sh", "-c", "echo $KEY"]);
    let value = read();
    assert!(value.len() >= 32, "{value}");

    for file in files_with(&stack.path(".dev"), &value) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    stack.dev(["down", "--volumes", "--yes"]).succeeds();
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(read(), value);
}

fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let content = fs::read(&path).unwrap_or_default();
            if content
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(path);
            }
        }
    }
    found
}
