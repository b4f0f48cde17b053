use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Background, Outcome};

const LIMIT: Duration = Duration::from_secs(60);

/// The engine's own client, so that what scenarios see does not come through `dev`.
pub fn docker<const N: usize>(arguments: [&str; N]) -> String {
    run(&arguments).succeeds().stdout.trim().to_owned()
}

pub(super) fn run(arguments: &[&str]) -> Outcome {
    let mut command = Command::new("docker");
    command.args(arguments);
    Background::start(command).ends_within(LIMIT)
}

/// # Panics
/// No engine answers.
pub(super) fn require_engine() {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    let answer = ANSWER.get_or_init(|| {
        let how = "`tests/run` brings engines; or start one and name it in DOCKER_HOST";
        if which::which("docker").is_err() {
            return Err(format!(
                "a scenario needs the `docker` client, and there is none; {how}"
            ));
        }
        let asked = run(&["version", "--format", "{{.Server.APIVersion}}"]);
        match asked.code {
            Some(0) => Ok(()),
            _ => Err(format!(
                "a scenario needs a Docker engine, and none answers; {how}\n{}",
                asked.story()
            )),
        }
    });
    if let Err(sentence) = answer {
        panic!("{sentence}");
    }
}

/// A container as the engine sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub service: String,
    /// `running`, `exited`, …
    pub status: String,
    pub exit_code: i64,
    pub started: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    /// All that the engine says.
    pub raw: Value,
}

impl Container {
    pub fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// One life of it: the id, and when it was started.
    pub fn life(&self) -> (String, DateTime<Utc>) {
        (self.id.clone(), self.started)
    }

    fn from(raw: Value) -> Self {
        let text = |pointer: &str| {
            raw.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let time = |pointer: &str| text(pointer).parse().unwrap_or_default();
        Self {
            id: text("/Id"),
            name: text("/Name").trim_start_matches('/').to_owned(),
            service: text("/Config/Labels/com.docker.compose.service"),
            status: text("/State/Status"),
            exit_code: raw["State"]["ExitCode"].as_i64().unwrap_or(-1),
            started: time("/State/StartedAt"),
            finished: time("/State/FinishedAt"),
            raw,
        }
    }
}

fn label(project: &str) -> String {
    format!("label=com.docker.compose.project={project}")
}

/// Containers of a project, stopped ones too, by name.
pub(super) fn containers_of(project: &str) -> Vec<Container> {
    let ids = docker([
        "ps",
        "--all",
        "--quiet",
        "--no-trunc",
        "--filter",
        &label(project),
    ]);
    if ids.is_empty() {
        return Vec::new();
    }
    let mut arguments = vec!["container", "inspect"];
    arguments.extend(ids.lines());
    // One that went away in between is named on stderr, and the others are printed.
    let found: Vec<Value> = serde_json::from_str(&run(&arguments).stdout).unwrap_or_default();
    let mut containers: Vec<Container> = found.into_iter().map(Container::from).collect();
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    containers
}

pub fn networks_of(project: &str) -> Vec<String> {
    list(&[
        "network",
        "ls",
        "--filter",
        &label(project),
        "--format",
        "{{.Name}}",
    ])
}

pub fn volumes_of(project: &str) -> Vec<String> {
    list(&[
        "volume",
        "ls",
        "--filter",
        &label(project),
        "--format",
        "{{.Name}}",
    ])
}

fn list(arguments: &[&str]) -> Vec<String> {
    let printed = run(arguments).succeeds().stdout;
    printed.lines().map(str::to_owned).collect()
}

/// Removes everything with the project's label, whatever state it is in.
pub(super) fn remove_all_of(project: &str) {
    let label = label(project);
    let remove = |find: &[&str], remove: &[&str]| {
        let mut find = find.to_vec();
        find.extend(["--quiet", "--filter", &label]);
        let found = run(&find).stdout;
        let mut arguments = remove.to_vec();
        arguments.extend(found.lines());
        if arguments.len() > remove.len() {
            run(&arguments);
        }
    };
    remove(&["ps", "--all"], &["rm", "--force", "--volumes"]);
    remove(&["network", "ls"], &["network", "rm"]);
    remove(&["volume", "ls"], &["volume", "rm", "--force"]);
    remove(&["image", "ls"], &["image", "rm", "--force"]);
}
