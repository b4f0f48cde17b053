//! Builds from what the builder fetches itself, from a git server on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::engine::minor_version;
use crate::tool::{BOTH, Project, Tool, eventually};

/// `git daemon` with one repository, `app.git`.
struct Git {
    daemon: Child,
    port: u16,
    folder: TempDir,
}

fn git(dir: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=me", "-c", "user.email=me@example.test"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("git");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Where git keeps its own.
fn programs() -> PathBuf {
    let output = Command::new("git").arg("--exec-path").output();
    let path = String::from_utf8(output.expect("git").stdout).expect("a path");
    path.trim().into()
}

impl Git {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let work = folder.path().join("app.git");
        fs_err::create_dir_all(work.join("sub")).expect("a folder");
        git(&work, &["init", "--quiet", "--initial-branch", "main"]);
        let port = free_port();
        // Not through `git`, which would leave it behind when it is killed.
        let daemon = Command::new(programs().join("git-daemon"))
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git daemon");
        let git = Self {
            daemon,
            port,
            folder,
        };
        eventually("git daemon", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        git.commit("1");
        git
    }

    fn commit(&self, version: &str) {
        let work = self.folder.path().join("app.git");
        for (dir, says) in [(".", version.to_owned()), ("sub", format!("sub {version}"))] {
            let dockerfile = "FROM dev.local/busybox\nCOPY version /version\n";
            fs_err::write(work.join(dir).join("Dockerfile"), dockerfile).expect("a file");
            fs_err::write(work.join(dir).join("version"), says).expect("a file");
        }
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "--message", version]);
    }

    fn file(&self, fragment: &str) -> String {
        let port = self.port;
        format!(
            "services:\n  web:\n    build: 'git://127.0.0.1:{port}/app.git#{fragment}'\n    command: sleep 1000\n    init: true\n    stop_grace_period: 1s\n"
        )
    }
}

impl Drop for Git {
    fn drop(&mut self) {
        let _killed = self.daemon.kill();
        let _ended = self.daemon.wait();
    }
}

#[test]
fn a_repository_is_built_from_and_again_when_that_is_asked_for() {
    let seen = BOTH.map(|tool| {
        let git = Git::start();
        let project = Project::new(&git.file("main"));
        let up = |more: &[&str]| {
            let first: &[&str] = match tool {
                Tool::Dev => &["up", "--wait"],
                Tool::Compose => &["up", "-d", "--wait"],
            };
            project.done(tool, &[first, more].concat());
            project.inside("web", &["cat", "/version"])
        };
        let first = up(&[]);
        git.commit("2");
        [first, up(&[]), up(&["--build"])]
    });
    assert_eq!(seen[0], seen[1], "dev, and docker compose");
    assert_eq!(seen[0], ["1", "1", "2"]);
}

#[test]
fn a_folder_of_a_repository_is_built_from_where_the_engine_can() {
    for tool in BOTH {
        let git = Git::start();
        let project = Project::new(&git.file("main:sub"));
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]),
            Tool::Compose => project.run(tool, &["up", "-d", "--wait"]),
        };
        // Docker 20.10 says that it cannot, or takes the whole for the name of a branch.
        if minor_version() < 42 {
            assert_eq!(ended.code, 1, "{tool:?}: {ended:?}");
            let said = format!("{}{}", ended.said, ended.printed);
            let is_told = ["main:sub", "subdir not supported"].map(|why| said.contains(why));
            assert!(is_told.contains(&true), "{tool:?}: {said}");
            continue;
        }
        assert_eq!(ended.code, 0, "{tool:?}: {ended:?}");
        assert_eq!(
            project.inside("web", &["cat", "/version"]),
            "sub 1",
            "{tool:?}"
        );
    }
}

#[test]
fn a_repository_that_does_not_answer_is_told_of() {
    let project = Project::new(
        "services:\n  web:\n    build: 'git://127.0.0.1:1/app.git#main'\n    command: sleep 1000\n",
    );
    let ended = project.run(Tool::Dev, &["up", "--wait"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let said = format!("{}{}", ended.said, ended.printed);
    assert!(said.contains("127.0.0.1"), "{said}");
}
