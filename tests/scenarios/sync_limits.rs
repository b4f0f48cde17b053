//! Syncing at the edges: what is too large, closed, or not to be written.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::support::tree::{difference, here, there};
use super::support::{BUSYBOX, Background, SOON, Stack, docker, eventually, networks_of, sleeps};
use super::sync::{gets_the_same, stream_is_open, with_files};

const MIB: u64 = 1024 * 1024;
/// Larger than what may be held of it by far; the container has all of it on the disk.
const LARGE: u64 = 256 * MIB;

#[test]
fn a_large_file_arrives_without_being_held_in_memory() {
    let stack = with_files("large", "");
    let up = stack.up();
    let container = stream_is_open(&stack);
    let before = up.peak_memory();
    let large = fs::File::create(stack.path("www/large")).unwrap();
    large.set_len(LARGE).unwrap();
    drop(large);
    stack.write("www/after", "x");
    eventually(3 * SOON, "both are there", || {
        let script = "stat -c %s /www/large /www/after 2>&1";
        let sizes = docker(["exec", &container, "sh", "-c", &format!("{script} || true")]);
        if sizes == format!("{LARGE}\n1") {
            Ok(())
        } else {
            Err(sizes)
        }
    });
    let more = up.peak_memory().saturating_sub(before) / MIB;
    assert!(more < 32, "{more} MiB more");
}

/// Saves so many MiB, neither sparse nor the same everywhere, and waits until some of it has reached the container.
fn sends_a_large_file(stack: &Stack, size: usize) {
    let block: Vec<u8> = (0..MIB as usize)
        .map(|n| (((n * 31) >> 3) + size) as u8)
        .collect();
    let beside = stack.outside("large");
    let mut large = fs::File::create(&beside).expect("a file");
    for _ in 0..size {
        large.write_all(&block).expect("room");
    }
    drop(large);
    fs::rename(&beside, stack.path("www/large")).expect("a rename");
    let container = stack.container("site").id;
    eventually(SOON, "it is on its way", || {
        let there = docker(["exec", &container, "ls", "-A", "/www"]);
        if there.contains(".dev-sync-") {
            Ok(())
        } else {
            Err(there)
        }
    });
}

#[test]
fn a_small_save_does_not_wait_for_a_large_file() {
    let stack = with_files("passes", "");
    let _up = stack.up();
    let container = stream_is_open(&stack);
    sends_a_large_file(&stack, 300);
    stack.write("www/a.txt", "saved meanwhile");
    let script = "until grep -q meanwhile /www/a.txt; do usleep 2000; done; ls -A /www";
    let seen = docker(["exec", &container, "sh", "-c", script]);
    let is_there = seen.lines().any(|name| name == "large");
    assert!(!is_there, "the large one was faster: {seen}");
    assert!(
        seen.contains(".dev-sync-"),
        "it is still on its way: {seen}"
    );
    eventually(2 * SOON, "it arrives, too", || {
        let size = "stat -c %s /www/large || true";
        match docker(["exec", &container, "sh", "-c", size]) {
            size if size == (300 * MIB).to_string() => Ok(()),
            size => Err(size),
        }
    });
}

#[test]
fn a_container_that_is_restarted_or_replaced_under_a_large_file_has_it_in_the_end() {
    let stack = with_files("cut-off", "");
    let _up = stack.up();
    let container = stream_is_open(&stack);
    sends_a_large_file(&stack, 50);
    docker(["restart", "--time", "0", &container]);
    gets_the_same(&stack, "site");
    sends_a_large_file(&stack, 51);
    docker(["rm", "--force", &container]);
    gets_the_same(&stack, "site");
}

#[test]
fn every_container_of_a_service_gets_the_files() {
    let stack = with_files("each", "replicas = 3");
    let _up = stack.up();
    stack.write("www/new/x.txt", "x");
    fs::remove_file(stack.path("www/a.txt")).unwrap();
    let containers = stack.containers();
    assert_eq!(containers.len(), 3);
    for container in containers {
        eventually(SOON, "it has what is here", || {
            let (here, there) = (here(&stack.path("www")), there(&container.id, "/www")?);
            if here == there {
                Ok(())
            } else {
                Err(difference(&here, &there))
            }
        });
    }
}

/// `dev up` as somebody else than root, who owns the checkout and may use the engine; it is root's again at the end.
struct Somebody<'a> {
    stack: &'a Stack,
    up: Option<Background>,
}

impl<'a> Somebody<'a> {
    fn new(stack: &'a Stack) -> Self {
        let mut somebody = Self::begin(stack);
        somebody.says("all 1 ready");
        somebody
    }

