//! A worker at work in a world that is a folder.

mod large;
mod layers;
mod links;
mod seed;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio::sync::mpsc;

use super::Synced;
use super::job::{Job, Work};
use super::worker::Worker;
use crate::engine::input::Input;
use crate::plan::observed::{Has, ObservedContainer, Status};
use crate::plan::react::fixture::{image, rule, service, stack, sync};
use crate::plan::react::{PathKind, SyncItem, SyncRules};
use crate::stack::{AfterSync, Mount, Stack};
use crate::watch::context::Index;
use crate::watch::sync::{Bounds, Cover, Piece, Record, manifest};
use world::{Folder, Helper};

/// A checkout with `app`, a container with `srv`, and what reaches its worker.
struct Place {
    dir: tempfile::TempDir,
    stack: Arc<Stack>,
    world: Arc<Folder>,
}

/// A worker at work.
struct Run {
    jobs: mpsc::Sender<Job>,
    behind: Arc<AtomicBool>,
    news: mpsc::Receiver<Input>,
}

impl Place {
    fn new(then: AfterSync) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("srv").to_str().unwrap().to_owned();
        fs::create_dir(dir.path().join("srv")).unwrap();
        fs::create_dir(dir.path().join("app")).unwrap();
        let rules = vec![rule(&["app"], sync(&target, then))];
        let mut stack = stack(vec![service("api", image(), rules)]);
        stack.dir = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let mut place = Self {
            dir,
            stack: Arc::new(stack),
            world: Arc::default(),
        };
        place.write("app/a", "a");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&mut self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn begin(&self) -> Run {
        self.begin_in("id")
    }

    fn begin_in(&self, id: &str) -> Run {
        let (jobs, queue) = mpsc::channel(4);
        let (inputs, news) = mpsc::channel(64);
        let behind = Arc::new(AtomicBool::new(false));
        let container = ObservedContainer {
            id: id.to_owned(),
            name: "api-1".to_owned(),
            service: "api".to_owned(),
            index: 1,
            config: None,
            dir: None,
            checkout: None,
            image_id: String::new(),
            status: Status::Running,
            finished_at: String::new(),
            stop_grace: None,
            anonymous_volumes: false,
            healthy: None,
            mounted: BTreeMap::new(),
            started_at: String::new(),
            ports: Vec::new(),
            addresses: BTreeMap::new(),
            aliases: BTreeMap::new(),
            restart_policy: "no".to_owned(),
        };
        let state = |name: &str| Utf8PathBuf::from_path_buf(self.path(name)).unwrap();
        let worker = Worker::new(
            self.world.clone(),
            Arc::clone(&self.stack),
            &container,
            (queue, Arc::clone(&behind), inputs),
            Record::open(state("state/synced/api-1"), id),
            Bounds {
                memory: 1024 * 1024,
                scratch: state("state"),
            },
        );
        tokio::spawn(worker.run());
        Run { jobs, behind, news }
    }

    fn job(&self, paths: &[&str]) -> Job {
        let service = &self.stack.services["api"];
        let rules = SyncRules::new(&self.stack, service);
        let pieces = paths.iter().map(|path| {
            let source = Utf8PathBuf::from_path_buf(self.path(path)).unwrap();
            let (item, then) = rules.item(&source, PathKind::File).unwrap();
            let item = SyncItem { ..item };
            Piece::new(item, then.clone(), &rules)
        });
        Job {
            stack: Arc::clone(&self.stack),
            work: Work::Changed(Arc::new(pieces.collect())),
            asked: None,
        }
    }

    /// These came and went.
    fn passed(&self, paths: &[&str]) -> Job {
        let mut job = self.job(paths);
        if let Work::Changed(pieces) = job.work {
            job.work = Work::Passed(pieces);
        }
        job
    }

    fn record(&self, container: &str) -> Record {
        let file = self.path("state/synced/api-1");
        Record::open(Utf8PathBuf::from_path_buf(file).unwrap(), container)
    }

    /// What is written down of a container.
    fn has(&self, container: &str) -> Option<Has> {
        let rules = SyncRules::new(&self.stack, &self.stack.services["api"]);
        let index = Utf8PathBuf::from_path_buf(self.path("state/index")).unwrap();
        let cover = Cover::read(&rules, &mut Index::for_synced(&index, "api"));
        self.record(container).has(&cover)
    }

