//! The loop by itself: what the system tells comes when the test says so.

use std::fs;

use super::*;
use crate::watch::Root;

/// A loop that has looked at `dir` and told so.
fn begun(dir: &Path) -> (Loop, mpsc::Receiver<Batch>) {
    begun_on(dir, System::default())
}

fn begun_on(dir: &Path, system: System) -> (Loop, mpsc::Receiver<Batch>) {
    let (watch, told, _untold) = begun_with_system(dir, system);
    (watch, told)
}

/// The same, with what the system tells.
fn begun_with_system(
    dir: &Path,
    system: System,
) -> (Loop, mpsc::Receiver<Batch>, Receiver<Message>) {
    let (_messages, inbox) = std::sync::mpsc::sync_channel(8);
    let (hints, untold) = std::sync::mpsc::sync_channel(64);
    let (batches, mut told) = mpsc::channel(8);
    let stop = Arc::new(AtomicBool::new(false));
    let mut watch = Loop::new(inbox, hints, batches, stop, system);
    watch.set(WatchSet {
        roots: vec![Root::new(dir)],
        ..WatchSet::default()
    });
    assert!(watch.deliver() && told.try_recv().unwrap().begun);
    (watch, told, untold)
}

fn settled(watch: &mut Loop, told: &mut mpsc::Receiver<Batch>) -> Batch {
    while watch.sink.settle.deadline().unwrap() > Instant::now() {
        std::thread::yield_now();
    }
    assert!(watch.deliver());
    told.try_recv().unwrap()
}

#[test]
fn a_file_that_is_written_beside_and_moved_over_is_one_save() {
    let dir = tempfile::tempdir().unwrap();
    let (file, beside) = (dir.path().join("app.py"), dir.path().join(".app.py.new"));
    fs::write(&file, "1").unwrap();
    let (mut watch, mut told) = begun(dir.path());

    fs::write(&beside, "2").unwrap();
    let before = Instant::now();
    watch.hint(&beside, Hint::Wrote);
    let wait = watch.sink.settle.deadline().unwrap() - before;
    assert!(wait >= Duration::from_millis(8), "it goes after {wait:?}");
    fs::rename(&beside, &file).unwrap();
    watch.hint(&beside, Hint::Gone);
    watch.hint(&file, Hint::Appeared);
    let wait = watch.sink.settle.deadline().unwrap() - Instant::now();
    assert!(wait <= Duration::from_millis(1), "it waits for {wait:?}");
    let batch = settled(&mut watch, &mut told);
    assert!(batch.paths.keys().eq([file.to_str().unwrap()]), "{batch:?}");
    assert_eq!(batch.passed.len(), 1, "{batch:?}");
}

#[test]
fn what_changes_while_git_holds_its_lock_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join(".git/index.lock");
    fs::create_dir(dir.path().join(".git")).unwrap();
    // In a folder of the checkout.
    let root = dir.path().join("app");
    fs::create_dir(&root).unwrap();
    let (mut watch, mut told) = begun(&root);
    fs::write(&lock, "").unwrap();
    for name in 0..200 {
        let file = root.join(name.to_string());
        fs::write(&file, "x").unwrap();
        watch.hint(&file, Hint::Wrote);
    }
    for _ in 0..3 {
        let silence = watch.sink.settle.deadline().unwrap();
        while silence > Instant::now() {
            std::thread::yield_now();
        }
        assert!(watch.deliver());
        assert!(told.try_recv().is_err(), "git goes on");
    }
    fs::remove_file(&lock).unwrap();
    assert_eq!(settled(&mut watch, &mut told).paths.len(), 200);
}

#[test]
fn what_came_and_went_is_new_when_it_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    let (mut watch, mut told) = begun(dir.path());

    fs::create_dir_all(folder.join("deep")).unwrap();
    watch.hint(&folder, Hint::Appeared);
    fs::remove_dir_all(&folder).unwrap();
    let batch = settled(&mut watch, &mut told);
    assert!(
        batch.paths.is_empty() && batch.passed.len() == 2,
        "{batch:?}"
    );
    fs::create_dir_all(folder.join("deep")).unwrap();
    watch.hint(&folder, Hint::Look);
    watch.hint(&folder, Hint::Appeared);
    let batch = settled(&mut watch, &mut told);
    assert_eq!(batch.paths.len(), 2, "{batch:?}");
}

/// It is looked at more than once, and may come back in between: what is in it is then no less there.
#[test]
fn what_comes_back_while_it_is_looked_at_is_told() {
    let (dir, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (folder, aside) = (dir.path().join("folder"), aside.path().join("aside"));
    let file = folder.join("file");
    let (mut watch, mut told) = begun(dir.path());
    // Whether who is told has the file.
    let copied = std::cell::Cell::new(false);
    for round in 0..20 {
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join("file"), round.to_string()).unwrap();
        let (from, to) = (folder.clone(), aside.clone());
        let moves = std::thread::spawn(move || {
            for _ in 0..200 {
                fs::rename(&to, &from).unwrap();
                fs::rename(&from, &to).unwrap();
            }
            fs::rename(to, from).unwrap();
        });
        let mut take = |watch: &mut Loop| {
            while watch.sink.settle.deadline().is_some() {
                let batch = settled(watch, &mut told);
                if batch.paths.keys().any(|path| path.as_std_path() == file) {
                    copied.set(file.exists());
                }
            }
        };
        while !moves.is_finished() {
            for _ in 0..50 {
                watch.hint(&folder, Hint::Look);
            }
            take(&mut watch);
        }
        moves.join().unwrap();
        watch.hint(&folder, Hint::Appeared);
        take(&mut watch);
        assert!(copied.get(), "round {round}");
        fs::remove_dir_all(&folder).unwrap();
        watch.hint(&folder, Hint::Look);
        take(&mut watch);
        assert!(!copied.get());
    }
}

