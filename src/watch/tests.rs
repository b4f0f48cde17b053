//! On real folders. Nothing here sleeps to wait: a test writes, and waits for what has to be told.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

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

#[tokio::test]
async fn a_save_is_told_once_and_reading_is_not() {
    let mut watched = Watched::begin().await;
    watched.write("app/main.py", "2");
    watched.until(&["app/main.py"]).await;
    assert_eq!(watched.sizes.iter().sum::<usize>(), 1);
    assert_eq!(watched.told.values().next(), Some(&PathKind::File));
    watched.told.clear();
    for _ in 0..10 {
        fs::read(watched.path("app/main.py")).unwrap();
        fs::read_dir(watched.path("app")).unwrap().count();
    }
    assert_eq!(watched.settle().await, [""; 0]);
}

#[tokio::test]
async fn the_same_content_written_again_counts() {
    let mut watched = Watched::begin().await;
    for _ in 0..5 {
        watched.write("app/main.py", "1");
        watched.until(&["app/main.py"]).await;
        watched.told.clear();
    }
}

#[tokio::test]
async fn a_save_through_a_renamed_file_leaves_no_trace_of_it() {
    let mut watched = Watched::begin().await;
    // On a busy machine the two steps may be so far apart that they are two batches.
    for _ in 0..10 {
        watched.write("app/.main.py.tmp", "2");
        fs::rename(
            watched.path("app/.main.py.tmp"),
            watched.path("app/main.py"),
        )
        .unwrap();
        if watched.settle().await == ["app/main.py"] {
            return;
        }
    }
    panic!("the renamed file was told every time");
}

#[tokio::test]
async fn what_came_and_went_is_told_as_such() {
    let mut watched = Watched::begin().await;
    for turn in 0..20 {
        let path = watched.path(&format!("app/{turn}"));
        fs::write(&path, "x").unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(path).unwrap();
        // On a busy machine it may be seen while it is there.
        while !watched.passed.contains_key(&path) && !watched.told.contains_key(&path) {
            watched.next().await;
        }
    }
    assert!(watched.passed.len() > 5, "{:?}", watched.passed);
}

#[tokio::test]
async fn another_folder_under_the_same_name_is_told() {
    let mut watched = Watched::begin().await;
    run("mkdir app/gen app/new", watched.dir.path());
    watched.until(&["app/gen", "app/new"]).await;
    watched.told.clear();
    fs::rename(watched.path("app/new"), watched.path("app/gen")).unwrap();
    watched.until(&["app/gen"]).await;
}

#[tokio::test]
async fn an_editors_dance_is_one_change() {
    let mut watched = Watched::begin().await;
    watched.write("app/.main.py.swp", "swap");
    watched.write("app/4913", "");
    fs::remove_file(watched.path("app/4913")).unwrap();
    fs::rename(watched.path("app/main.py"), watched.path("app/main.py~")).unwrap();
    watched.write("app/main.py", "2");
    fs::remove_file(watched.path("app/main.py~")).unwrap();
    fs::remove_file(watched.path("app/.main.py.swp")).unwrap();
    assert_eq!(watched.settle().await, ["app/main.py"]);
}

#[tokio::test]
async fn files_in_folders_that_did_not_exist_are_found() {
    let mut watched = Watched::begin().await;
    run(
        "mkdir -p app/a/b/c/d && for n in 1 2 3; do echo $n > app/a/b/c/d/$n; echo $n > app/a/$n; done",
        watched.dir.path(),
    );
    watched
        .until(&[
            "app/a/b/c/d/1",
            "app/a/b/c/d/2",
            "app/a/b/c/d/3",
            "app/a/1",
            "app/a/2",
            "app/a/3",
            "app/a/b",
        ])
        .await;
    watched.told.clear();
    watched.write("app/a/b/c/d/2", "later");
    watched.until(&["app/a/b/c/d/2"]).await;
}

