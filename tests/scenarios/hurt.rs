//! What hurts a whole engine. `tests/run` runs these alone, on an engine that it started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::process;
use super::support::{BUSYBOX, Background, SOON, Stack, eventually, free_port, serves, sleeps};

const LONG: Duration = Duration::from_secs(120);

/// Stops and starts the engine itself; its containers stop.
///
/// # Panics
/// The engine is none that the tests started.
fn restart_engine() {
    let script = std::env::var("DEV_TEST_ENGINE").unwrap_or_default();
    assert!(
        Path::new(&script).is_file(),
        "this restarts a Docker engine, and uses only one that the tests started: `tests/run` starts one, and names its \
         script in DEV_TEST_ENGINE"
    );
    let mut command = Command::new(script);
    command.arg("restart");
    Background::start(command).ends_within(LONG).succeeds();
}

#[test]
fn an_engine_that_restarts_under_a_running_up_finds_its_stack_again() {
    let stack = Stack::new(
        "restarts",
        format!("{}{}", serves("db", ""), serves("web", "needs = [\"db\"]")),
    );
    let mut up = stack.up();
    let before = (stack.container("db"), stack.container("web"));

    restart_engine();
    stack.until_with(&mut up, "everything runs and is ready again", |status| {
        status.ready
            && stack.container("db").started > before.0.started
            && stack.container("web").started > before.1.started
    });
    assert_eq!(
        stack.container("db").id,
        before.0.id,
        "it was recreated for nothing"
    );
    stack.serves("web", "web");
    stack.serves("db", "db");

    stack.edit(format!(
        "{}{}",
        serves("db", ""),
        serves("web", "needs = [\"db\"]\nenv = { LEVEL = \"2\" }")
    ));
    stack.until_with(&mut up, "it still watches", |status| {
        status.ready
            && stack
                .try_container("web")
                .is_some_and(|web| web.id != before.1.id)
    });
}

/// A Docker engine whose disk is small: Debian's dockerd on a file system in memory, in the network that the scenario has.
struct SmallEngine {
    process: Background,
    folder: PathBuf,
    disk: PathBuf,
    host: String,
}

impl SmallEngine {
    fn gets_busybox(&self, stack: &Stack) {
        let image = stack.outside("busybox.tar").display().to_string();
        run(&["docker", "save", "--output", &image, BUSYBOX]);
        self.docker(&["load", "--input", &image]).ends().succeeds();
    }

    fn start(folder: &Path, size: &str) -> Self {
        let disk = folder.join("disk");
        fs::create_dir(&disk).unwrap();
        let at = disk.to_str().unwrap();
        run(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            &format!("size={size}"),
            "tmpfs",
            at,
        ]);
        let host = format!("unix://{}", folder.join("small.sock").to_str().unwrap());
        let mut engine = Self {
            process: Self::process(folder, &host),
            folder: folder.to_owned(),
            disk,
            host,
        };
        engine.answers();
        engine
    }

    fn process(folder: &Path, host: &str) -> Background {
        let place = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let name = format!("small-{}", std::process::id());
        let mut dockerd = Command::new("dockerd");
        dockerd.args(["--host", host, "--pidfile", &place("small.pid")]);
        dockerd.args([
            "--data-root",
            &place("disk"),
            "--exec-root",
            &place("small"),
        ]);
        dockerd.args(["--bridge", "none", "--iptables=false"]);
        // Where the machine runs a containerd, dockerd shares it.
        dockerd.args([
            "--containerd-namespace",
            &name,
            "--containerd-plugins-namespace",
            &format!("{name}-plugins"),
        ]);
        Background::start(dockerd)
    }

    fn answers(&mut self) {
        eventually(SOON, "the small engine answers", || {
            assert!(
                !self.process.has_ended(),
                "it ended: {}",
                self.process.output()
            );
            let version = self.docker(&["version"]).ends();
            if version.code == Some(0) {
                Ok(())
            } else {
                Err(version.story())
            }
        });
    }

    fn goes_away(&mut self) {
        self.process.signal(Signal::TERM);
        self.process.ends_within(LONG);
    }

    fn comes_back(&mut self) {
        self.process = Self::process(&self.folder, &self.host);
        self.answers();
    }

    fn docker(&self, arguments: &[&str]) -> Background {
        let mut docker = Command::new("docker");
        docker.args(["--host", &self.host]).args(arguments);
        Background::start(docker)
    }
}

