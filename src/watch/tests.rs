//! On real folders. Nothing here sleeps to wait: a test writes, and waits for what has to be told.

mod copy;
mod folders;
mod limits;
mod roots;
mod saves;

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::plan::react::PathKind;

/// No test waits longer for one state.
const DEADLINE: Duration = Duration::from_secs(30);

struct Watched {
    dir: tempfile::TempDir,
    watcher: Watcher,
    batches: mpsc::Receiver<Batch>,
    /// Everything told so far.
    told: Changed,
    passed: Changed,
    sizes: Vec<usize>,
    overflow: bool,
    notices: Vec<Notice>,
}

impl Watched {
    /// A checkout with a file `app/main.py`, watched as a whole.
    async fn begin() -> Self {
        Self::begin_with(|dir| WatchSet {
            roots: vec![Root::new(dir)],
            ..WatchSet::default()
        })
        .await
    }

    async fn begin_with(set: impl FnOnce(&Path) -> WatchSet) -> Self {
        Self::begin_on(set, System::default()).await
    }

    async fn begin_on(set: impl FnOnce(&Path) -> WatchSet, system: System) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // By another process: a file that this one writes may be closed later, while another test forks.
        run("mkdir .git app && printf 1 > app/main.py", dir.path());
        let (watcher, batches) = start_with(set(dir.path()), system).unwrap();
        let (told, sizes, notices) = (Changed::new(), Vec::new(), Vec::new());
        let mut watched = Self {
            dir,
            watcher,
            batches,
            told,
            passed: Changed::new(),
            sizes,
            overflow: false,
            notices,
        };
        watched.begun().await;
        watched
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    async fn next(&mut self) -> Batch {
        let batch = tokio::time::timeout(DEADLINE, self.batches.recv()).await;
        let batch = batch
            .unwrap_or_else(|_| panic!("nothing more is told after {:?}", self.told))
            .unwrap();
        self.told.extend(batch.paths.clone());
        self.passed.extend(batch.passed.clone());
        self.sizes.push(batch.paths.len());
        self.overflow |= batch.overflow;
        self.notices.extend(batch.notices.clone());
        batch
    }

    async fn begun(&mut self) {
        while !self.next().await.begun {}
    }

    fn is_told(&self, path: &str) -> bool {
        self.told
            .contains_key(camino::Utf8Path::from_path(&self.path(path)).unwrap())
    }

    /// Waits until all of these are told.
    async fn until(&mut self, paths: &[&str]) {
        while !paths.iter().all(|path| self.is_told(path)) {
            self.next().await;
        }
    }

    /// Waits for a file that is written now: what happened before has been told by then. Then, what that was.
    async fn settle(&mut self) -> Vec<String> {
        self.write("app/zz", "now");
        self.until(&["app/zz"]).await;
        fs::remove_file(self.path("app/zz")).unwrap();
        self.told
            .remove(camino::Utf8Path::from_path(&self.path("app/zz")).unwrap());
        loop {
            let batch = self.next().await;
            if batch.paths.keys().any(|path| path.ends_with("app/zz")) {
                break;
            }
        }
        let top = self.dir.path().to_str().unwrap();
        let told = std::mem::take(&mut self.told);
        let names = told
            .keys()
            .map(|path| path.strip_prefix(top).unwrap().to_string());
        names.filter(|name| name != "app/zz").collect()
    }

    fn set(&mut self, set: WatchSet) {
        self.watcher.set(set);
    }
}

fn run(command: &str, dir: &Path) {
    let status = std::process::Command::new("sh")
        .args(["-c", command])
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success(), "{command}");
}