#[test]
fn a_lone_save_beside_a_constant_writer_is_a_batch_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (log, file) = (dir.path().join("log"), dir.path().join("app.py"));
    fs::write(&log, "1").unwrap();
    fs::write(&file, "1").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < deadline, "no save goes alone");
        let (mut watch, mut told) = begun(dir.path());
        // Long enough for its first save to be no news any more.
        let first = Instant::now();
        while first.elapsed() < Duration::from_millis(150) {
            watch.hint(&log, Hint::Wrote);
            settled(&mut watch, &mut told);
        }
        watch.hint(&log, Hint::Wrote);
        let writer = watch.sink.settle.deadline().unwrap();
        let before = Instant::now();
        watch.hint(&file, Hint::Wrote);
        let lone = watch.sink.settle.deadline().unwrap();
        let after = Instant::now();
        // A machine that stood still in between has made both one.
        if writer <= lone {
            continue;
        }
        let quick = Duration::from_millis(1);
        let waits = lone.saturating_duration_since(after);
        assert!(
            before + quick <= lone && waits <= quick,
            "it waits {waits:?}"
        );
        let settled = watch.sink.settle.take(lone).unwrap();
        assert!(settled.changes.keys().eq([&file]), "{:?}", settled.changes);
        return;
    }
}

/// Lets time pass until something is told of `path`. The system tells nothing.
fn polled(watch: &mut Loop, told: &mut mpsc::Receiver<Batch>, path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < deadline, "nothing is told of {path:?}");
        let pause = watch
            .deadline()
            .unwrap()
            .saturating_duration_since(Instant::now());
        std::thread::sleep(pause);
        watch.time_passes();
        assert!(watch.deliver());
        while let Ok(batch) = told.try_recv() {
            if batch.paths.keys().any(|told| told == path) {
                return;
            }
        }
    }
}

static MOUNTED: std::sync::Mutex<Option<PathBuf>> = std::sync::Mutex::new(None);

#[test]
fn what_is_mounted_into_a_root_from_elsewhere_is_polled_and_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    let (mount, plain) = (top.join("conf"), top.join("app"));
    fs::create_dir_all(mount.join("deep")).unwrap();
    fs::create_dir_all(&plain).unwrap();
    let mounts = || {
        let place = MOUNTED.lock().unwrap().clone();
        place.map(|place| Mounts::of(&place)).unwrap_or_default()
    };
    *MOUNTED.lock().unwrap() = Some(mount.clone());
    let system = System {
        mounts,
        ..System::default()
    };
    let (mut watch, mut told) = begun_on(&top, system);
    assert!(watch.trees[0].poll.is_none(), "the rest of the root is not");
    fs::write(plain.join("a"), "1").unwrap();
    fs::write(mount.join("deep/a"), "1").unwrap();
    polled(&mut watch, &mut told, &mount.join("deep/a"));
    assert!(!watch.trees[0].tree.knows(&plain.join("a")));
    fs::remove_dir_all(mount.join("deep")).unwrap();
    polled(&mut watch, &mut told, &mount.join("deep/a"));

    // Another one is mounted while it is watched.
    *MOUNTED.lock().unwrap() = Some(plain.clone());
    watch.look_for_mounts = Instant::now();
    polled(&mut watch, &mut told, &plain.join("a"));
    fs::write(plain.join("b"), "1").unwrap();
    polled(&mut watch, &mut told, &plain.join("b"));
}

#[test]
fn a_file_by_itself_on_the_network_is_polled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dev.toml");
    fs::write(&file, "1").unwrap();
    let system = System {
        remote: |_| Some("9p"),
        ..System::default()
    };
    let (mut watch, mut told) = begun_on(&dir.path().join("none"), system);
    watch.set(WatchSet {
        files: [file.clone()].into(),
        ..WatchSet::default()
    });
    fs::write(&file, "22").unwrap();
    polled(&mut watch, &mut told, &file);
}

/// The system watches a folder whatever its name, and notify ends watches by name: here, that of the folder's first name, once
/// it is watched under its second.
#[test]
fn a_folder_that_moved_is_watched_on_when_its_first_name_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (first, parent) = (dir.path().join("first"), dir.path().join("parent"));
    let second = parent.join("second");
    fs::create_dir(&first).unwrap();
    let (mut watch, _told, untold) = begun_with_system(dir.path(), System::default());

    fs::create_dir(&parent).unwrap();
    fs::rename(&first, &second).unwrap();
    watch.hint(&parent, Hint::Appeared);
    watch.sink.backend.as_mut().unwrap().end_watch(&second);
    watch.hint(&first, Hint::Gone);

    let file = second.join("file");
    fs::write(&file, "1").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match untold.recv_timeout(left).unwrap() {
            Message::Hint(path, Hint::Wrote) if path == file => return,
            _ => {}
        }
    }
}
