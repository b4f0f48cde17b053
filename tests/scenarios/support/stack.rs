use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::docker::{self, Container};
use super::{Answer, Background, Outcome, SOON, Status, eventually, get, processes};

/// For a whole command; a build on a loaded machine may take a while.
const COMMAND: Duration = Duration::from_secs(180);

/// A checkout with a stack file in a folder of its own, and a project name that nothing else has. What it started is
/// taken down when it is dropped; a scenario fails if `dev down --volumes` leaves anything.
pub struct Stack {
    folder: TempDir,
    project: String,
    variables: Vec<(String, String)>,
    /// Whether its end takes down what has its name.
    owner: bool,
    /// It has processes only, and nobody else has its name.
    alone: bool,
}

impl Stack {
    /// A stack on the real engine. `topic` is part of its name.
    pub fn new(topic: &str, toml: impl AsRef<str>) -> Self {
        docker::require_engine();
        Self::make(&unique(topic), toml.as_ref(), true)
    }

    /// A stack whose scenario needs no engine: whatever asks for one finds none.
    pub fn without_engine(topic: &str, toml: impl AsRef<str>) -> Self {
        let mut stack = Self::make(&unique(topic), toml.as_ref(), false);
        let nowhere = format!("unix://{}", stack.outside("no-engine.sock").display());
        stack.set("DOCKER_HOST", &nowhere);
        stack.alone = true;
        stack
    }

    /// Another checkout with the same project name, which this one cleans up after.
    pub fn other_checkout(&self, toml: impl AsRef<str>) -> Self {
        Self::make(&self.project, toml.as_ref(), false)
    }

    fn make(project: &str, toml: &str, owner: bool) -> Self {
        // Short, because a socket's path may have 107 bytes only.
        let folder = tempfile::Builder::new()
            .prefix("dev-test-")
            .tempdir()
            .unwrap();
        for name in ["checkout", "run"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let stack = Self {
            folder,
            project: project.to_owned(),
            variables: Vec::new(),
            owner,
            alone: false,
        };
        stack.edit(toml);
        stack
    }

    pub fn name(&self) -> &str {
        &self.project
    }

    /// Sets a variable of the environment of every later `dev`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    // --- Files ------------------------------------------------------------------------------------------------------

    /// Writes the stack file anew.
    pub fn edit(&self, toml: impl AsRef<str>) {
        let text = format!("name = \"{}\"\n{}", self.project, toml.as_ref());
        self.write("dev.toml", text);
    }

    /// Writes a file of the checkout at once, as editors do: elsewhere, then renamed.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = self.outside("written");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("checkout").join(path)
    }

    /// A path that belongs to the scenario, but not to the checkout.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    // --- Commands ---------------------------------------------------------------------------------------------------

    pub fn dev<const N: usize>(&self, arguments: [&str; N]) -> Outcome {
        self.start(arguments).ends_within(COMMAND)
    }

    /// Starts `dev` and lets it run.
    pub fn start<const N: usize>(&self, arguments: [&str; N]) -> Background {
        Background::start(self.command(&arguments))
    }

    /// `dev up` in front, running beside the scenario, everything ready.
    pub fn up(&self) -> Background {
        let mut up = self.start(["up"]);
        self.until_with(&mut up, "everything is ready", |status| {
            status.ready && !status.services.is_empty()
        });
        up
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command.args(arguments).current_dir(self.path(""));
        self.equip(&mut command);
        command
    }

