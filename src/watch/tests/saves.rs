//! Single files that change.

use std::time::Instant;

use super::*;

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

/// Writes a file over and over.
struct Writer {
    done: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Writer {
    fn begin(path: PathBuf, pause: Duration) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                fs::write(&path, "x").unwrap();
                std::thread::sleep(pause);
            }
        });
        Self { done, thread }
    }

    fn end(self) {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

#[tokio::test]
async fn a_constant_writer_starves_nobody() {
    let mut watched = Watched::begin().await;
    let writer = Writer::begin(watched.path("app/log"), Duration::from_millis(1));
    watched.until(&["app/log"]).await;
    watched.write("app/main.py", "2");
    watched.until(&["app/main.py"]).await;
    writer.end();
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