#[tokio::test]
async fn a_copied_tree_is_told_whole() {
    let mut watched = Watched::begin().await;
    let from = tempfile::tempdir().unwrap();
    for n in 0..60 {
        let folder = from.path().join(format!("tree/{}", n % 7));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{n}.py")), n.to_string()).unwrap();
    }
    run(
        &format!("cp -r {}/tree app/", from.path().display()),
        watched.dir.path(),
    );
    let names: Vec<String> = (0..60)
        .map(|n| format!("app/tree/{}/{n}.py", n % 7))
        .collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

#[tokio::test]
async fn a_deleted_folder_takes_its_files_along() {
    let mut watched = Watched::begin().await;
    run(
        "mkdir -p app/old/deep && echo 1 > app/old/a && echo 2 > app/old/deep/b",
        watched.dir.path(),
    );
    watched.until(&["app/old/a", "app/old/deep/b"]).await;
    watched.told.clear();
    fs::remove_dir_all(watched.path("app/old")).unwrap();
    watched
        .until(&["app/old", "app/old/a", "app/old/deep", "app/old/deep/b"])
        .await;
    let folder = watched.path("app/old/deep").to_str().unwrap().to_owned();
    assert_eq!(
        watched.told[camino::Utf8Path::new(&folder)],
        PathKind::Folder,
        "what it was"
    );
}

#[tokio::test]
async fn a_renamed_folder_is_gone_here_and_new_there() {
    let mut watched = Watched::begin().await;
    run(
        "mkdir -p app/old/deep && echo 1 > app/old/deep/a",
        watched.dir.path(),
    );
    watched.until(&["app/old/deep/a"]).await;
    watched.told.clear();
    fs::rename(watched.path("app/old"), watched.path("app/new")).unwrap();
    watched
        .until(&["app/old", "app/old/deep/a", "app/new", "app/new/deep/a"])
        .await;
    watched.told.clear();
    watched.write("app/new/deep/a", "2");
    watched.until(&["app/new/deep/a"]).await;
    assert!(
        !watched.is_told("app/old/deep/a"),
        "its new name is the one that counts"
    );
}

#[tokio::test]
async fn a_folder_that_is_replaced_again_and_again_is_still_watched() {
    let mut watched = Watched::begin().await;
    for round in 0..20 {
        run(
            "rm -rf app/gen && mkdir -p app/gen/sub && mv app/gen app/gen2 && mv app/gen2 app/gen",
            watched.dir.path(),
        );
        watched.write("app/gen/sub/out.py", &round.to_string());
        watched.until(&["app/gen/sub/out.py"]).await;
        watched.settle().await;
        watched.write("app/gen/sub/out.py", "again");
        watched.until(&["app/gen/sub/out.py"]).await;
        watched.told.clear();
    }
}

#[tokio::test]
async fn a_checkout_of_2000_files_is_few_batches() {
    let mut watched = Watched::begin().await;
    for n in 0..2000 {
        let folder = watched.path(&format!("src/{}", n % 40));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(n.to_string()), "x").unwrap();
    }
    let names: Vec<String> = (0..2000).map(|n| format!("src/{}/{n}", n % 40)).collect();
    let begun = Instant::now();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    assert!(
        watched.sizes.len() < 40,
        "{:?} in {:?}",
        watched.sizes,
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_constant_writer_starves_nobody() {
    let mut watched = Watched::begin().await;
    let done = Arc::new(AtomicBool::new(false));
    let (log, stop) = (watched.path("app/log"), Arc::clone(&done));
    let writer = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            fs::write(&log, "x").unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    watched.until(&["app/log"]).await;
    watched.write("app/main.py", "2");
    watched.until(&["app/main.py"]).await;
    done.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test]
async fn a_file_that_stays_open_is_found_too() {
    use std::io::Write;
    let mut watched = Watched::begin().await;
    let mut file = fs::File::create(watched.path("app/open")).unwrap();
    file.write_all(b"one").unwrap();
    watched.until(&["app/open"]).await;
    watched.told.clear();
    file.write_all(b"two").unwrap();
    watched.until(&["app/open"]).await;
}

#[tokio::test]
async fn what_is_ignored_is_neither_told_nor_watched() {
    let mut watched = Watched::begin_with(|dir| {
        fs::write(dir.join(".gitignore"), "node_modules/\n*.log\n").unwrap();
        fs::create_dir_all(dir.join("node_modules/x")).unwrap();
        let root = Root::new(dir).exclude(|path, folder| folder && path.ends_with("target"));
        WatchSet {
            roots: vec![root],
            ..WatchSet::default()
        }
    })
    .await;
    run(
        "mkdir -p target/debug app/node_modules/y .git/objects",
        watched.dir.path(),
    );
    for path in [
        "node_modules/x/a.js",
        "target/debug/a",
        "app/node_modules/y/b.js",
        "app/a.log",
        ".git/objects/1",
    ] {
        watched.write(path, "x");
    }
    assert_eq!(watched.settle().await, [""; 0]);
    watched.write(".gitignore", "node_modules/\n");
    watched.until(&[".gitignore", "app/a.log"]).await;
    watched.write("app/b.log", "x");
    watched.until(&["app/b.log"]).await;
    watched.told.clear();
    watched.write(".gitignore", "/app/*.log\n");
    watched.until(&[".gitignore", "node_modules/x/a.js"]).await;
    assert!(
        !watched.is_told("app/a.log"),
        "being ignored is no deletion"
    );
}

#[tokio::test]
async fn a_gitignore_above_counts_and_is_watched() {
    let mut watched = Watched::begin_with(|dir| {
        fs::write(dir.join(".gitignore"), "*.log\n").unwrap();
        WatchSet {
            roots: vec![Root::new(dir.join("app"))],
            ..WatchSet::default()
        }
    })
    .await;
    watched.write("app/a.log", "x");
    assert_eq!(watched.settle().await, [""; 0]);
    watched.write(".gitignore", "");
    watched.until(&["app/a.log"]).await;
}

#[tokio::test]
async fn symlinks_are_told_but_not_followed() {
    let mut watched = Watched::begin().await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "1").unwrap();
    symlink("..", watched.path("app/loop")).unwrap();
    symlink(outside.path(), watched.path("app/out")).unwrap();
    watched.until(&["app/loop", "app/out"]).await;
    fs::write(outside.path().join("secret"), "2").unwrap();
    watched.told.clear();
    assert_eq!(watched.settle().await, [""; 0]);
    fs::remove_file(watched.path("app/loop")).unwrap();
    symlink("main.py", watched.path("app/loop")).unwrap();
    watched.until(&["app/loop"]).await;
}

#[tokio::test]
async fn a_root_that_is_a_symlink_is_followed() {
    let mut watched = Watched::begin_with(|dir| {
        symlink("app", dir.join("link")).unwrap();
        WatchSet {
            roots: vec![Root::new(dir.join("link"))],
            ..WatchSet::default()
        }
    })
    .await;
    watched.write("app/main.py", "2");
    watched.until(&["link/main.py"]).await;
}

#[tokio::test]
async fn a_name_that_is_no_text_leads_to_a_comparison() {
    let mut watched = Watched::begin().await;
    fs::write(watched.path("app").join(OsStr::from_bytes(b"\xff.py")), "1").unwrap();
    watched.until(&["app"]).await;
    assert!(watched.overflow);
}

#[tokio::test]
async fn a_mode_counts_and_an_empty_folder_too() {
    let mut watched = Watched::begin().await;
    fs::set_permissions(
        watched.path("app/main.py"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    watched.until(&["app/main.py"]).await;
    fs::create_dir(watched.path("app/empty")).unwrap();
    watched.until(&["app/empty"]).await;
    fs::hard_link(watched.path("app/main.py"), watched.path("app/hard.py")).unwrap();
    watched.until(&["app/hard.py"]).await;
}

#[tokio::test]
async fn roots_may_be_missing_files_or_come_and_go() {
    let mut watched = Watched::begin_with(|dir| {
        let roots = ["gen/out", "requirements.txt", "app"]
            .map(|path| Root::new(dir.join(path)))
            .into();
        let files = [dir.join("dev.local.toml"), dir.join("conf/a/.env")].into();
        WatchSet { roots, files }
    })
    .await;
    watched.write("other", "not told");
    watched.write("requirements.txt", "x");
    watched.write("dev.local.toml", "x");
    run(
        "mkdir -p gen/out && echo 1 > gen/out/a && mkdir -p conf/a && echo 1 > conf/a/.env",
        watched.dir.path(),
    );
    watched
        .until(&[
            "requirements.txt",
            "gen/out/a",
            "dev.local.toml",
            "conf/a/.env",
        ])
        .await;
    assert!(!watched.is_told("other"));
    for round in 0..5 {
        watched.settle().await;
        run(
            "rm -rf gen conf app requirements.txt dev.local.toml",
            watched.dir.path(),
        );
        watched
            .until(&[
                "gen/out/a",
                "conf/a/.env",
                "app/main.py",
                "requirements.txt",
                "dev.local.toml",
            ])
            .await;
        watched.told.clear();
        run(
            "mkdir -p gen/out conf/a app && echo 2 > app/main.py && echo 2 > gen/out/a",
            watched.dir.path(),
        );
        run(
            "echo 2 > conf/a/.env && echo 2 > requirements.txt && echo 2 > dev.local.toml",
            watched.dir.path(),
        );
        watched
            .until(&[
                "gen/out/a",
                "conf/a/.env",
                "app/main.py",
                "requirements.txt",
                "dev.local.toml",
            ])
            .await;
        assert!(round < 5);
    }
}

#[tokio::test]
async fn another_set_takes_over_without_a_gap() {
    let mut watched = Watched::begin().await;
    fs::create_dir(watched.path("more")).unwrap();
    watched.until(&["more"]).await;
    let (top, more) = (watched.path(""), watched.path("more"));
    watched.set(WatchSet {
        roots: vec![Root::new(&more)],
        ..WatchSet::default()
    });
    watched.begun().await;
    watched.write("app/main.py", "unseen");
    watched.write("more/a", "1");
    watched.until(&["more/a"]).await;
    assert!(!watched.is_told("app/main.py"));
    // A root that stays tells what happened while the sets changed.
    fs::write(more.join("b"), "1").unwrap();
    watched.set(WatchSet {
        roots: vec![Root::new(&more), Root::new(top.join("app"))],
        ..WatchSet::default()
    });
    watched.until(&["more/b"]).await;
}

#[tokio::test]
async fn too_many_folders_are_polled_and_said_to_be() {
    let mut watched = Watched::begin_on(
        |dir| {
            for n in 0..20 {
                fs::create_dir(dir.join(format!("app/{n}"))).unwrap();
            }
            WatchSet {
                roots: vec![Root::new(dir.join("app"))],
                files: [dir.join("dev.toml")].into(),
            }
        },
        System {
            limit: 5,
            ..System::default()
        },
    )
    .await;
    let [Notice::Polling { root, why }] = &watched.notices[..] else {
        panic!("{:?}", watched.notices)
    };
    assert!(
        *root == watched.path("app") && why.contains("fs.inotify.max_user_watches is "),
        "{why}"
    );
    for n in 0..20 {
        watched.write(&format!("app/{n}/a"), "1");
    }
    watched.write("dev.toml", "1");
    let names: Vec<String> = (0..20).map(|n| format!("app/{n}/a")).collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    watched.until(&["dev.toml"]).await;
    watched.told.clear();
    fs::remove_dir_all(watched.path("app/7")).unwrap();
    watched.until(&["app/7", "app/7/a"]).await;
    assert_eq!(watched.notices.len(), 1, "said once");
}

#[tokio::test]
async fn events_that_are_lost_lead_to_a_look_at_everything() {
    let set = |dir: &Path| WatchSet {
        roots: vec![Root::new(dir)],
        ..WatchSet::default()
    };
    let system = System {
        events: 1,
        ..System::default()
    };
    let mut watched = Watched::begin_on(set, system).await;
    run(
        "for n in $(seq 500); do echo $n > app/$n; done; rm app/main.py",
        watched.dir.path(),
    );
    let names: Vec<String> = (1..=500).map(|n| format!("app/{n}")).collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    watched.until(&["app/main.py"]).await;
    assert!(watched.overflow, "and who follows is told to compare");
}

#[test]
fn limits_are_named_with_how_to_raise_them() {
    use super::backend::limit_text;
    let none_left = notify::Error::new(notify::ErrorKind::MaxFilesWatch);
    let text = limit_text(&none_left);
    assert!(
        text.contains("`sudo sysctl fs.inotify.max_user_watches=524288`"),
        "{text}"
    );
    let too_many = std::io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
    let text = limit_text(&notify::Error::io(too_many));
    assert!(
        text.contains("`sudo sysctl fs.inotify.max_user_instances=1024`"),
        "{text}"
    );
}

#[tokio::test]
async fn what_lies_on_the_network_is_watched_and_polled() {
    let set = |dir: &Path| WatchSet {
        roots: vec![Root::new(dir)],
        ..WatchSet::default()
    };
    let system = System {
        remote: |_| Some("nfs"),
        ..System::default()
    };
    let mut watched = Watched::begin_on(set, system).await;
    let [Notice::Polling { why, .. }] = &watched.notices[..] else {
        panic!("{:?}", watched.notices)
    };
    assert!(why.starts_with("nfs "), "{why}");
    watched.write("app/main.py", "2");
    watched.until(&["app/main.py"]).await;
}

#[tokio::test]
async fn roots_that_share_a_path_leave_out_only_what_all_leave_out() {
    let mut watched = Watched::begin_with(|dir| {
        let one = Root::new(dir.join("app"))
            .exclude(|path, _| path.ends_with("a") || path.ends_with("b"));
        let two = Root::new(dir.join("app"))
            .exclude(|path, _| path.ends_with("b") || path.ends_with("c"));
        WatchSet {
            roots: vec![one, two],
            ..WatchSet::default()
        }
    })
    .await;
    for name in ["a", "b", "c"] {
        watched.write(&format!("app/{name}"), "1");
    }
    assert_eq!(watched.settle().await, ["app/a", "app/c"]);
}

#[tokio::test]
async fn a_batch_that_nobody_takes_waits_and_grows() {
    let mut watched = Watched::begin().await;
    for n in 0..(BATCHES + 6) {
        watched.write(&format!("app/{n}"), "1");
        std::thread::sleep(Duration::from_millis(30));
    }
    let names: Vec<String> = (0..(BATCHES + 6)).map(|n| format!("app/{n}")).collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    assert!(watched.sizes.len() <= BATCHES + 3, "{:?}", watched.sizes);
}

#[tokio::test]
async fn dropping_ends_the_thread() {
    let Watched {
        dir,
        watcher,
        mut batches,
        ..
    } = Watched::begin().await;
    drop(watcher);
    fs::write(dir.path().join("app/main.py"), "2").unwrap();
    assert_eq!(
        tokio::time::timeout(DEADLINE, batches.recv())
            .await
            .unwrap(),
        None
    );
    let Watched {
        dir,
        watcher,
        batches,
        ..
    } = Watched::begin().await;
    drop(batches);
    fs::write(dir.path().join("app/main.py"), "2").unwrap();
    drop(watcher);
}

/// A copy that is kept as a container is: by what is told, and by comparing now and then.
#[derive(Default)]
struct Copy(std::collections::BTreeMap<PathBuf, bool>);

impl Copy {
    fn here(folder: &Path) -> Self {
        let (mut copy, mut todo) = (Self::default(), vec![folder.to_owned()]);
        while let Some(folder) = todo.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                copy.0.insert(entry.path(), is_folder);
                if is_folder {
                    todo.push(entry.path());
                }
            }
        }
        copy
    }

    fn take(&mut self, path: &Path) {
        let is_gone = |path: &Path| fs::symlink_metadata(path).is_err();
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {
                self.0
                    .retain(|known, _| !known.starts_with(path) || !is_gone(known));
                self.0.insert(path.to_owned(), true);
            }
            Ok(_) => {
                self.0.retain(|known, _| !known.starts_with(path));
                self.0.insert(path.to_owned(), false);
            }
            Err(_) => self.0.retain(|known, _| !known.starts_with(path)),
        }
    }
}