    /// Gives any command the environment that `dev` gets here.
    pub fn equip(&self, command: &mut Command) {
        for name in ["NO_COLOR", "CI", "FORCE_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
            .env("XDG_RUNTIME_DIR", self.outside("run"))
            .env("LANG", "C.UTF-8")
            .env(processes::MARK, &self.project);
        for (name, value) in &self.variables {
            command.env(name, value);
        }
    }

    // --- States -----------------------------------------------------------------------------------------------------

    pub fn status(&self) -> Status {
        self.try_status()
            .unwrap_or_else(|problem| panic!("no status: {problem}"))
    }

    pub fn try_status(&self) -> Result<Status, String> {
        let asked = self.dev(["status", "--json"]);
        serde_json::from_str(&asked.stdout).map_err(|error| format!("{error}\n{}", asked.story()))
    }

    /// Waits for a state that `dev status` shows.
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Status) -> bool) -> Status {
        eventually(SOON, what, || {
            let status = self.try_status()?;
            if holds(&status) {
                Ok(status)
            } else {
                Err(status.to_string())
            }
        })
    }

    /// The same; fails at once when the command that should bring it about has ended.
    pub fn until_with(
        &self,
        command: &mut Background,
        what: &str,
        mut holds: impl FnMut(&Status) -> bool,
    ) -> Status {
        self.until(what, |status| {
            let done = holds(status);
            assert!(
                done || !command.has_ended(),
                "ended before this: {what}\n{}",
                command.ends().story()
            );
            done
        })
    }

    /// Containers of this stack, stopped ones too, by name.
    pub fn containers(&self) -> Vec<Container> {
        docker::containers_of(&self.project)
    }

    /// The service's container, where it has exactly one.
    pub fn try_container(&self, service: &str) -> Option<Container> {
        let mut found = self
            .containers()
            .into_iter()
            .filter(|container| container.service == service);
        let one = found.next()?;
        found.next().is_none().then_some(one)
    }

    /// The service's one container: what was replaced is there for a moment after the new one is ready.
    ///
    /// # Panics
    /// The service does not come to have exactly one container.
    pub fn container(&self, service: &str) -> Container {
        let what = format!("`{service}` has one container");
        eventually(SOON, &what, || {
            let found = self.try_container(service);
            found.ok_or_else(|| format!("{:?}", names(&self.containers())))
        })
    }

    pub fn has_container(&self, service: &str) -> bool {
        self.containers()
            .iter()
            .any(|container| container.service == service)
    }

    /// What the service's first address answers to `GET /path`.
    pub fn get(&self, service: &str, path: &str) -> Result<Answer, String> {
        let status = self.try_status()?;
        let address = status
            .service(service)
            .addresses
            .first()
            .ok_or("no address")?
            .clone();
        get(&format!("{}/{path}", address.trim_end_matches('/')))
    }

    /// Waits until the service's `/` is `body`.
    pub fn serves(&self, service: &str, body: &str) {
        eventually(SOON, &format!("{service} serves `{body}`"), || {
            let answer = self.get(service, "")?;
            if answer.body.trim() == body {
                Ok(())
            } else {
                Err(format!("{answer:?}"))
            }
        });
    }

    /// The result of one SQL statement, asked inside the service's container.
    pub fn sql(&self, service: &str, database: &str, statement: &str) -> String {
        let container = self.container(service).id;
        docker::run(&[
            "exec",
            &container,
            "psql",
            "--username=postgres",
            "--no-align",
            "--tuples-only",
            "--dbname",
            database,
            "--command",
            statement,
        ])
        .succeeds()
        .stdout
        .trim()
        .to_owned()
    }

    /// What still runs of everything that was started for this stack, as command lines.
    pub fn processes(&self) -> Vec<String> {
        let running = processes::of(&self.project);
        running.into_iter().map(|(_, line)| line).collect()
    }

    /// For a `dev` behind a terminal, whose process is not the scenario's own.
    pub fn signal_each_dev(&self, signal: Signal) {
        for (pid, line) in processes::of(&self.project) {
            let program = line.split(' ').next().unwrap_or_default();
            if program == env!("CARGO_BIN_EXE_dev") {
                kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
            }
        }
    }

    // --- The end ----------------------------------------------------------------------------------------------------

    /// Takes everything down, data too, and looks whether anything of it is left.
    pub fn leaves_nothing_behind(&self) {
        let down = self.dev(["down", "--volumes", "--yes"]).succeeds();
        let mut left: Vec<String> = names(&self.containers());
        left.extend(docker::networks_of(&self.project));
        left.extend(docker::volumes_of(&self.project));
        assert!(left.is_empty(), "left behind: {left:?}\n{}", down.story());
        eventually(SOON, "no process is left", || {
            let running = self.processes();
            if running.is_empty() {
                Ok(())
            } else {
                Err(format!("{running:?}"))
            }
        });
    }

    fn tell(&self) {
        for arguments in [["status"], ["why"]] {
            eprintln!("{}", self.dev(arguments).story());
        }
        for container in self.containers() {
            eprintln!(
                "  container {} {} ({}) since {}",
                container.name, container.status, container.exit_code, container.started
            );
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !self.owner {
            if self.alone {
                processes::kill(&self.project);
            }
            return;
        }
        if thread::panicking() {
            // A second panic would end all scenarios.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.tell()));
        } else {
            let asserted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.leaves_nothing_behind();
            }));
            if let Err(problem) = asserted {
                self.clean();
                std::panic::resume_unwind(problem);
            }
        }
        self.clean();
    }
}

impl Stack {
    fn clean(&self) {
        processes::kill(&self.project);
        docker::remove_all_of(&self.project);
        // Of those that `dev ci` made and could not remove.
        let beside = fs::read_dir(self.path(".dev")).into_iter().flatten();
        let beside = beside.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let prefix = format!("{}-ci-", self.project);
        for project in beside.filter(|name| name.starts_with(&prefix)) {
            docker::remove_all_of(&project);
        }
    }
}

fn names(containers: &[Container]) -> Vec<String> {
    containers
        .iter()
        .map(|container| container.name.clone())
        .collect()
}

fn unique(topic: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t-{topic}-{}-{count}", std::process::id())
}

/// A port of the loopback that nothing listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
