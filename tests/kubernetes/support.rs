//! A stack in a folder and a namespace of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::turn::Turn;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Both go when it does.
pub struct Stack {
    folder: tempfile::TempDir,
    pub name: String,
    _turn: Turn,
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

/// A command at work.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// On stdout, until now.
    pub fn said(&self) -> String {
        fs_err::read_to_string(&self.out).expect("it is there")
    }

    /// On stderr, until now.
    pub fn remarked(&self) -> String {
        fs_err::read_to_string(&self.err).expect("it is there")
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).expect("a process");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        let sent = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        sent.expect("it runs");
    }

    pub fn end(mut self) -> Said {
        let status = self.child.wait().expect("it ends");
        Said {
            code: status.code().unwrap_or(-1),
            out: self.said(),
            err: fs_err::read_to_string(&self.err).expect("it is there"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Stack {
    #[track_caller]
    pub fn new(text: &str) -> Self {
        Self::in_turn(Turn::together(), text)
    }

    /// Of a folder with a stack file, under another name.
    #[track_caller]
    pub fn copy_of(folder: &Path) -> Self {
        let stack = Self::new("");
        for file in files_below(folder) {
            let name = file.strip_prefix(folder).expect("in it");
            let to = stack.path(name.to_str().expect("a name"));
            fs_err::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs_err::copy(&file, to).expect("copied");
        }
        let text = fs_err::read_to_string(folder.join("dev.toml")).expect("it is there");
        let (before, rest) = text.split_once("\nname = ").expect("it has a name");
        let rest = rest.split_once('\n').map(|(_, rest)| rest);
        stack.write(&format!("{before}\n{}", rest.expect("services")));
        stack
    }

    /// While no other test is at work.
    #[track_caller]
    pub fn alone(text: &str) -> Self {
        Self::in_turn(Turn::alone(), text)
    }

    #[track_caller]
    fn in_turn(turn: Turn, text: &str) -> Self {
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
            _turn: turn,
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
        Said::of(
            self.command(arguments, environment)
                .output()
                .expect("it runs"),
        )
    }

    /// Without waiting for its end.
    pub fn begin(&self, arguments: &[&str]) -> Running {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = |name: &str| {
            let path = self.path(&format!("{name}-{number}"));
            (fs_err::File::create(&path).expect("made"), path)
        };
        let ((out, out_path), (err, err_path)) = (file("stdout"), file("stderr"));
        let mut command = self.command(arguments, &[]);
        let child = command.stdout(out.into_file()).stderr(err.into_file());
        Running {
            child: child.spawn().expect("it runs"),
            out: out_path,
            err: err_path,
        }
    }

    /// A command on what was promoted.
    pub fn on_cluster(&self, arguments: &[&str]) -> Said {
        let there = there(arguments);
        self.dev(&there.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The same without waiting for its end.
    pub fn begin_on_cluster(&self, arguments: &[&str]) -> Running {
        let there = there(arguments);
        self.begin(&there.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
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
        command
    }

    /// How many objects of a kind there are; 0 where nobody can tell.
    pub fn count(&self, kind: &str) -> usize {
        let arguments = ["--namespace", &self.name, "get", kind, "--output", "name"];
        kubectl(&arguments).out.lines().count()
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

/// With where it is meant, and that it is, after the command.
fn there(arguments: &[&str]) -> Vec<String> {
    let (command, rest) = arguments.split_first().expect("a command");
    let mut words = vec![*command, "--on", "kubernetes"];
    let context = context();
    if let Some(context) = &context {
        words.extend(["--context", context]);
        if ["exec", "down"].contains(command) {
            words.push("--yes");
        }
    }
    words.extend(rest);
    words.into_iter().map(str::to_owned).collect()
}

/// Waits, half a minute at most.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The files below a folder, without what `dev` keeps there.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).expect("it is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let own = paths.filter(|path| !path.ends_with(".dev"));
    own.flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    })
    .collect()
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