/// Makes, moves and removes a few names that meet.
fn stir(app: &Path, mut chance: u64, done: &AtomicBool) {
    let mut below = |end: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % end
    };
    while !done.load(Ordering::Relaxed) {
        let mut path = || {
            let depth = 1 + below(3);
            let names = (0..depth).map(|_| ["a", "b", "c"][below(3) as usize]);
            app.join(names.collect::<PathBuf>())
        };
        let (path, other) = (path(), path());
        let _in_the_way = match below(6) {
            0 => fs::create_dir_all(&path),
            1 => fs::write(&path, "x"),
            2 => fs::remove_dir_all(&path),
            3 => fs::remove_file(&path),
            4 => fs::rename(&path, other),
            _ => {
                std::thread::sleep(Duration::from_millis(below(40)));
                Ok(())
            }
        };
    }
}

#[tokio::test]
async fn a_copy_that_follows_what_is_told_and_compares_in_between_is_exact() {
    let mut watched = Watched::begin().await;
    let app = watched.path("app");
    let mut copy = Copy::here(&app);
    for turn in 1..60 {
        let done = Arc::new(AtomicBool::new(false));
        let (folder, stop) = (app.clone(), Arc::clone(&done));
        let stirring = std::thread::spawn(move || stir(&folder, turn * 7919, &stop));
        let until = Instant::now() + Duration::from_millis(80);
        while Instant::now() < until {
            let next = tokio::time::timeout(Duration::from_millis(5), watched.next()).await;
            if let Ok(batch) = next {
                for path in batch.passed.keys().chain(batch.paths.keys()) {
                    copy.take(path.as_std_path());
                }
            }
            if turn % 3 == 0 {
                copy.0.extend(Copy::here(&app).0);
            }
        }
        done.store(true, Ordering::Relaxed);
        stirring.join().unwrap();
        let wait_until = Instant::now() + Duration::from_secs(5);
        while copy.0 != Copy::here(&app).0 {
            let next = tokio::time::timeout(Duration::from_millis(100), watched.next()).await;
            if let Ok(batch) = next {
                for path in batch.passed.keys().chain(batch.paths.keys()) {
                    copy.take(path.as_std_path());
                }
            }
            let is = Copy::here(&app);
            assert!(
                Instant::now() < wait_until,
                "turn {turn}: here {:?}, there {:?}",
                is.0,
                copy.0
            );
        }
    }
}
