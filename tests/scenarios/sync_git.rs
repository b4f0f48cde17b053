//! What git does to a checkout is one change, however many files it writes and however long that takes.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::support::tree::{difference, here, there};
use super::support::{Background, SOON, Stack, docker, eventually, sleeps};

/// A checkout with two branches, `one` and `two`, in which all of so many files differ.
struct Repository {
    stack: Stack,
    /// The container's life is told at its begin.
    up: Background,
}

/// Git as it is without anybody's settings.
fn git(stack: &Stack, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    for setting in ["user.name=a", "user.email=a@example.com", "gc.auto=0"] {
        command.args(["-c", setting]);
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(arguments)
        .stdout(Stdio::null())
        .current_dir(stack.path(""));
    command
}

fn runs(mut command: Command) {
    let done = command.output().expect("git");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
}

impl Repository {
    /// `then`: what follows a sync. `main` puts git's own folder into place.
    fn new(topic: &str, files: usize, then: &str, main: impl FnOnce(&Stack)) -> Self {
        let rules = format!(
            "watch = [{{ paths = [\"www\"], sync = \"/www\"{then} }}, {{ paths = [\"fence\"], sync = \"/fence\" }}]"
        );
        let toml = sleeps("site", &rules).replace(
            "[\"sleep\", \"1000000\"]",
            "\"echo a life; exec sleep 1000000\"",
        );
        let stack = Stack::new(topic, toml);
        main(&stack);
        stack.write(".gitignore", ".dev\nfence\n");
        for branch in ["one", "two"] {
            runs(git(&stack, &["checkout", "--quiet", "-B", branch]));
            for number in 0..files {
                let path = stack.path(&format!("www/{}/{number}.txt", number % 50));
                fs::create_dir_all(path.parent().expect("a folder")).expect("room");
                fs::write(path, format!("{branch} {number}\n").repeat(20)).expect("room");
            }
            // What one of the branches has alone.
            stack.write(&format!("www/{branch}/alone/a.txt"), branch);
            runs(git(&stack, &["add", "--all"]));
            runs(git(&stack, &["commit", "--quiet", "--message", branch]));
            fs::remove_dir_all(stack.path("www").join(branch)).expect("it was made");
        }
        runs(git(&stack, &["checkout", "--quiet", "--force", "one"]));
        let up = stack.up();
        let mut repository = Self { stack, up };
        repository.is_level();
        repository.fence("begun");
        repository
    }

    /// Waits until the container has what the checkout has.
    fn is_level(&self) {
        eventually(4 * SOON, "the container has what is here", || {
            let container = self.stack.try_container("site").ok_or("no container")?;
            let there = there(&container.id, "/www")?;
            let here = here(&self.stack.path("www"));
            if here == there && container.is_running() {
                Ok(())
            } else {
                Err(difference(&here, &there))
            }
        });
    }

    /// What was on its way is there and told afterwards.
    fn fence(&mut self, text: &str) {
        let told = |output: &str| output.matches("synced fence").count();
        let before = told(&self.up.output());
        self.stack.write("fence", text);
        eventually(4 * SOON, "a save that follows is told", || {
            let output = self.up.output();
            if told(&output) > before {
                Ok(())
            } else {
                Err(output)
            }
        });
    }

    /// What was told of syncs of the checkout.
    fn passes(&mut self) -> Vec<String> {
        let output = self.up.output();
        let lines = output.lines();
        let passes = lines.filter(|line| line.contains("synced www/"));
        passes.map(str::to_owned).collect()
    }

    fn lives(&self) -> usize {
        let logs = docker(["logs", &self.stack.container("site").id]);
        logs.matches("a life").count()
    }

    /// Has git do something, and waits until that has arrived; it has to be one pass, and begin so many lives.
    fn is_one_pass(&mut self, arguments: &[&str], begins: usize) {
        let (passes, lives) = (self.passes().len(), self.lives());
        runs(git(&self.stack, arguments));
        eventually(2 * SOON, "a sync is told", || {
            match self.passes().len() > passes {
                true => Ok(()),
                false => Err(self.up.output()),
            }
        });
        eventually(SOON, "the next life begins", || {
            let more = self.lives() - lives;
            match more >= begins {
                true => Ok(()),
                false => Err(more),
            }
        });
        self.is_level();
        self.fence(&format!("{arguments:?} after {passes}"));
        let told = self.passes().split_off(passes);
        assert_eq!(told.len(), 1, "{arguments:?}: {told:#?}");
        assert_eq!(self.lives() - lives, begins, "{arguments:?}: {told:#?}");
    }
}

fn init(stack: &Stack) {
    runs(git(stack, &["init", "--quiet"]));
}

#[test]
fn a_checkout_of_five_thousand_files_is_one_pass_and_one_restart() {
    let mut repository = Repository::new("git-checkout", 5000, ", then = \"restart\"", init);
    for branch in ["two", "one"] {
        repository.is_one_pass(&["checkout", "--quiet", branch], 1);
    }
}

/// Also where its own folder lies elsewhere, and a filter takes longer than anything waits by itself.
#[test]
fn whatever_git_does_slowly_to_a_worktree_is_one_pass() {
    let mut repository = Repository::new("git-worktree", 350, "", |stack| {
        let main = stack.outside("main");
        let tree = stack.outside("tree");
        runs(git(
            stack,
            &["init", "--quiet", main.to_str().expect("text")],
        ));
        let in_main = |arguments: &[&str]| {
            let mut command = git(stack, arguments);
            command.current_dir(&main);
            runs(command);
        };
        in_main(&["commit", "--quiet", "--allow-empty", "--message", "main"]);
        in_main(&["config", "filter.slow.smudge", "sleep 0.4; cat"]);
        in_main(&["worktree", "add", "--quiet", tree.to_str().expect("text")]);
        fs::rename(tree.join(".git"), stack.path(".git")).expect("a rename");
        runs(git(stack, &["worktree", "repair"]));
        let slow = [
            "www/30/30.txt",
            "www/35/35.txt",
            "www/4/4.txt",
            "www/44/44.txt",
            "www/9/9.txt",
        ];
        let attributes = slow.map(|path| format!("{path} filter=slow\n"));
        stack.write(".gitattributes", attributes.concat());
    });
    assert!(repository.stack.path(".git").is_file());
    repository.is_one_pass(&["checkout", "--quiet", "two"], 0);
    repository.is_one_pass(&["reset", "--quiet", "--hard", "one"], 0);
    repository.is_one_pass(&["merge", "--quiet", "--ff-only", "ORIG_HEAD"], 0);
}

#[test]
fn a_git_that_is_killed_holds_nothing_up() {
    let repository = Repository::new("git-killed", 1500, "", init);
    let lock = repository.stack.path(".git/index.lock");
    let file = repository.stack.path("www/0/0.txt");
    let mut command = git(&repository.stack, &["checkout", "--quiet", "two"]);
    let mut running = command.stderr(Stdio::null()).spawn().expect("git");
    let deadline = Instant::now() + SOON;
    // It writes in the order of names.
    while fs::read_to_string(&file).is_ok_and(|text| text.starts_with("one")) {
        assert!(Instant::now() < deadline, "git writes nothing");
        thread::sleep(Duration::from_millis(1));
    }
    running.kill().expect("its own");
    running.wait().expect("its end");
    assert!(lock.exists(), "it was done already");
    repository.is_level();
    repository.stack.write("www/saved", "as always");
    repository.is_level();
    fs::remove_file(&lock).expect("it is there");
    runs(git(
        &repository.stack,
        &["checkout", "--quiet", "--force", "two"],
    ));
    repository.is_level();
}
