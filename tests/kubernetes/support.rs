//! A stack in a folder and a namespace of its own.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Both go when it does.
pub struct Stack {
    folder: tempfile::TempDir,
    pub name: String,
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.out, self.err
        );
        self
    }
}

impl Stack {
    #[track_caller]
    pub fn new(text: &str) -> Self {
        let kubectl = kubectl(&["get", "--raw", "/readyz"]);
        assert_eq!(
            kubectl.code, 0,
            "no cluster answers: eval \"$(tests/cluster/cluster start)\"; export KUBECONFIG CONTAINERD_ADDRESS KUBECTL\n{}",
            kubectl.err
        );
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let stack = Self {
            folder: tempfile::tempdir().expect("a folder"),
            name: format!("kt-{}-{number}", std::process::id()),
        };
        stack.write(text);
        stack
    }

    pub fn write(&self, text: &str) {
        self.file("dev.toml", &format!("name = \"{}\"\n{text}", self.name));
    }

    pub fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn dev(&self, arguments: &[&str]) -> Said {
        self.dev_with(arguments, &[])
    }

    pub fn dev_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        let own_cluster = environment.iter().any(|(name, _)| *name == "KUBECONFIG");
        let context = context().filter(|_| !own_cluster && arguments[0] == "promote");
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1");
        if let Some(context) = &context {
            command.args(["--context", context, "--yes"]);
        }
        command.envs(environment.iter().copied());
        Said::of(command.output().expect("it runs"))
    }

    /// kubectl in the stack's namespace.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let said = kubectl(&[&["--namespace", &self.name], arguments].concat());
        said.expect(0).out
    }

    /// The API server's address.
    pub fn dev_server(&self) -> String {
        let path = "jsonpath={.clusters[0].cluster.server}";
        kubectl(&["config", "view", "--minify", "--output", path])
            .expect(0)
            .out
    }

    /// What a Service answers, through the API server.
    #[track_caller]
    pub fn get(&self, service: &str, port: &str, path: &str) -> String {
        let url = format!(
            "/api/v1/namespaces/{}/services/{service}:{port}/proxy{path}",
            self.name
        );
        kubectl(&["get", "--raw", &url]).expect(0).out
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _gone = kubectl(&[
            "delete",
            "namespace",
            &self.name,
            "--wait=false",
            "--ignore-not-found",
        ]);
    }
}

/// A cluster that was there already: tests/run says more.
fn context() -> Option<String> {
    std::env::var("DEV_TEST_CONTEXT").ok()
}

fn kubectl(arguments: &[&str]) -> Said {
    let program = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let mut command = Command::new(&program);
    if let Some(context) = context() {
        command.args(["--context", &context]);
    }
    let output = command.args(arguments).output();
    Said::of(output.unwrap_or_else(|error| panic!("{program}: {error}")))
}
