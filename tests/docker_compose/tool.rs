//! The two tools, and the folders that they are run in.

use std::io::{Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Dev,
    Compose,
}

/// A folder with Compose files, whose name is that of the project.
pub struct Project {
    pub name: String,
    pub dir: PathBuf,
    /// For `${PORT}`.
    pub port: u16,
    variables: Vec<(String, String)>,
    _temporary: TempDir,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub said: String,
    pub printed: String,
}

impl Project {
    /// The first file of the text is `compose.yaml`; a line `#### PATH` begins a further one.
    pub fn new(text: &str) -> Self {
        let temporary = tempfile::Builder::new()
            .prefix("cf-")
            .tempdir()
            .expect("a folder");
        let random: String = temporary
            .path()
            .to_string_lossy()
            .chars()
            .rev()
            .take(6)
            .collect();
        let name = format!("cf-{}", random.to_lowercase());
        let project = Self {
            dir: temporary.path().join(&name),
            name,
            port: free_port(),
            variables: Vec::new(),
            _temporary: temporary,
        };
        let mut path = project.dir.join("compose.yaml");
        let mut content = String::new();
        for line in text.split_inclusive('\n') {
            if let Some(next) = line.strip_prefix("#### ") {
                project.write(&path, &content);
                path = project.dir.join(next.trim());
                content.clear();
            } else {
                content.push_str(line);
            }
        }
        project.write(&path, &content);
        project
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn write(&self, path: &Path, content: &str) {
        let path = self.dir.join(path);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs_err::write(path, content).expect("a file");
    }

    fn command(&self, tool: Tool, arguments: &[&str]) -> Command {
        let program = match tool {
            Tool::Dev => PathBuf::from(env!("CARGO_BIN_EXE_dev")),
            Tool::Compose => compose(),
        };
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", "300"]).arg(program);
        for name in ["COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(&self.dir)
            .env("PWD", &self.dir)
            .env("PORT", self.port.to_string())
            .envs(self.variables.iter().cloned());
        let is_said = self
            .variables
            .iter()
            .any(|(name, _)| name == "DOCKER_CONFIG");
        if tool == Tool::Compose && !is_said {
            // Where it finds buildx: by itself it builds as engines did ten years ago.
            let binary = compose();
            let config = binary.ancestors().nth(2).expect("a folder of plugins");
            command.env("DOCKER_CONFIG", config);
        }
        command
    }

    pub fn run(&self, tool: Tool, arguments: &[&str]) -> Ended {
        ended(self.command(tool, arguments).output().expect("it runs"))
    }

    /// The same with further variables in its environment.
    pub fn run_in(&self, tool: Tool, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
        let mut command = self.command(tool, arguments);
        command.envs(variables.iter().copied());
        ended(command.output().expect("it runs"))
    }

    /// A command that nobody waits for.
    pub fn begin(&self, tool: Tool, arguments: &[&str]) -> Begun {
        let mut command = self.command(tool, arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Begun(command.spawn().expect("it runs"))
    }

    /// The same, with a text as standard input.
    pub fn run_with(&self, tool: Tool, stdin: &str, arguments: &[&str]) -> Ended {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(stdin.as_bytes()).expect("a file");
        file.rewind().expect("a file");
        let output = self.command(tool, arguments).stdin(file).output();
        ended(output.expect("it runs"))
    }

    /// It has to end with 0; what it printed.
    pub fn done(&self, tool: Tool, arguments: &[&str]) -> String {
        let ended = self.run(tool, arguments);
        assert_eq!(ended.code, 0, "{tool:?} {arguments:?}: {ended:?}");
        ended.printed
    }

    /// Up until all is there, and nobody stays.
    pub fn up(&self, tool: Tool) {
        match tool {
            Tool::Dev => self.done(tool, &["up", "--wait"]),
            Tool::Compose => self.done(tool, &["up", "-d", "--wait"]),
        };
    }

    /// What a command inside a service says.
    pub fn inside(&self, service: &str, command: &[&str]) -> String {
        let arguments = [&["exec", "-T", service], command].concat();
        self.done(Tool::Compose, &arguments)
    }

    /// The same, where the container may not be there at the moment.
    pub fn look(&self, service: &str, command: &[&str]) -> Option<String> {
        let arguments = [&["exec", "-T", service], command].concat();
        let ended = self.run(Tool::Compose, &arguments);
        (ended.code == 0).then_some(ended.printed)
    }

    /// Up, with somebody who brings in what is saved, until the end of the returned value.
    pub fn watch(&self, tool: Tool) -> Watching {
        let said = self.dir.with_extension("said");
        let file = fs_err::File::create(&said).expect("a file");
        let arguments: &[&str] = match tool {
            Tool::Dev => &["up"],
            Tool::Compose => &["watch"],
        };
        let output = || Stdio::from(file.file().try_clone().expect("the same file"));
        let mut command = self.command(tool, arguments);
        command
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output());
        let watching = Watching(command.spawn().expect("it runs"));
        match tool {
            Tool::Dev => {
                self.done(tool, &["wait", "--timeout", "2m"]);
            }
            Tool::Compose => eventually("compose watches", || {
                let said = fs_err::read_to_string(&said).expect("what it said");
                said.contains("Watch enabled").then_some(())
            }),
        }
        watching
    }

    /// The body of an answer from the published port; asked until there is one.
    pub fn get(&self, path: &str) -> String {
        self.answer(path).1
    }

    /// Its head.
    pub fn head(&self, path: &str) -> String {
        self.answer(path).0
    }

    fn answer(&self, path: &str) -> (String, String) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(answer) = get(self.port, path) {
                return answer;
            }
            assert!(Instant::now() < deadline, "nobody answers on {}", self.port);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        printed: String::from_utf8_lossy(&output.stdout).into_owned(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command with all that it began, in a process group of its own.
pub struct Begun(Child);

impl Begun {
    /// Its exit code, once it has ended by itself; killed where that takes too long.
    pub fn code(mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().expect("it is ours") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.kill();
        None
    }

    /// Ctrl-C, and all that follows from it.
    pub fn interrupt(mut self) {
        let group = format!("-{}", self.0.id());
        let _sent = Command::new("kill").args(["-INT", "--", &group]).status();
        let _ended = self.0.wait();
    }

    /// At once, as a crash would.
    pub fn kill(mut self) {
        let group = format!("-{}", self.0.id());
        let _sent = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ended = self.0.wait();
    }
}

/// A tool that stays in front.
pub struct Watching(Child);

impl Drop for Watching {
    /// Ctrl-C, and all that follows from it.
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let _sent = Command::new("kill").args(["-INT", &id]).status();
        let _ended = self.0.wait();
    }
}

/// Asks until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub const BOTH: [Tool; 2] = [Tool::Dev, Tool::Compose];

/// What both tools let come of a file.
pub fn same<T: PartialEq + std::fmt::Debug>(file: &str, act: impl Fn(&Project, Tool) -> T) -> T {
    let [ours, theirs] = BOTH.map(|tool| act(&Project::new(file).with("TOKEN", "s3cret"), tool));
    assert_eq!(ours, theirs, "dev, and docker compose");
    ours
}

impl Drop for Project {
    fn drop(&mut self) {
        // Whatever became of the test, nothing is left of it.
        let _ended = self.run(
            Tool::Compose,
            &[
                "--profile",
                "*",
                "down",
                "-v",
                "--rmi",
                "local",
                "-t",
                "1",
                "--remove-orphans",
            ],
        );
    }
}

fn get(port: u16, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ")
        .then(|| (head.to_owned(), body.to_owned()))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The first of so many that are free, one after the other; where the engine itself takes none.
pub fn free_ports(count: u16) -> u16 {
    let begin = 20_000 + (std::process::id() % 900) as u16 * 12;
    (begin..32_000)
        .step_by(usize::from(count))
        .find(|first| {
            (*first..first + count).all(|port| TcpListener::bind(("0.0.0.0", port)).is_ok())
        })
        .expect("free ports")
}

/// The folder of the docker client's plugins.
pub fn plugins() -> PathBuf {
    compose().parent().expect("a folder").to_owned()
}

/// The real one, built once.
fn compose() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/peers");
        let output = Command::new(&script).output().expect("tests/engines/peers");
        assert!(output.status.success(), "{output:?}");
        let config = String::from_utf8(output.stdout).expect("a path");
        Path::new(config.trim()).join("cli-plugins/docker-compose")
    };
    BINARY.get_or_init(build).clone()
}