    fn there(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.path("srv")).unwrap();
        let entries = entries.map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            (entry.file_name().into_string().unwrap(), text)
        });
        entries.collect()
    }

    fn holds(&self, expected: &[(&str, &str)]) {
        let expected = expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        assert_eq!(self.there(), expected.collect());
    }
}

/// Waits for a state that nothing tells of.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("in time, {what}"));
}

impl Run {
    async fn tells(&mut self) -> Synced {
        let told = tokio::time::timeout(Duration::from_secs(20), self.news.recv()).await;
        match told.expect("it tells in time").expect("it lives") {
            Input::Synced(synced) => synced,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for everything to be there.
    async fn assures(&mut self, stack: &Arc<Stack>) -> bool {
        let (asked, answer) = tokio::sync::oneshot::channel();
        let job = Job {
            stack: Arc::clone(stack),
            work: Work::Assure,
            asked: Some(asked),
        };
        self.jobs.send(job).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await;
        answer
            .expect("it answers in time")
            .expect("it lives")
            .is_ok()
    }

    async fn sends(&mut self, job: Job) -> Synced {
        self.jobs.send(job).await.unwrap();
        self.tells().await
    }
}

#[tokio::test]
async fn a_new_life_gets_the_difference_and_then_what_is_saved() {
    let mut place = Place::new(AfterSync::Nothing);
    place.write("app/same", "same");
    place.write("srv/same", "same");
    place.write("srv/own", "the container's own");
    let mut run = place.begin();
    let first = run.tells().await;
    assert_eq!((first.files, first.first.as_str()), (1, "app/a"));
    place.holds(&[("a", "a"), ("own", "the container's own"), ("same", "same")]);

    place.write("app/a", "b");
    let second = run.sends(place.job(&["app/a"])).await;
    assert_eq!((second.files, second.result.is_ok()), (1, true));
    fs::remove_file(place.path("app/same")).unwrap();
    run.sends(place.job(&["app/same"])).await;
    place.holds(&[("a", "b"), ("own", "the container's own")]);
    let model = place.world.model();
    assert_eq!((model.put.len(), model.held.len()), (1, 1));
    assert_eq!(model.held[0].1.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_stream_that_breaks_is_opened_anew_and_what_was_missed_arrives() {
    let mut place = Place::new(AfterSync::Nothing);
    let mut run = place.begin();
    run.tells().await;
    place.write("app/missed", "nobody told");
    place.write("app/a", "b");
    for stream in place.world.model().streams.drain(..) {
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    }
    let told = run.sends(place.job(&["app/a"])).await;
    assert!(told.result.is_ok());
    place.holds(&[("a", "b"), ("missed", "nobody told")]);
    let model = place.world.model();
    assert_eq!((model.put.len(), model.held.len()), (1, 2));
}

#[tokio::test]
async fn a_stream_that_stalls_is_given_up() {
    let place = Place::new(AfterSync::Nothing);
    place.world.model().helpers = vec![Helper::Stalls];
    let mut run = place.begin();
    let told = run.tells().await;
    assert_eq!((told.files, told.result.is_ok()), (1, true));
    place.holds(&[("a", "a")]);
    assert_eq!(place.world.model().held.len(), 2);
}

#[tokio::test]
async fn one_that_stalls_again_is_told_of_once_and_tried_until_it_takes() {
    let place = Place::new(AfterSync::Nothing);
    place.world.model().helpers = vec![Helper::Stalls; 4];
    let mut run = place.begin();
    let told = run.tells().await;
    let error = told.result.unwrap_err().to_string();
    assert!(error.contains("takes nothing in"), "{error}");
    assert!(run.tells().await.result.is_ok());
    place.holds(&[("a", "a")]);
}

#[tokio::test]
async fn a_batch_that_takes_long_is_no_stall() {
    let mut place = Place::new(AfterSync::Nothing);
    for number in 0..3000 {
        place.write(&format!("app/deep/{number}"), "");
    }
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 3002);
    drop(run);
    fs::remove_dir_all(place.path("app/deep")).unwrap();
    place.world.model().helpers = vec![Helper::Slow];
    let mut run = place.begin();
    let told = run.tells().await;
    assert_eq!((told.files, told.result.is_ok()), (3001, true));
    place.holds(&[("a", "a")]);
    assert_eq!(place.world.model().held.len(), 2, "none was opened anew");
}

#[tokio::test]
async fn where_root_may_not_write_the_user_of_the_container_does() {
    let place = Place::new(AfterSync::Nothing);
    place.world.model().helpers = vec![Helper::Denied];
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    place.holds(&[("a", "a")]);
    let users: Vec<_> = place
        .world
        .model()
        .held
        .iter()
        .map(|held| held.1.clone())
        .collect();
    assert_eq!(users, [Some("0".to_owned()), None]);
}

#[tokio::test]
async fn without_a_helper_files_go_by_archive() {
    let mut place = Place::new(AfterSync::Nothing);
    place.write("app/gone", "x");
    place.world.model().mute = true;
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    fs::remove_file(place.path("app/gone")).unwrap();
    assert!(run.sends(place.job(&["app/gone"])).await.result.is_ok());
    let model = place.world.model();
    let gone = place.path("srv/gone").to_str().unwrap().to_owned();
    let [_helper, all, removal] = &model.put[..] else {
        panic!("{:?}", model.put);
    };
    let mut archive = tar::Archive::new(&all.bytes[..]);
    assert_eq!(archive.entries().unwrap().count(), 2);
    assert_eq!(removal.remove, [gone]);
}

#[tokio::test]
async fn without_a_helper_what_cannot_be_read_holds_up_no_other() {
    let place = Place::new(AfterSync::Nothing);
    place.world.model().mute = true;
    let mut run = place.begin();
    run.tells().await;
    let closed = format!("app/{}", "x".repeat(300));
    let told = run.sends(place.job(&["app/a", &closed])).await;
    assert_eq!((told.files, told.first.as_str()), (1, "app/a"));
    let failure = told.result.unwrap_err().0;
    assert!(failure.detail[0].contains(&closed), "{failure:?}");
    assert_eq!(place.world.model().put.len(), 3);
}

#[tokio::test]
async fn where_the_root_is_read_only_the_helper_starts_from_a_volume() {
    let mut place = Place::new(AfterSync::Nothing);
    let volume = place.path("srv").to_str().unwrap().to_owned();
    let mut stack = Stack::clone(&place.stack);
    let mounts = &mut stack.services.get_mut("api").unwrap().mounts;
    mounts.push(Mount::Volume {
        key: "srv".to_owned(),
        target: volume.clone(),
        read_only: false,
    });
    place.stack = Arc::new(stack);
    place.world.model().read_only = true;
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    place.holds(&[("a", "a")]);
    let command = place.world.model().held[0].0.clone();
    assert!(command[0].starts_with(&volume), "{command:?}");
    assert_eq!(command[1..], ["serve", "--once"]);
}

#[tokio::test]
async fn what_is_made_read_only_has_a_volume_for_the_helper() {
    let mut place = Place::new(AfterSync::Nothing);
    let mut stack = Stack::clone(&place.stack);
    let api = stack.services.get_mut("api").unwrap();
    api.container.read_only = true;
    place.stack = Arc::new(stack);
    place.world.model().read_only = true;
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    place.holds(&[("a", "a")]);
    let command = place.world.model().held[0].0.clone();
    assert!(command[0].starts_with("/.dev-helper/"), "{command:?}");
    assert_eq!(command[1..], ["serve"]);
}

#[tokio::test]
async fn batches_that_did_not_fit_are_found_by_comparing() {
    let mut place = Place::new(AfterSync::Nothing);
    let mut run = place.begin();
    run.tells().await;
    place.write("app/lost", "x");
    run.behind.store(true, Ordering::Relaxed);
    run.sends(place.job(&["app/a"])).await;
    place.holds(&[("a", "a"), ("lost", "x")]);
}

#[tokio::test]
async fn what_vanished_while_nobody_watched_goes_and_what_is_ignored_stays() {
    let mut place = Place::new(AfterSync::Nothing);
    for name in ["gone", "ignored"] {
        place.write(&format!("app/{name}"), "x");
    }
    let mut run = place.begin();
    run.tells().await;
    drop(run);
    fs::remove_file(place.path("app/gone")).unwrap();
    fs::create_dir(place.path(".git")).unwrap();
    place.write(".gitignore", "ignored\n");
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 1);
    place.holds(&[("a", "a"), ("ignored", "x")]);
}

#[tokio::test]
async fn what_came_and_went_goes_where_comparing_has_sent_it_meanwhile() {
    let mut place = Place::new(AfterSync::Nothing);
    place.write("app/passing", "compared before it went");
    place.write("srv/own", "the container's own");
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 2);
    fs::remove_file(place.path("app/passing")).unwrap();
    run.sends(place.passed(&["app/passing", "app/own"])).await;
    place.holds(&[("a", "a"), ("own", "the container's own")]);
}

#[tokio::test]
async fn a_folder_that_came_back_with_what_is_in_it_goes_again() {
    let mut place = Place::new(AfterSync::Nothing);
    place.write("app/folder/deep/file", "x");
    let all = ["app/folder", "app/folder/deep", "app/folder/deep/file"];
    let mut run = place.begin();
    run.tells().await;
    fs::remove_dir_all(place.path("app/folder")).unwrap();
    run.sends(place.job(&all)).await;
    place.holds(&[("a", "a")]);
    // It is back when the file is looked at, and was not yet when the folders were.
    place.write("app/folder/deep/file", "x");
    run.sends(place.job(&["app/folder/deep/file"])).await;
    // By the time that is told, all of it is gone, as if it had never been.
    fs::remove_dir_all(place.path("app/folder")).unwrap();
    run.sends(place.job(&["app/folder/deep/file"])).await;
    run.sends(place.passed(&["app/folder", "app/folder/deep"]))
        .await;
    let left: Vec<_> = fs::read_dir(place.path("srv")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_folder_that_is_told_of_has_nothing_more_that_comparing_sent_into_it() {
    let mut place = Place::new(AfterSync::Nothing);
    for name in ["folder/seen", "folder/missed", "folder/deep/missed"] {
        place.write(&format!("app/{name}"), "x");
    }
    let mut run = place.begin();
    run.tells().await;
    // As the watch finds it when it gets there: what was gone by then it does not know of.
    fs::remove_file(place.path("app/folder/missed")).unwrap();
    fs::remove_dir_all(place.path("app/folder/deep")).unwrap();
    place.write("srv/folder/own", "the container's own");
    run.sends(place.job(&["app/folder", "app/folder/seen"]))
        .await;
    let names = fs::read_dir(place.path("srv/folder")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        names.collect::<BTreeSet<_>>(),
        ["own", "seen"].map(str::to_owned).into()
    );
}

#[tokio::test]
async fn more_files_than_are_compared_at_once_are_told_apart() {
    let mut place = Place::new(AfterSync::Nothing);
    for number in 0..2500 {
        place.write(&format!("app/{number}"), "same");
        place.write(&format!("srv/{number}"), "same");
    }
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 1);
    drop(run);
    for number in [0, 999, 1000, 1700, 2499] {
        place.write(&format!("app/{number}"), "other");
    }
    fs::remove_file(place.path("app/1234")).unwrap();
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 6);
    let there = place.there();
    assert_eq!(there.values().filter(|text| *text == "other").count(), 5);
    assert!(there.len() == 2500 && !there.contains_key("1234"));
    drop(run);
    // All of it is in the record of what was sent, and nothing is left to do.
    place.write("app/last", "x");
    assert_eq!(place.begin().tells().await.files, 1);
}

#[tokio::test]
async fn what_follows_a_sync_follows_only_what_changed_here() {
    let mut place = Place::new(AfterSync::Restart);
    let mut run = place.begin();
    assert!(run.tells().await.restart);
    drop(run);
    // Its own entrypoint edits what was synced: restarting for that would never end.
    place.write("srv/a", "edited there");
    let mut run = place.begin();
    let told = run.tells().await;
    assert_eq!((told.files, told.restart), (1, false));
    drop(run);
    place.write("app/a", "edited here");
    assert!(place.begin().tells().await.restart);
}

#[tokio::test]
async fn commands_and_signals_follow_once_for_a_batch() {
    let mut place = Place::new(AfterSync::Signal("HUP".to_owned()));
    place.write("app/b", "b");
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 2);
    assert_eq!(place.world.model().ran, ["signal HUP"]);
    run.sends(place.job(&["app/a"])).await;
    assert_eq!(place.world.model().ran.len(), 2);
}

