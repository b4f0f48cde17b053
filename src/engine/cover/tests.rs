use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::*;
use crate::plan::react::fixture::{build, rule, service, stack, sync};
use crate::stack::{AfterSync, Job, WatchAction};
use crate::watch::context::{Weight, hash_context_by};
use crate::watch::sync::manifest;

/// A context whose `app` is synced by `api`, and who else is built from it.
struct Place {
    dir: tempfile::TempDir,
    stack: Stack,
}

impl Place {
    fn new(others: Vec<Service>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
        let mut synced = rule(&["app"], sync("/srv", AfterSync::Nothing));
        synced.ignore = vec!["*.md".to_owned()];
        let rules = vec![synced, rule(&["app/build.txt"], WatchAction::Rebuild)];
        let mut services = vec![service("api", build(), rules)];
        services.extend(others);
        let mut stack = stack(services);
        stack.dir = root;
        let place = Self { dir, stack };
        for path in ["Dockerfile", "app/a.py", "app/notes.md", "app/build.txt"] {
            place.write(path, "one");
        }
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn coverage<'a>(&'a self, store: &'a Store) -> Coverage<'a> {
        Coverage {
            store,
            stack: &self.stack,
            known: Covers::new(),
        }
    }

    fn store(&self) -> Store {
        Store::open(&self.stack.dir, "gold").unwrap()
    }

    /// What a build is decided by, and everything.
    fn hashes(&self) -> (String, String) {
        let store = self.store();
        let apart = self.coverage(&store).apart("gold-api");
        let root: &Utf8Path = &self.stack.dir;
        let dockerfile = root.join("Dockerfile");
        let mut index = Index::for_context(&store.index(), root, &dockerfile);
        let is_apart = |path: &Path| apart.as_ref().is_some_and(|apart| apart(path));
        let weight = |path: &Path| match is_apart(path) {
            true => Weight::Apart,
            false => Weight::Counts,
        };
        let hash = hash_context_by(root, &dockerfile, &mut index, &weight).unwrap();
        (hash.rest, hash.hash)
    }

    /// Whether writing to a path is a reason to build; something changes anyway.
    fn builds_for(&self, path: &str) -> bool {
        let before = self.hashes();
        self.write(path, "two");
        let after = self.hashes();
        assert_ne!(before.1, after.1, "{path}");
        before.0 != after.0
    }
}

fn job(inputs: Option<&[&str]>) -> Service {
    let mut job = service("migrate", build(), Vec::new());
    let inputs = inputs.map(|inputs| inputs.iter().map(|&input| input.to_owned()).collect());
    job.role = Role::Job(Job {
        inputs,
        schedule: None,
        again: false,
    });
    job
}

#[test]
fn what_is_synced_is_no_reason_to_build_and_everything_else_is() {
    let place = Place::new(Vec::new());
    for synced in ["app/a.py", "app/deeper/new.py"] {
        assert!(!place.builds_for(synced), "{synced}");
    }
    for other in ["app/notes.md", "app/build.txt", "Dockerfile", "README"] {
        assert!(place.builds_for(other), "{other}");
    }
    fs::remove_file(place.dir.path().join("app/a.py")).unwrap();
    let (rest, _) = place.hashes();
    place.write("app/a.py", "back");
    assert_eq!(place.hashes().0, rest);
}

#[test]
fn who_shares_the_image_and_does_not_sync_decides_too() {
    let place = Place::new(vec![service("worker", build(), Vec::new())]);
    assert!(place.builds_for("app/a.py"));
    // Without inputs a job runs for its image.
    assert!(Place::new(vec![job(None)]).builds_for("app/a.py"));
    let place = Place::new(vec![job(Some(&["app/sql/**"]))]);
    assert!(!place.builds_for("app/a.py"));
    assert!(place.builds_for("app/sql/1.sql"));
}

#[test]
fn what_a_container_has_is_what_it_was_sent_as_it_looks_now() {
    let place = Place::new(Vec::new());
    let store = place.store();
    let has = || {
        let mut coverage = place.coverage(&store);
        coverage.has(&place.stack.services["api"])
    };
    assert_eq!(has(), BTreeMap::new());
    let rules = SyncRules::new(&place.stack, &place.stack.services["api"]);
    let mut record = Record::open(store.synced("api", 1), "id");
    let mut now = record.renew();
    for (piece, expected) in manifest(&rules).entries.values() {
        now.add(piece, *expected);
    }
    record.set(now, &BTreeSet::new()).unwrap();
    assert_eq!(has(), BTreeMap::from([("id".to_owned(), Has::Everything)]));
    place.write("app/a.py", "changed");
    let lacks = Has::Lacks { restarts: false };
    assert_eq!(has(), BTreeMap::from([("id".to_owned(), lacks)]));
}