    fn begin(stack: &'a Stack) -> Self {
        let dev = stack.outside("dev");
        fs::copy(env!("CARGO_BIN_EXE_dev"), &dev).expect("a copy that somebody else may run");
        let mut somebody = Self { stack, up: None };
        somebody.own("1000:1000");
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = host.strip_prefix("unix://");
        let socket = fs::metadata(socket.unwrap_or("/var/run/docker.sock"));
        let mut command = Command::new(dev);
        command.arg("up").current_dir(stack.path(""));
        stack.equip(&mut command);
        command
            .uid(1000)
            .gid(socket.expect("the engine's socket").gid())
            .env("HOME", stack.outside(""));
        somebody.up = Some(Background::start(command));
        somebody
    }

    fn says(&mut self, text: &str) {
        if let Some(up) = &mut self.up {
            up.says(text);
        }
    }

    fn own(&self, who: &str) {
        let mut command = Command::new("chown");
        let owned = command
            .args(["-R", who])
            .arg(self.stack.outside(""))
            .status();
        assert!(owned.is_ok_and(|status| status.success()), "chown");
    }
}

impl Drop for Somebody<'_> {
    fn drop(&mut self) {
        self.up = None;
        self.own("0:0");
    }
}

/// Waits until `/www/PATH` is this text.
pub fn has(stack: &Stack, path: &str, text: &str) {
    let container = stack.container("site").id;
    let path = format!("/www/{path}");
    eventually(SOON, "the file arrives", || {
        let script = format!("cat {path} 2>&1 || true");
        match docker(["exec", &container, "sh", "-c", &script]) {
            found if found == text => Ok(()),
            found => Err(found),
        }
    });
}

#[test]
fn a_file_that_may_not_be_read_is_named_and_holds_up_no_other() {
    let stack = with_files("closed", "");
    let mut somebody = Somebody::new(&stack);
    stack.write("www/opened", "opened");
    has(&stack, "opened", "opened");
    let beside = stack.outside("beside");
    fs::write(&beside, "root's own").unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, stack.path("www/closed")).unwrap();
    somebody.says("www/closed: Permission denied");
    stack.write("www/a.txt", "another");
    has(&stack, "a.txt", "another");
    fs::set_permissions(stack.path("www/closed"), fs::Permissions::from_mode(0o644)).unwrap();
    gets_the_same(&stack, "site");
}

