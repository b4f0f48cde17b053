//! What is watched, and what is left out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

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
async fn what_a_gitignore_hid_is_told_when_that_goes() {
    let mut watched = Watched::begin_with(|dir| WatchSet {
        roots: vec![Root::new(dir.join("app"))],
        ..WatchSet::default()
    })
    .await;
    for (round, rules) in [".gitignore", "app/.gitignore"]
        .iter()
        .cycle()
        .take(6)
        .enumerate()
    {
        watched.write(rules, "gen*/\n");
        let hidden = format!("app/gen{round}/o");
        fs::create_dir(watched.path(&format!("app/gen{round}"))).unwrap();
        watched.write(&hidden, "x");
        fs::remove_file(watched.path(rules)).unwrap();
        watched.until(&[&hidden]).await;
        watched.told.clear();
    }
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
    for _ in 0..5 {
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
