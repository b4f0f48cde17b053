//! What a container has of the files that a rule syncs: exactly what the checkout has, whatever happens meanwhile.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::support::tree::{difference, here, there};
use super::support::{BUSYBOX, SOON, Stack, docker, eventually, sleeps};

const RULE: &str = r#"watch = [{ paths = ["www"], sync = "/www" }]"#;

/// Waits until the container has what the checkout has, no more and no less.
pub fn gets_the_same(stack: &Stack, service: &str) {
    eventually(SOON, "the container has what is here", || {
        let container = stack.try_container(service).ok_or("no container")?;
        let (here, there) = (here(&stack.path("www")), there(&container.id, "/www")?);
        if here == there {
            Ok(())
        } else {
            Err(difference(&here, &there))
        }
    });
}

/// Waits until a container is no longer what it was seeded with only, but has been compared; says which it is.
pub fn stream_is_open(stack: &Stack) -> String {
    let container = stack.container("site").id;
    eventually(SOON, "the stream is open", || {
        let running = docker(["top", &container]);
        if running.contains(" serve") {
            Ok(())
        } else {
            Err(running)
        }
    });
    stack.write("www/opened", "opened");
    gets_the_same(stack, "site");
    container
}

fn mode(stack: &Stack, path: &str, mode: u32) {
    fs::set_permissions(stack.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

pub fn with_files(topic: &str, more: &str) -> Stack {
    let stack = Stack::new(topic, sleeps("site", &format!("{RULE}\n{more}")));
    for (path, text) in [
        ("www/a.txt", "a"),
        ("www/sub/b.txt", "b"),
        ("www/sub/deep/c.txt", "c"),
    ] {
        stack.write(path, text);
    }
    stack
}

#[test]
fn every_kind_of_change_arrives_exactly() {
    let stack = with_files("exact", "");
    let _up = stack.up();
    gets_the_same(&stack, "site");

    fs::rename(stack.path("www/sub"), stack.path("www/moved")).unwrap();
    fs::create_dir_all(stack.path("www/empty/nested")).unwrap();
    symlink("../nowhere", stack.path("www/dangling")).unwrap();
    symlink("moved/b.txt", stack.path("www/link")).unwrap();
    stack.write("www/run.sh", "#!/bin/sh\n");
    mode(&stack, "www/run.sh", 0o750);
    gets_the_same(&stack, "site");

    mode(&stack, "www/a.txt", 0o600);
    mode(&stack, "www/empty", 0o700);
    fs::remove_file(stack.path("www/link")).unwrap();
    symlink("a.txt", stack.path("www/link")).unwrap();
    fs::remove_dir_all(stack.path("www/moved/deep")).unwrap();
    gets_the_same(&stack, "site");

    // A file where a folder was, and the other way round.
    fs::remove_dir_all(stack.path("www/moved")).unwrap();
    stack.write("www/moved", "now a file");
    fs::remove_file(stack.path("www/a.txt")).unwrap();
    stack.write("www/a.txt/inside", "now a folder");
    gets_the_same(&stack, "site");
}

#[test]
fn odd_names_and_a_loop_of_links_arrive_too() {
    let stack = with_files("odd", "");
    let _up = stack.up();
    let long = "x".repeat(255);
    for name in [
        &b"two\nlines"[..],
        b"\xff\xfe not text",
        b" ",
        b"-rf",
        long.as_bytes(),
    ] {
        fs::write(stack.path("www").join(OsStr::from_bytes(name)), name).unwrap();
    }
    symlink("loop-b", stack.path("www/loop-a")).unwrap();
    symlink("loop-a", stack.path("www/loop-b")).unwrap();
    gets_the_same(&stack, "site");

    fs::write(
        stack
            .path("www")
            .join(OsStr::from_bytes(b"\xff\xfe not text")),
        "again",
    )
    .unwrap();
    fs::remove_file(stack.path("www/two\nlines")).unwrap();
    gets_the_same(&stack, "site");
    fs::remove_file(
        stack
            .path("www")
            .join(OsStr::from_bytes(b"\xff\xfe not text")),
    )
    .unwrap();
    gets_the_same(&stack, "site");
}

#[test]
fn an_image_with_nothing_but_its_program_is_synced() {
    let toml = format!("[services.site]\nbuild = \".\"\nstop = {{ signal = \"KILL\" }}\n{RULE}\n");
    let stack = Stack::new("scratch", toml);
    stack.write("www/a.txt", "a");
    stack.write(".dockerignore", "www\n");
    stack.write(
        "Dockerfile",
        format!(
            "FROM {BUSYBOX} AS tools\nFROM scratch\nCOPY --from=tools /bin/busybox /busybox\n\
             USER 65532:65532\nCMD [\"/busybox\", \"sleep\", \"1000000\"]\n"
        ),
    );
    let _up = stack.up();
    gets_the_same(&stack, "site");
    stack.write("www/new/b.txt", "b");
    fs::remove_file(stack.path("www/a.txt")).unwrap();
    gets_the_same(&stack, "site");
    let container = stack.container("site").id;
    let owner = docker([
        "exec",
        &container,
        "/busybox",
        "stat",
        "-c",
        "%u:%g",
        "/www/new/b.txt",
    ]);
    assert_eq!(owner, "65532:65532");
}

#[test]
fn files_belong_to_the_user_of_the_container() {
    let stack = with_files("owner", "user = \"1000:1001\"");
    let _up = stack.up();
    stack.write("www/new/x.txt", "x");
    symlink("x.txt", stack.path("www/new/link")).unwrap();
    gets_the_same(&stack, "site");
    let container = stack.container("site").id;
    for path in [
        "/www",
        "/www/new",
        "/www/new/x.txt",
        "/www/new/link",
        "/www/a.txt",
    ] {
        let owner = docker(["exec", &container, "stat", "-c", "%u:%g", path]);
        assert_eq!(owner, "1000:1001", "{path}");
    }
    // Such as caches, which tools put beside the sources.
    docker(["exec", &container, "touch", "/www/made"]);
}

#[test]
fn files_belong_to_the_user_that_the_image_names() {
    let stack = Stack::new(
        "image-owner",
        format!("[services.site]\nbuild = \".\"\nstop = {{ signal = \"KILL\" }}\n{RULE}\n"),
    );
    stack.write(
        "passwd",
        "root:x:0:0:root:/:/bin/sh\napp:x:1234:1235::/:/bin/sh\n",
    );
    stack.write("www/deep/a.txt", "a");
    // By name, and by a number whose group only the account tells.
    for user in ["app", "1234"] {
        let accounts = format!("COPY passwd /etc/passwd\nUSER {user}\n");
        let command = "CMD [\"sleep\", \"1000000\"]\n";
        stack.write("Dockerfile", format!("FROM {BUSYBOX}\n{accounts}{command}"));
        let _up = stack.up();
        gets_the_same(&stack, "site");
        let container = stack.container("site").id;
        for path in ["/www", "/www/deep", "/www/deep/a.txt"] {
            let owner = docker(["exec", &container, "stat", "-c", "%u:%g", path]);
            assert_eq!(owner, "1234:1235", "{path}");
        }
        stack.dev(["down"]).succeeds();
    }
}

#[test]
fn a_save_begins_anew_what_has_given_up() {
    for then in ["", ", then = \"restart\""] {
        let rule = format!("watch = [{{ paths = [\"www\"], sync = \"/www\"{then} }}]");
        let toml = sleeps("site", &rule).replace(
            "command = [\"sleep\", \"1000000\"]",
            "command = [\"sh\", \"/www/run.sh\"]",
        );
        let stack = Stack::new("gave-up", toml);
        stack.write("www/run.sh", "exit 1\n");
        // At its first start, and in the middle.
        let mut up = stack.start(["up"]);
        for _ in 0..2 {
            stack.until_with(&mut up, "it has given up", |status| {
                status.service("site").failure.is_some()
            });
            stack.write("www/run.sh", "exec sleep 1000000\n");
            stack.until_with(&mut up, "it is ready", |status| status.ready);
            gets_the_same(&stack, "site");
            stack.write("www/run.sh", "exit 1\n");
            if then.is_empty() {
                docker(["kill", &stack.container("site").id]);
            }
        }
    }
}

#[test]
fn a_thousand_files_at_once_arrive_exactly() {
    let stack = with_files("thousand", "");
    let _up = stack.up();
    for version in ["one", "two"] {
        for number in 0..1000 {
            let path = stack.path(&format!("www/many/{}/{number}.txt", number % 17));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{version} {number}")).unwrap();
        }
        gets_the_same(&stack, "site");
    }
    fs::remove_dir_all(stack.path("www/many")).unwrap();
    gets_the_same(&stack, "site");
}

#[test]
fn what_changed_while_dev_was_down_is_found_by_comparing() {
    let stack = with_files("meanwhile", "");
    let up = stack.up();
    stack.write("www/late.txt", "late");
    gets_the_same(&stack, "site");
    let before = stack.container("site").life();
    up.kill_after(Duration::ZERO);

    stack.write("www/a.txt", "changed");
    stack.write("www/new.txt", "new");
    fs::remove_file(stack.path("www/late.txt")).unwrap();
    fs::remove_dir_all(stack.path("www/sub")).unwrap();
    docker([
        "exec",
        &before.0,
        "sh",
        "-c",
        "echo own >/www/own; echo spoilt >/www/new.txt",
    ]);
    let _up = stack.up();
    eventually(
        SOON,
        "the difference arrives, and nothing else is touched",
        || {
            let mut there = there(&before.0, "/www")?;
            let own = there
                .remove(&b"own"[..])
                .ok_or("what is the container's own is gone")?;
            assert!(own.contains("own"), "{own}");
            let here = here(&stack.path("www"));
            if here == there {
                Ok(())
            } else {
                Err(difference(&here, &there))
            }
        },
    );
    assert_eq!(stack.container("site").life(), before);
}

#[test]
fn what_was_changed_by_hand_inside_is_put_right_before_an_up_is_done() {
    // Whichever left what runs.
    for option in ["--wait", "--detach"] {
        let stack = with_files("by-hand", "");
        stack.dev(["up", option]).succeeds();
        let container = stack.container("site").id;
        gets_the_same(&stack, "site");
        stack.signal_each_dev(Signal::KILL);
        let script = "rm /www/a.txt; echo other > /www/sub/b.txt";
        docker(["exec", &container, "sh", "-c", script]);
        stack.dev(["up", "--detach"]).succeeds();
        let there = docker(["exec", &container, "cat", "/www/a.txt", "/www/sub/b.txt"]);
        assert_eq!(there, "ab", "{option}");
        assert_eq!(stack.container("site").id, container);
    }
}

#[test]
fn a_container_that_is_restarted_or_replaced_while_files_are_saved_has_them_all() {
    let stack = with_files("midway", "");
    let _up = stack.up();
    let www = stack.path("www");
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..150 {
                fs::write(
                    www.join(format!("{}.txt", number % 40)),
                    format!("{number}"),
                )
                .unwrap();
                let _once = fs::remove_file(www.join(format!("{}.txt", (number + 13) % 40)));
                thread::sleep(Duration::from_millis(20));
            }
        });
        thread::sleep(Duration::from_millis(300));
        docker(["restart", "--time", "0", &stack.container("site").id]);
        thread::sleep(Duration::from_millis(800));
        docker(["rm", "--force", &stack.container("site").id]);
    });
    gets_the_same(&stack, "site");
}

