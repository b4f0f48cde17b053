//! The loop by itself: what the system tells comes when the test says so.

use std::fs;

use super::*;
use crate::watch::Root;

#[test]
fn what_came_and_went_is_new_when_it_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    let (_messages, inbox) = std::sync::mpsc::sync_channel(8);
    let (hints, _untold) = std::sync::mpsc::sync_channel(8);
    let (batches, mut told) = mpsc::channel(8);
    let stop = Arc::new(AtomicBool::new(false));
    let mut watch = Loop::new(inbox, hints, batches, stop, System::default());
    watch.set(WatchSet {
        roots: vec![Root::new(dir.path())],
        ..WatchSet::default()
    });
    assert!(watch.deliver() && told.try_recv().unwrap().begun);
    let mut settled = |watch: &mut Loop| {
        while watch.sink.settle.deadline().unwrap() > Instant::now() {
            std::thread::yield_now();
        }
        assert!(watch.deliver());
        told.try_recv().unwrap()
    };

    fs::create_dir_all(folder.join("deep")).unwrap();
    watch.hint(&folder, Hint::Appeared);
    fs::remove_dir_all(&folder).unwrap();
    let batch = settled(&mut watch);
    assert!(
        batch.paths.is_empty() && batch.passed.len() == 2,
        "{batch:?}"
    );
    fs::create_dir_all(folder.join("deep")).unwrap();
    watch.hint(&folder, Hint::Look);
    watch.hint(&folder, Hint::Appeared);
    let batch = settled(&mut watch);
    assert_eq!(batch.paths.len(), 2, "{batch:?}");
}
