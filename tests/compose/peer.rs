//! The two tools that are compared.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::case::Case;

/// The canonical file, or what the tool says against it.
pub type Answer = Result<Value, String>;

/// The real `docker compose`, built once from its Go modules.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/peers");
        let output = Command::new(&script).output().expect("tests/engines/peers");
        assert!(
            output.status.success(),
            "docker compose could not be built:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let config = String::from_utf8(output.stdout).expect("a path");
        Path::new(config.trim()).join("cli-plugins/docker-compose")
    };
    BINARY.get_or_init(build).clone()
}

/// Ended after a minute, which is told as the code 124.
fn limited(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60"]).arg(program);
    command
}

pub fn dev(case: &Case, dir: &Path) -> Answer {
    let mut command = limited(Path::new(env!("CARGO_BIN_EXE_dev")));
    command
        .args(["config", "--format", "compose", "--json"])
        .args(&case.arguments);
    answer(command, case, dir)
}

pub fn docker_compose(binary: &Path, case: &Case, dir: &Path) -> Answer {
    let mut command = limited(binary);
    // Both know these, at different places: these are options of all of its commands.
    let arguments = case
        .arguments
        .iter()
        .map(|argument| match argument.as_str() {
            "--name" => "--project-name",
            other => other,
        });
    command.args(arguments).args(["config", "--format", "json"]);
    answer(command, case, dir)
}

fn answer(mut command: Command, case: &Case, dir: &Path) -> Answer {
    let stdin = case.stdin.as_ref().map_or_else(Stdio::null, |path| {
        fs_err::File::open(dir.join(path))
            .expect("a file")
            .into_parts()
            .0
            .into()
    });
    command
        .stdin(stdin)
        .current_dir(dir)
        .env_clear()
        .env("HOME", "/home/somebody")
        .env("PATH", "/usr/bin:/bin")
        .env("PWD", dir)
        .envs(case.environment.iter().cloned());
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => serde_json::from_slice(&output.stdout).map_err(|error| error.to_string()),
        Some(1 | 2 | 14 | 15) => Err(told),
        // A panic, a signal.
        other => panic!("{}: ended with {other:?}:\n{told}", case.name),
    }
}

/// The first place where two values differ.
pub fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    at("", ours, theirs)
}

fn at(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let mut differences = keys.filter_map(|key| {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => at(&path, a, b),
                    (Some(a), None) => Some(format!("{path}: only dev has it: {a}")),
                    (None, b) => Some(format!("{path}: only docker compose has it: {b:?}")),
                }
            });
            differences.next()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| at(&format!("{path}[{index}]"), a, b))
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        _ if ours == theirs => None,
        _ => Some(format!("{path}: dev has {ours}, docker compose {theirs}")),
    }
}