#[test]
fn a_container_that_is_paused_meanwhile_gets_what_it_missed() {
    let stack = with_files("paused", "");
    let _up = stack.up();
    // Docker hangs for good where a command starts in a container that is being paused.
    let container = stream_is_open(&stack);
    docker(["pause", &container]);
    stack.write("www/a.txt", "while it was paused");
    stack.write("www/b/c.txt", "new");
    stack.until("it is shown as paused", |status| {
        status.is("site", "paused")
    });
    docker(["unpause", &container]);
    gets_the_same(&stack, "site");
    assert_eq!(stack.container("site").id, container);
}

#[test]
fn what_a_container_refused_is_over_once_its_next_life_has_it() {
    let stack = with_files("refused-once", "");
    let mut up = stack.up();
    let container = stream_is_open(&stack);
    let inside = |script: &str| docker(["exec", &container, "sh", "-c", script]);
    inside("mkdir /www/new; echo own >/www/new/own");
    stack.write("www/new", "a file");
    stack.until_with(&mut up, "it is refused", |_| {
        let status = stack.dev(["status"]);
        status.stdout.contains("degraded")
    });
    inside("rm -r /www/new");
    docker(["kill", &container]);
    gets_the_same(&stack, "site");
    stack.until_with(&mut up, "nothing is wrong any more", |status| {
        let shown = stack.dev(["status"]);
        status.ready && !shown.stdout.contains("degraded")
    });
    stack.dev(["wait"]).succeeds();
}