#[test]
fn what_may_not_be_read_at_the_first_start_is_named_and_holds_up_no_other() {
    let stack = with_files("closed-first", "");
    stack.write("www/folder/inside", "inside");
    stack.write("www/file", "file");
    for closed in ["www/folder", "www/file"] {
        fs::set_permissions(stack.path(closed), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let mut somebody = Somebody::begin(&stack);
    somebody.says("www/file: Permission denied");
    somebody.says("let the user that runs `dev` read it, or leave it out with `ignore`");
    has(&stack, "sub/deep/c.txt", "c");
    stack.write("www/a.txt", "another");
    has(&stack, "a.txt", "another");
    fs::set_permissions(stack.path("www/file"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(stack.path("www/folder"), fs::Permissions::from_mode(0o755)).unwrap();
    gets_the_same(&stack, "site");
    stack.write("www/folder/inside", "watched from now on");
    gets_the_same(&stack, "site");
}

#[test]
fn a_target_that_turns_out_to_be_read_only_is_named_with_a_way_out() {
    let rule = r#"watch = [{ paths = ["www"], sync = "/www" }]"#;
    let volumes = r#"volumes = ["./other:/www/closed:ro"]"#;
    let stack = Stack::new("ro-within", sleeps("site", &format!("{rule}\n{volumes}")));
    stack.write("other/x", "x");
    stack.write("www/a.txt", "a");
    let mut up = stack.up();
    stack.write("www/opened", "opened");
    has(&stack, "opened", "opened");
    stack.write("www/closed/b.txt", "b");
    up.says("ead-only file system");
    up.says("mount a volume that can be written");
    stack.write("www/a.txt", "the others go on");
    has(&stack, "a.txt", "the others go on");
}

#[test]
fn what_is_refused_keeps_no_other_rule_from_its_restart() {
    let rules = "watch = [{ paths = [\"www\"], sync = \"/www\" }, { paths = [\"app\"], sync = \"/app\", then = \"restart\" }]";
    let volumes = r#"volumes = ["./other:/www/closed:ro"]"#;
    let stack = Stack::new("ro-restart", sleeps("site", &format!("{rules}\n{volumes}")));
    stack.write("other/x", "x");
    stack.write("www/a.txt", "a");
    stack.write("app/main", "one");
    let mut up = stack.up();
    stack.write("www/closed/b.txt", "b");
    up.says("could not take in /www/closed/b.txt");
    for text in ["two", "three"] {
        let before = stack.container("site").started;
        stack.write("app/main", text);
        eventually(SOON, "it restarts with what is saved", || {
            let now = stack.container("site");
            if now.started == before || !now.is_running() {
                return Err(now.status);
            }
            match docker(["exec", &now.id, "cat", "/app/main"]) {
                found if found == text => Ok(()),
                found => Err(found),
            }
        });
    }
    // It was restarted for no more than that.
    let before = stack.container("site").started;
    stack.write("www/a.txt", "the last");
    has(&stack, "a.txt", "the last");
    assert_eq!(stack.container("site").started, before);
    // Who asks for a restart gets it, too.
    stack.dev(["restart", "site"]);
    assert!(stack.container("site").started > before);
    let story = up.output();
    assert_eq!(story.matches(", restarts").count(), 2, "{story}");
}

#[test]
fn what_lies_in_memory_is_there_in_each_life() {
    let memory = "volumes = [{ tmpfs = true, target = \"/srv\" }]\n\
                  watch = [{ paths = [\"www\"], sync = \"/srv/www\" }]";
    let stack = Stack::new("memory", sleeps("site", memory));
    stack.write("www/a.txt", "one");
    let has = |text: &str| {
        let container = stack.container("site").id;
        assert_eq!(docker(["exec", &container, "cat", "/srv/www/a.txt"]), text);
    };
    stack.dev(["up", "--wait"]).succeeds();
    has("one");
    docker(["restart", "--time=0", &stack.container("site").id]);
    stack.dev(["up", "--wait"]).succeeds();
    has("one");
    stack.dev(["stop"]).succeeds();
    stack.write("www/a.txt", "two");
    stack.dev(["up", "--wait"]).succeeds();
    has("two");
    stack.dev(["stop"]).succeeds();
    stack.dev(["start"]).succeeds();
    has("two");
    stack.dev(["restart"]).succeeds();
    has("two");
    stack
        .dev(["up", "--wait"])
        .succeeds()
        .does_not_say("synced");
}

#[test]
fn what_is_mounted_from_the_same_place_is_not_synced_there() {
    let both = "volumes = [\"./www:/www\"]\nwatch = [{ paths = [\"www\"], sync = \"/www\", then = \"restart\" }]";
    let stack = Stack::new("mounted", sleeps("site", both));
    stack.write("www/a.txt", "one");
    let mut up = stack.start(["up"]);
    up.says("is not synced to /www, where it is mounted already");
    stack.until_with(&mut up, "it is ready", |status| status.ready);
    let life = stack.container("site").life();
    let inode = || fs::metadata(stack.path("www/a.txt")).unwrap().ino();
    stack.write("www/a.txt", "two");
    let saved = inode();
    eventually(SOON, "it is restarted once", || {
        match stack.container("site").life() == life {
            true => Err("it is the same life".to_owned()),
            false => Ok(()),
        }
    });
    stack.until_with(&mut up, "it is ready again", |status| status.ready);
    let container = stack.container("site");
    assert_eq!(docker(["exec", &container.id, "cat", "/www/a.txt"]), "two");
    // Nothing wrote over the file that was saved.
    assert_eq!(inode(), saved);
    assert_eq!(stack.container("site").life(), container.life());
}

#[test]
fn a_container_that_is_read_only_gets_what_goes_into_its_memory() {
    let stack = Stack::new(
        "read-only-root",
        "compose = \"compose.yaml\"\n\
         [services.site]\n\
         watch = [{ paths = [\"www\"], sync = \"/srv/www\" }, { paths = [\"closed\"], sync = \"/etc/closed\" }]\n",
    );
    stack.write(
        "compose.yaml",
        format!(
            "services:\n  site:\n    image: {BUSYBOX}\n    command: [sleep, \"1000000\"]\n    stop_signal: KILL\n    \
             read_only: true\n    tmpfs: [/srv]\n"
        ),
    );
    stack.write("www/a.txt", "one");
    stack.write("closed/b.txt", "x");
    // It is ready, and not all is well.
    let mut up = stack.start(["up"]);
    up.says("ready in");
    let container = stack.container("site").id;
    let has = |text: &str| {
        eventually(SOON, "it has what is here", || {
            let script = "cat /srv/www/a.txt 2>&1 || true";
            let there = docker(["exec", &container, "sh", "-c", script]);
            if there == text { Ok(()) } else { Err(there) }
        });
    };
    has("one");
    stack.write("www/a.txt", "two");
    has("two");
    stack.until("what cannot be written is named", |status| {
        let failure = status.service("site").failure.as_ref();
        failure.is_some_and(|failure| failure.to_string().contains("/etc/closed"))
    });
    // What the Compose file says carries the name of the stack that stands on it.
    assert_eq!(
        networks_of(stack.name()),
        [format!("{}_default", stack.name())]
    );
}
