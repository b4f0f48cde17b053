//! The programs, built once from their Go modules by `tests/exported/programs`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a program said.
pub struct Said {
    pub good: bool,
    pub out: String,
    pub err: String,
}

impl Said {
    #[track_caller]
    pub fn expect(self) -> String {
        assert!(self.good, "{}\n{}", self.out, self.err);
        self.out
    }
}

pub fn run(command: &mut Command) -> Said {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said {
        good: output.status.success(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn built(what: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exported/programs");
    let said = run(Command::new(script).arg(what)).expect();
    PathBuf::from(said.trim())
}

/// Folder of helm, kustomize and kubeconform.
pub fn charts() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| built("charts"))
}

/// Folder of sops and age-keygen.
pub fn secrets() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| built("secrets"))
}

/// With nothing of the person who runs the tests.
pub fn helm(folder: &Path) -> Command {
    let mut command = Command::new(charts().join("helm"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("KUBECONFIG");
    command
}

pub fn kustomize(folder: &Path) -> Said {
    let program = charts().join("kustomize");
    run(Command::new(program).arg("build").arg(folder))
}