#[test]
fn files_that_come_and_go_leave_nothing() {
    let stack = with_files("vanish", "");
    let _up = stack.up();
    for number in 0..300 {
        let path = stack.path(&format!("www/tmp-{}", number % 7));
        fs::write(&path, vec![b'x'; number * 100]).unwrap();
        fs::remove_file(path).unwrap();
    }
    stack.write("www/last", "last");
    gets_the_same(&stack, "site");
}

#[test]
fn a_link_that_leads_out_of_the_target_is_not_written_through() {
    let stack = with_files("escape", "");
    let mut up = stack.up();
    let container = stream_is_open(&stack);
    docker([
        "exec",
        &container,
        "sh",
        "-c",
        "rm -r /www/sub; mkdir /etc/x; ln -s /etc/x /www/sub",
    ]);
    stack.write("www/sub/b.txt", "evil");
    up.says("leads out of the target");
    assert_eq!(docker(["exec", &container, "ls", "/etc/x"]), "");
    let is_degraded = |wanted: bool| {
        eventually(SOON, "the status tells of it", || {
            let status = stack.dev(["status"]).succeeds();
            let said = status.stdout.contains("files not synced");
            let shown = status.stdout.contains("degraded");
            if (said, shown) == (wanted, wanted) {
                Ok(())
            } else {
                Err(status.story())
            }
        });
    };
    is_degraded(true);
    // The next save puts right what stands in the way.
    stack.write("www/a.txt", "again");
    gets_the_same(&stack, "site");
    is_degraded(false);
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let stack = Stack::new(
        "readonly",
        sleeps("site", &format!("{RULE}\nvolumes = [\"./other:/www:ro\"]")),
    );
    stack.write("other/x", "x");
    stack.write("www/a.txt", "a");
    let mut up = stack.start(["up"]);
    up.says("ead-only file system");
    assert!(!up.has_ended());
    // It is ready, and not all is well.
    stack.dev(["wait", "site"]).exits(1);
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("files not synced: site");
    up.signal(rustix::process::Signal::INT);
    up.ends();

    let up = stack.dev(["up", "--wait"]).exits(1);
    assert_eq!(up.story().matches("ead-only file system").count(), 1);
    // Nobody runs any more who could tell it.
    stack
        .dev(["status"])
        .succeeds()
        .says("degraded")
        .says("ead-only file system");
    stack
        .dev(["why", "site"])
        .succeeds()
        .says("files not synced");
}