impl Drop for SmallEngine {
    fn drop(&mut self) {
        if !self.process.has_ended() {
            self.process.signal(Signal::TERM);
            self.process.ends_within(LONG);
        }
        run(&["umount", "--lazy", self.disk.to_str().unwrap()]);
    }
}

fn run(words: &[&str]) {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    Background::start(command).ends_within(LONG).succeeds();
}

#[test]
fn a_disk_that_is_full_while_building_is_named_and_what_runs_runs_on() {
    let app = "[services.app]\nbuild = \".\"\ncommand = [\"sleep\", \"1000000\"]\nstop = { signal = \"KILL\" }\n";
    let mut stack = Stack::without_engine("full", format!("{app}{}", sleeps("fine", "")));
    let engine = SmallEngine::start(&stack.outside(""), "96m");
    engine.gets_busybox(&stack);
    stack.set("DOCKER_HOST", &engine.host);
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nCOPY content /content\n"),
    );
    stack.write("content", vec![1; 200 << 20]);

    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("app")
        .says("disk is full")
        .says("docker builder prune");
    assert!(stack.status().is("fine", "ready"), "{}", stack.status());

    // As the help says. What the build that failed had held, its builder lets go a moment later.
    eventually(SOON, "there is space again", || {
        engine
            .docker(&["builder", "prune", "--force"])
            .ends()
            .succeeds();
        let free = rustix::fs::statvfs(&engine.disk).expect("the disk is mounted");
        let free = free.f_bavail * free.f_frsize;
        if free > 40 << 20 {
            Ok(())
        } else {
            Err(format!("{free} bytes are free"))
        }
    });
    stack.write("content", "small");
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["down", "--volumes", "--yes"]).succeeds();
}

#[test]
fn processes_are_looked_after_while_the_engine_is_away() {
    let rule = "watch = [{ paths = [\"src\"], then = \"restart\" }]";
    let port = free_port();
    let mut stack = Stack::without_engine(
        "away",
        format!("{}{}", process::web(port, rule), sleeps("db", "")),
    );
    stack.write("src/main", "1");
    let mut engine = SmallEngine::start(&stack.outside(""), "96m");
    engine.gets_busybox(&stack);
    stack.set("DOCKER_HOST", &engine.host);
    let mut up = stack.up();
    stack.until_with(&mut up, "both are ready", |status| status.ready);
    let web = || process::pid(&stack, "pid");
    let is_another = |status: &super::support::Status, before: i32| {
        status.is("web", "ready") && web() != before && process::runs(web())
    };

    engine.goes_away();
    stack.until_with(&mut up, "it is told", |status| !status.runtime_up);
    let before = web();
    process::kill(before);
    stack.until_with(&mut up, "what crashed runs again", |status| {
        is_another(status, before)
    });
    let before = web();
    stack.write("src/main", "2");
    stack.until_with(&mut up, "a save restarts it", |status| {
        is_another(status, before)
    });
    let before = web();
    stack.dev(["restart", "web"]).within(LONG / 4).succeeds();
    assert_ne!(web(), before);
    stack.dev(["stop", "web"]).within(LONG / 4).succeeds();
    assert!(!process::runs(web()));
    assert!(stack.status().is("web", "stopped"), "{}", stack.status());
    stack
        .dev(["down"])
        .within(LONG / 4)
        .exits(3)
        .says_on_stderr("the container engine does not answer");
    up.ends_within(LONG / 4);

    engine.comes_back();
    stack.dev(["down", "--volumes", "--yes"]).succeeds();
    let left = engine.docker(&["ps", "--all", "--quiet"]).ends().succeeds();
    assert_eq!(left.stdout.trim(), "");
}
