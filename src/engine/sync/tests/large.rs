//! Large files, and what is saved while one is on its way.

use super::*;

const MIB: u64 = 1024 * 1024;

impl Place {
    fn large(&self, path: &str, size: u64) {
        let file = fs::File::create(self.path(path)).unwrap();
        file.set_len(size).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Waits until some of a large file is there, beside where it will be.
    async fn is_on_its_way(&self) {
        let begun = || {
            let entries = fs::read_dir(self.path("srv")).unwrap();
            entries.flatten().any(|entry| {
                let name = entry.file_name();
                name.to_str().is_some_and(|name| name.ends_with("-aside"))
            })
        };
        eventually("it begins", begun).await;
    }

    fn names(&self) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(self.path("srv")).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    fn size(&self, path: &str) -> Option<u64> {
        fs::metadata(self.path(path)).ok().map(|found| found.len())
    }
}

#[tokio::test]
async fn a_small_save_goes_by_a_large_file() {
    let mut place = Place::new(AfterSync::Nothing);
    let mut run = place.begin();
    run.tells().await;
    place.large("app/large", 100 * MIB);
    run.jobs.send(place.job(&["app/large"])).await.unwrap();
    place.is_on_its_way().await;
    place.write("app/a", "saved meanwhile");
    let first = run.sends(place.job(&["app/a"])).await;
    assert_eq!((first.files, first.first.as_str()), (1, "app/a"));
    assert_eq!(place.size("srv/large"), None, "it was faster");
    assert!(matches!(place.has("id"), Some(Has::Lacks { .. })));
    let second = run.tells().await;
    assert_eq!((second.files, second.first.as_str()), (1, "app/large"));
    assert_eq!(place.size("srv/large"), Some(100 * MIB));
    assert_eq!(place.has("id"), Some(Has::Everything));
    assert_eq!(place.names().len(), 2, "nothing is left beside");
}

#[tokio::test]
async fn who_asks_for_everything_waits_for_the_large_ones_too() {
    let place = Place::new(AfterSync::Nothing);
    place.large("app/large", 30 * MIB);
    place.large("app/larger", 40 * MIB);
    let mut run = place.begin();
    assert!(run.assures(&place.stack).await);
    assert_eq!(place.size("srv/large"), Some(30 * MIB));
    assert_eq!(place.size("srv/larger"), Some(40 * MIB));
    assert_eq!(place.has("id"), Some(Has::Everything));
}

#[tokio::test]
async fn what_becomes_small_or_goes_on_its_way_is_what_it_is_then() {
    for gone in [false, true] {
        let place = Place::new(AfterSync::Nothing);
        let mut run = place.begin();
        run.tells().await;
        place.large("app/large", 100 * MIB);
        run.jobs.send(place.job(&["app/large"])).await.unwrap();
        place.is_on_its_way().await;
        if gone {
            fs::remove_file(place.path("app/large")).unwrap();
        } else {
            // In place: it is the same file.
            fs::write(place.path("app/large"), "small").unwrap();
        }
        run.sends(place.job(&["app/large"])).await;
        // Some of it may have arrived before that was seen; it does not stay.
        let (size, count) = if gone { (None, 1) } else { (Some(5), 2) };
        let ends = || place.size("srv/large") == size && place.names().len() == count;
        eventually("it is what it is here", ends).await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_over_a_large_file_begins_it_anew() {
    let mut place = Place::new(AfterSync::Nothing);
    let mut run = place.begin();
    run.tells().await;
    place.large("app/large", 100 * MIB);
    run.jobs.send(place.job(&["app/large"])).await.unwrap();
    place.is_on_its_way().await;
    place.write("app/missed", "nobody told");
    for stream in place.world.model().streams.drain(..) {
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    }
    let mut told = Vec::new();
    while !told.contains(&"app/large".to_owned()) {
        let news = run.tells().await;
        assert!(news.result.is_ok());
        told.push(news.first);
    }
    assert_eq!(place.size("srv/large"), Some(100 * MIB));
    assert_eq!(place.size("srv/missed"), Some(11));
    assert_eq!(place.names().len(), 3, "nothing is left beside");
}

#[tokio::test]
async fn what_follows_waits_for_the_large_files_and_restarts_cut_none_off() {
    let mut place = Place::new(AfterSync::Restart);
    let mut run = place.begin();
    run.tells().await;
    place.large("app/large", 100 * MIB);
    run.jobs.send(place.job(&["app/large"])).await.unwrap();
    place.is_on_its_way().await;
    place.write("app/a", "b");
    let small = run.sends(place.job(&["app/a"])).await;
    assert_eq!((small.files, small.restart), (1, false));
    let large = run.tells().await;
    assert_eq!((large.files, large.restart), (1, true));
}