/// What the container and its mounts have of their own is not the checkout's to remove.
#[test]
fn what_was_not_synced_outlives_the_folder_around_it() {
    let mounts = r#"volumes = ["./hostdata:/www/web/data", "modules:/www/web/modules"]"#;
    let stack = Stack::new("sync-own", sleeps("site", &format!("{mounts}\n{RULE}")));
    stack.write("www/web/main.js", "1");
    stack.write("hostdata/important", "mine");
    let _up = stack.up();
    let container = stack.container("site").id;
    let script = "echo mine > /www/web/modules/pkg; mkdir /www/own; echo mine > /www/own/cache";
    docker(["exec", &container, "sh", "-c", script]);
    stack.write("www/own/brought", "1");
    let has = |path: &str| {
        let found = Command::new("docker")
            .args(["exec", &container, "cat", path])
            .output();
        found.unwrap().status.success()
    };
    eventually(SOON, "it is brought", || {
        (has("/www/web/main.js") && has("/www/own/brought"))
            .then_some(())
            .ok_or("not yet")
    });
    for folder in ["web", "own"] {
        fs::remove_dir_all(stack.path("www").join(folder)).unwrap();
    }
    eventually(SOON, "what was synced is gone", || {
        let gone = ["/www/web/main.js", "/www/own/brought"]
            .iter()
            .all(|path| !has(path));
        gone.then_some(()).ok_or("not yet")
    });
    for path in [
        "/www/web/data/important",
        "/www/web/modules/pkg",
        "/www/own/cache",
    ] {
        assert!(has(path), "{path}");
    }
    assert_eq!(fs::read(stack.path("hostdata/important")).unwrap(), b"mine");
    stack.dev(["wait"]).succeeds();
}