#[tokio::test]
async fn a_command_follows_and_its_failure_is_told() {
    let words = ["reload", "now"].map(str::to_owned).to_vec();
    let mut place = Place::new(AfterSync::Exec(words));
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    assert_eq!(place.world.model().ran, ["reload now"]);
    place.world.model().fails = true;
    place.write("app/a", "b");
    let told = run.sends(place.job(&["app/a"])).await;
    let error = told.followed.unwrap().unwrap_err().to_string();
    assert!(error.contains("exit code 3"), "{error}");
    place.holds(&[("a", "b")]);
}

#[tokio::test]
async fn a_file_does_not_take_the_place_of_a_folder_that_has_more_in_it() {
    let mut place = Place::new(AfterSync::Nothing);
    place.write("app/b", "b");
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    fs::create_dir(place.path("srv/c")).unwrap();
    fs::write(place.path("srv/c/inside"), "").unwrap();
    place.write("app/c", "a file where a folder is there");
    let told = run.sends(place.job(&["app/c"])).await;
    let error = told.result.unwrap_err();
    let said = format!("{error} {:?}", error.0.detail);
    assert!(said.contains("was not synced"), "{said}");
    assert!(place.path("srv/c/inside").exists());
}

#[tokio::test]
async fn what_it_was_given_before_it_started_is_no_news() {
    let place = Place::new(AfterSync::Restart);
    fs::copy(place.path("app/a"), place.path("srv/a")).unwrap();
    let rules = SyncRules::new(&place.stack, &place.stack.services["api"]);
    let mut record = place.record("id");
    let mut now = record.renew();
    for (piece, expected) in manifest(&rules).entries.values() {
        now.add(piece, *expected);
    }
    record.set(now, &BTreeSet::new()).unwrap();
    // Its entrypoint has edited what it was given.
    fs::write(place.path("srv/a"), "edited there").unwrap();
    let mut run = place.begin();
    let told = run.tells().await;
    assert_eq!((told.files, told.restart), (1, false));
}

