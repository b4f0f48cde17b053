//! A symlink in a folder's place: what it leads to lies elsewhere.

use std::os::unix::fs::symlink;

use super::*;

impl Place {
    fn with_folders() -> Self {
        let mut place = Self::new(AfterSync::Nothing);
        place.write("app/old/same", "old");
        place.write("app/new/same", "new");
        place
    }

    /// `app/old` leads to `app/new` from now on, where a file of the same name lies.
    fn replace_folder(&self) {
        fs::remove_dir_all(self.path("app/old")).unwrap();
        symlink("new", self.path("app/old")).unwrap();
    }

    fn has_link(&self) {
        let link = fs::read_link(self.path("srv/old"));
        assert_eq!(link.unwrap(), PathBuf::from("new"));
        let text = fs::read_to_string(self.path("srv/new/same"));
        assert_eq!(text.unwrap(), "new");
    }
}

#[tokio::test]
async fn one_that_took_a_folders_place_unseen_takes_it_there() {
    let place = Place::with_folders();
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    drop(run);
    place.replace_folder();
    assert_eq!(place.has("id"), Some(Has::Lacks { restarts: false }));
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    place.has_link();
    assert_eq!(place.has("id"), Some(Has::Everything));
}

#[tokio::test]
async fn one_that_takes_a_folders_place_takes_it_there() {
    for told in [&["app/old"][..], &["app/old", "app/old/same"]] {
        for mute in [false, true] {
            let place = Place::with_folders();
            place.world.model().mute = mute;
            let mut run = place.begin();
            assert!(run.tells().await.result.is_ok());
            place.replace_folder();
            assert!(run.sends(place.job(told)).await.result.is_ok());
            if mute {
                let model = place.world.model();
                let removed = &model.put.last().unwrap().remove;
                assert!(removed.iter().any(|path| path.ends_with("srv/old/same")));
            } else {
                place.has_link();
            }
        }
    }
}

#[tokio::test]
async fn what_came_and_went_before_it_is_gone() {
    let place = Place::with_folders();
    let mut run = place.begin();
    assert!(run.tells().await.result.is_ok());
    place.replace_folder();
    let told = run.sends(place.passed(&["app/old/same"])).await;
    assert!(told.result.is_ok());
    assert!(!place.path("srv/old/same").exists());
}