#[test]
fn a_file_that_would_become_a_folder_is_told_with_what_to_write() {
    let rule = "watch = [{ paths = [\"app.conf\"], sync = \"/etc\" }]";
    let stack = Stack::new("into-folder", sleeps("site", rule));
    stack.write("app.conf", "one");
    // Before its first start, and beside what runs.
    for _ in 0..2 {
        stack
            .dev(["up", "--wait"])
            .exits(1)
            .says("app.conf")
            .says("sync = \"/etc/\"");
    }
    stack.edit(sleeps("site", &rule.replace("/etc", "/etc/")));
    stack.dev(["up", "--wait"]).succeeds();
    let there = stack.dev(["exec", "site", "cat", "/etc/app.conf"]);
    assert_eq!(there.stdout, "one");
}

#[test]
fn a_signal_follows_what_its_rule_brought_and_nothing_else() {
    let stack = Stack::new(
        "hup",
        format!(
            r#"
            [services.site]
            image = "{BUSYBOX}"
            command = "trap 'cat /etc/site/conf' HUP; cat /etc/site/conf; while :; do sleep 1000 & wait $!; done"
            stop = {{ signal = "KILL" }}
            watch = [
                {{ paths = ["etc"], sync = "/etc/site", then = {{ signal = "HUP" }} }},
                {{ paths = ["www"], sync = "/www" }},
            ]
            "#
        ),
    );
    stack.write("etc/conf", "one\n");
    stack.write("www/index.html", "one\n");
    let _up = stack.up();
    let before = stack.container("site");
    let said = |texts: &[&str]| {
        eventually(SOON, "it has read that", || {
            let said = docker(["logs", &before.id]);
            match said.lines().eq(texts.iter().copied()) {
                true => Ok(()),
                false => Err(said),
            }
        });
    };
    said(&["one"]);
    stack.write("www/index.html", "two\n");
    gets_the_same(&stack, "site");
    stack.write("etc/conf", "two\n");
    said(&["one", "two"]);
    stack.write("www/index.html", "three\n");
    gets_the_same(&stack, "site");
    stack.write("etc/conf", "three\n");
    said(&["one", "two", "three"]);
    assert_eq!(stack.container("site").life(), before.life());
}
