//! What a container gets before it starts.

use super::super::seed::{PORTION, seed};
use super::*;
use crate::runtime::RuntimeError;
use crate::runtime::world::World;
use crate::watch::sync::Bases;

impl Place {
    async fn seeds(&self) -> Result<(), RuntimeError> {
        let world: Arc<dyn World> = self.world.clone();
        let bounds = Bounds {
            memory: 1024 * 1024,
            scratch: Utf8PathBuf::from_path_buf(self.path("state")).unwrap(),
        };
        let record = self.record("id");
        seed(&world, &self.stack, ("api", "id"), record, bounds).await
    }

    /// The names in each archive, in their order.
    fn archives(&self) -> Vec<Vec<PathBuf>> {
        let model = self.world.model();
        let names = |bytes: &bytes::Bytes| {
            let mut tar = tar::Archive::new(&bytes[..]);
            let entries = tar.entries().unwrap();
            let names = entries.map(|entry| entry.unwrap().path().unwrap().into_owned());
            names.map(|name| PathBuf::from("/").join(name)).collect()
        };
        model.put.iter().map(|put| names(&put.bytes)).collect()
    }

    /// More than fits into one portion, folders in folders.
    fn fill(&mut self) {
        for number in 0..10 {
            self.write(&format!("app/deep/{number}/file"), "x");
        }
        fs::create_dir(self.path("app/empty")).unwrap();
        std::os::unix::fs::symlink("nowhere", self.path("app/link")).unwrap();
    }
}

#[tokio::test]
async fn a_seed_goes_in_portions_and_leaves_nothing_out() {
    let mut place = Place::new(AfterSync::Nothing);
    place.fill();
    place.seeds().await.unwrap();
    let archives = place.archives();
    let full = archives.iter().filter(|names| names.len() == PORTION);
    assert!(full.count() > 5, "{archives:?}");
    assert!(archives.iter().all(|names| names.len() <= PORTION));
    let mut seen = BTreeSet::new();
    for name in archives.into_iter().flatten() {
        let above = name.parent().unwrap();
        assert!(
            above == place.path("srv") || seen.contains(above),
            "{name:?} comes before the folder that it is in"
        );
        assert!(seen.insert(name.clone()), "{name:?} comes twice");
    }
    let rules = SyncRules::new(&place.stack, &place.stack.services["api"]);
    let wanted = manifest(&rules).entries.into_keys();
    let wanted = wanted.map(|target| PathBuf::from(String::from_utf8(target).unwrap()));
    assert_eq!(seen, wanted.collect());
    assert_eq!(place.has("id"), Some(Has::Everything));
}

#[tokio::test]
async fn what_a_seed_brought_before_it_failed_can_go() {
    let mut place = Place::new(AfterSync::Nothing);
    place.fill();
    place.world.model().room = Some(2);
    place.seeds().await.unwrap_err();
    let brought: BTreeSet<PathBuf> = place.archives().into_iter().flatten().collect();
    assert_eq!(brought.len(), 2 * PORTION);
    assert!(matches!(place.has("id"), Some(Has::Lacks { .. })));
    fs::remove_dir_all(place.path("app")).unwrap();
    let gone = place
        .record("id")
        .gone(&Bases::default(), |_| false)
        .into_iter();
    let gone = gone.map(|piece| PathBuf::from(String::from_utf8(piece.target).unwrap()));
    let gone: BTreeSet<PathBuf> = gone.collect();
    assert!(gone.is_superset(&brought), "{gone:?}");
}
