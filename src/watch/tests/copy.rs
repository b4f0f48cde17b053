//! Who follows what is told has the same in the end.

use std::time::Instant;

use super::*;

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
