//! Watching: a save reaches the running service by what its rule says, and touches nothing else.

use std::time::Duration;

use rustix::process::Signal;

use super::support::{
    BUSYBOX, SOON, Stack, docker, eventually, free_port, holds_for, serves, sleeps,
};

/// A web server on files that its image was built with.
pub fn site(watch: &str) -> String {
    // Its own: nobody else takes it while the container is restarted.
    let port = free_port();
    format!(
        r#"
        [services.site]
        build = "."
        stop = {{ signal = "KILL" }}
        ports = {{ http = "{port}:8080" }}
        ready = {{ http = "/" }}
        watch = [{watch}]
        "#
    )
}

pub fn with_site(topic: &str, watch: &str, more: &str) -> Stack {
    let stack = Stack::new(topic, format!("{}{more}", site(watch)));
    stack.write("www/index.html", "one");
    stack.write(
        "Dockerfile",
        format!(
            "FROM {BUSYBOX}\n\
             COPY www /www\n\
             CMD [\"sh\", \"-c\", \"rm -rf /served; cp -r /www /served; exec httpd -f -p 8080 -h $SERVED\"]\n\
             ENV SERVED=/www\n"
        ),
    );
    stack
}

#[test]
fn a_saved_file_is_synced_into_the_running_container() {
    let stack = with_site("sync", r#"{ paths = ["www"], sync = "/www" }"#, "");
    let _up = stack.up();
    let before = stack.container("site").life();
    stack.serves("site", "one");

    stack.write("www/index.html", "two");
    stack.serves("site", "two");
    stack.write("www/deeper/new.html", "new");
    eventually(SOON, "a file in a new folder is served", || {
        let answer = stack.get("site", "deeper/new.html")?;
        if answer.body == "new" {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    });
    std::fs::remove_file(stack.path("www/deeper/new.html")).unwrap();
    eventually(SOON, "a deleted file is served no more", || {
        let answer = stack.get("site", "deeper/new.html")?;
        if answer.status == 404 {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    });
    assert_eq!(stack.container("site").life(), before);
}

#[test]
fn files_saved_while_nobody_watched_are_there_after_the_next_up() {
    let stack = with_site("resync", r#"{ paths = ["www"], sync = "/www" }"#, "");
    stack.dev(["up", "--wait"]).succeeds();
    stack.write("www/index.html", "meanwhile");
    stack.dev(["up", "--wait"]).succeeds();
    stack.serves("site", "meanwhile");
}

#[test]
fn what_was_synced_outlives_a_new_container() {
    let rule = r#"{ paths = ["www"], sync = "/www" }"#;
    let stack = with_site("seed", rule, "");
    let up = stack.up();
    stack.write("www/index.html", "two");
    stack.serves("site", "two");

    docker(["rm", "--force", &stack.container("site").id]);
    stack.serves("site", "two");
    drop(up);
}

#[test]
fn a_rule_may_restart_after_the_sync() {
    let stack = with_site(
        "restart",
        r#"{ paths = ["www"], sync = "/www", then = "restart" }"#,
        "env = { SERVED = \"/served\" }",
    );
    let _up = stack.up();
    let before = stack.container("site");

    stack.write("www/index.html", "two");
    stack.serves("site", "two");
    let after = stack.container("site");
    assert!(after.started > before.started);
    assert_eq!(after.id, before.id, "it was replaced, not restarted");
}

#[test]
fn a_rule_may_rebuild_and_replace_and_what_needs_it_is_left_alone() {
    let stack = with_site(
        "rebuild",
        r#"{ paths = ["www"], then = "rebuild" }"#,
        &sleeps("after", "needs = [\"site\"]"),
    );
    let _up = stack.up();
    let (site, after) = (stack.container("site"), stack.container("after"));

    stack.write("www/index.html", "two");
    stack.serves("site", "two");
    assert_ne!(stack.container("site").id, site.id);
    assert_eq!(stack.container("after").life(), after.life());
}

#[test]
fn a_failed_build_leaves_the_old_container_running_and_shows_the_error() {
    let stack = with_site(
        "broken",
        r#"{ paths = ["www", "Dockerfile"], then = "rebuild" }"#,
        "",
    );
    let mut up = stack.up();
    let before = stack.container("site").life();
    let good = std::fs::read_to_string(stack.path("Dockerfile")).unwrap();

    stack.write("Dockerfile", format!("{good}RUN echo the-reason; exit 9\n"));
    up.says("the-reason");
    stack.until("the failure shows", |status| {
        status.service("site").failure.is_some()
    });
    assert_eq!(stack.container("site").life(), before);
    stack.serves("site", "one");

    stack.write("www/index.html", "two");
    stack.write("Dockerfile", good);
    stack.serves("site", "two");
    stack.until("all is well again", |status| {
        status.ready && status.service("site").failure.is_none()
    });
}

#[test]
fn an_ignored_file_changes_nothing() {
    let stack = with_site(
        "ignored",
        r#"{ paths = ["www"], ignore = ["**/*.tmp"], then = "rebuild" }"#,
        "",
    );
    stack.write(".git/HEAD", "ref: refs/heads/main\n");
    stack.write(".gitignore", "www/generated\n");
    let _up = stack.up();
    let before = stack.container("site").life();

    stack.write("www/editor.tmp", "x");
    stack.write("www/generated/page.html", "x");
    holds_for(Duration::from_secs(3), "the container stays", || {
        if stack.container("site").life() == before {
            Ok(())
        } else {
            Err("another one")
        }
    });
}

#[test]
fn editing_the_stack_file_touches_only_what_changed() {
    let toml = |level: u32| {
        let changed = serves("changed", &format!("env = {{ LEVEL = \"{level}\" }}"));
        format!("{changed}{}", serves("same", ""))
    };
    let stack = Stack::new("edit", toml(1));
    let mut up = stack.up();
    let (changed, same) = (stack.container("changed"), stack.container("same"));

    stack.edit(format!("{}{}", toml(2), sleeps("new", "")));
    stack.until_with(
        &mut up,
        "the new service is there, and all is ready",
        |status| status.ready && status.is("new", "ready"),
    );
    eventually(SOON, "the changed one was replaced", || {
        let now = stack.try_container("changed").ok_or("no container")?;
        if now.id != changed.id && now.is_running() {
            Ok(())
        } else {
            Err(now.status)
        }
    });
    assert_eq!(stack.container("same").life(), same.life());

    stack.edit(toml(2));
    eventually(SOON, "the service that left is gone", || {
        if stack.has_container("new") {
            Err("still there")
        } else {
            Ok(())
        }
    });
    assert_eq!(stack.container("same").life(), same.life());
}

#[test]
fn a_stack_file_edited_to_nonsense_leaves_the_stack_and_shows_the_error() {
    let toml = serves("web", "");
    let stack = Stack::new("nonsense", &toml);
    let mut up = stack.up();
    let before = stack.container("web").life();

    stack.edit("[services.web]\nimgae = \"x\"\n");
    let rejected = stack.until_with(&mut up, "the error shows", |status| {
        status.rejected.is_some()
    });
    let error = rejected.rejected.unwrap();
    assert!(error.contains("imgae"), "{error}");
    up.says("imgae");
    assert_eq!(stack.container("web").life(), before);
    stack.serves("web", "web");

    stack.edit(format!("{toml}{}", sleeps("more", "")));
    stack.until_with(&mut up, "the file is read again", |status| {
        status.rejected.is_none() && status.ready && status.has("more")
    });
    assert_eq!(stack.container("web").life(), before);
}

#[test]
fn many_saves_at_once_lead_to_the_last_one() {
    let stack = with_site("burst", r#"{ paths = ["www"], then = "rebuild" }"#, "");
    let mut up = stack.up();
    for version in 0..50 {
        stack.write("www/index.html", format!("version {version}"));
        stack.write(&format!("www/{version}.html"), "x");
    }
    stack.serves("site", "version 49");
    assert!(!up.has_ended());
}

#[test]
fn a_path_that_is_not_there_is_told_once_and_watched_when_it_comes() {
    let rule = "watch = [{ paths = [\"wwww\", \"page.html\"], sync = \"/www/\" }]";
    let stack = Stack::new("not-there", sleeps("site", rule));
    let told = "`page.html` is not there: nothing is watched until it is";
    for command in ["plan", "config"] {
        stack
            .dev([command])
            .succeeds()
            .says_on_stderr(told)
            .says_on_stderr("dev.toml:6:21");
    }
    let mut up = stack.up();
    assert_eq!(up.output().matches(told).count(), 1, "{}", up.output());
    stack.write("page.html", "here");
    stack.write("wwww/deep/a.txt", "a");
    for (path, text) in [("/www/page.html", "here"), ("/www/deep/a.txt", "a")] {
        eventually(SOON, "it is in the container", || {
            let there = stack.dev(["exec", "site", "cat", path]);
            if there.stdout == text {
                Ok(())
            } else {
                Err(there.story())
            }
        });
    }
    stack.dev(["plan"]).succeeds().does_not_say("is not there");
}

#[test]
fn each_failure_of_a_command_after_a_sync_is_told() {
    let rule =
        "watch = [{ paths = [\"www\"], sync = \"/www\", then = { exec = \"echo nope; exit 3\" } }]";
    let stack = Stack::new("then-again", sleeps("site", rule));
    stack.write("www/a.txt", "a");
    let mut up = stack.up();
    let before = up.output().matches("ended with exit code 3").count();
    for times in 1..=3 {
        stack.write("www/a.txt", format!("{times}"));
        eventually(SOON, "its failure is told", || {
            let output = up.output();
            match output.matches("ended with exit code 3").count() {
                count if count >= before + times => Ok(()),
                _ => Err(output),
            }
        });
    }
}

#[test]
fn a_command_after_a_sync_that_failed_counts_until_it_succeeds() {
    let rule = "watch = [{ paths = [\"www\"], sync = \"/www\", \
                then = { exec = \"echo told; test ! -e /www/broken\" } }]";
    let stack = Stack::new("then-counts", sleeps("site", rule));
    stack.write("www/a.txt", "a");
    let mut up = stack.up();
    stack.dev(["wait"]).succeeds();

    let is_degraded = || stack.dev(["status"]).stdout.contains("degraded");
    stack.write("www/broken", "");
    eventually(SOON, "it is degraded", || {
        is_degraded().then_some(()).ok_or("not yet")
    });
    let counts = || {
        assert!(is_degraded());
        stack
            .dev(["wait"])
            .exits(1)
            .says("what follows a sync failed: site");
        stack
            .dev(["why", "site"])
            .says("`echo told; test ! -e /www/broken`, ended with exit code 1")
            .says("told");
    };
    counts();
    stack.dev(["up", "-d"]).exits(1);
    // What it may have left behind is there after a restart, too, and whoever looks.
    stack.dev(["restart", "site"]);
    counts();
    up.signal(Signal::KILL);
    up.ends();
    counts();
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("ended with exit code 1");

    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "it is ready", |status| status.is("site", "ready"));
    std::fs::remove_file(stack.path("www/broken")).unwrap();
    eventually(
        SOON,
        "the next save that is seen runs the command again",
        || {
            stack.write("www/a.txt", "again");
            (!is_degraded()).then_some(()).ok_or("not yet")
        },
    );
    stack.dev(["wait"]).succeeds();
}

#[test]
fn where_nobody_watches_the_status_says_so() {
    let stack = with_site("unwatched", r#"{ paths = ["www"], sync = "/www" }"#, "");
    stack.dev(["up", "--wait"]).succeeds();
    let status = stack.dev(["status"]).succeeds();
    assert!(status.stderr.contains("nobody watches the sources of site"));
    stack.dev(["up", "-d"]).succeeds();
    let status = stack.dev(["status"]).succeeds();
    assert!(!status.stderr.contains("nobody watches"));
    stack.dev(["stop"]).succeeds();
    let status = stack.dev(["status"]).succeeds();
    assert!(!status.stderr.contains("nobody watches"));
}