#[tokio::test]
async fn a_new_container_has_not_seen_what_another_one_had() {
    let place = Place::new(AfterSync::Restart);
    let mut run = place.begin();
    assert!(run.tells().await.restart);
    assert!(run.assures(&place.stack).await);
    assert_eq!(place.has("id"), Some(Has::Everything));
    drop(run);
    // From its image, it has an older one.
    fs::write(place.path("srv/a"), "older").unwrap();
    assert_eq!(place.has("other"), None);
    let mut run = place.begin_in("other");
    assert!(run.tells().await.restart);
    assert!(run.assures(&place.stack).await);
    assert_eq!(place.has("other"), Some(Has::Everything));
    assert_eq!(place.has("id"), None);
}

#[tokio::test]
async fn what_is_written_down_follows_every_save_whatever_the_way() {
    for mute in [false, true] {
        let mut place = Place::new(AfterSync::Restart);
        place.world.model().mute = mute;
        let mut run = place.begin();
        run.tells().await;
        place.write("app/a", "b");
        assert_eq!(place.has("id"), Some(Has::Lacks { restarts: true }));
        run.sends(place.job(&["app/a"])).await;
        assert_eq!(place.has("id"), Some(Has::Everything), "mute: {mute}");
        fs::remove_file(place.path("app/a")).unwrap();
        assert_eq!(place.has("id"), Some(Has::Lacks { restarts: false }));
        run.sends(place.job(&["app/a"])).await;
        assert_eq!(place.has("id"), Some(Has::Everything), "mute: {mute}");
    }
}

#[tokio::test]
async fn who_asks_is_answered_once_it_was_compared_and_that_is_not_done_twice() {
    let mut place = Place::new(AfterSync::Nothing);
    place.world.model().helpers = vec![Helper::Stalls; 2];
    let mut run = place.begin();
    assert!(!run.assures(&place.stack).await, "it takes nothing in");
    assert!(run.assures(&place.stack).await);
    place.holds(&[("a", "a")]);
    place.write("app/missed", "nobody told");
    assert!(run.assures(&place.stack).await);
    place.holds(&[("a", "a")]);
}
