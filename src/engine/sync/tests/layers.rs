//! Two rules into one folder, and one that the container refuses in part.

use super::*;

/// What `app` has lies over what `under` has: its rule comes later in the file, not in the alphabet.
fn layered(then: AfterSync) -> Place {
    let mut place = Place::new(AfterSync::Nothing);
    let target = place.path("srv").to_str().unwrap().to_owned();
    let rules = vec![
        rule(&["under"], sync(&target, AfterSync::Nothing)),
        rule(&["app"], sync(&target, then)),
    ];
    let mut stack = stack(vec![service("api", image(), rules)]);
    stack.dir = place.stack.dir.clone();
    place.stack = Arc::new(stack);
    place.write("under/a", "under a");
    place.write("under/b", "under b");
    place.write("app/a", "app a");
    place
}

#[tokio::test]
async fn what_a_later_rule_brings_lies_over_what_an_earlier_one_does() {
    let mut place = layered(AfterSync::Restart);
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 2);
    place.holds(&[("a", "app a"), ("b", "under b")]);
    // Whatever is saved last.
    place.write("under/a", "under a again");
    place.write("under/b", "b again");
    let told = run.sends(place.job(&["under/a", "under/b"])).await;
    assert_eq!((told.files, told.restart), (1, false));
    place.holds(&[("a", "app a"), ("b", "b again")]);
    // Once it is gone, what it lay over is there again.
    fs::remove_file(place.path("app/a")).unwrap();
    let told = run.sends(place.job(&["app/a"])).await;
    assert_eq!((told.files, told.restart), (1, true));
    place.holds(&[("a", "under a again"), ("b", "b again")]);
    place.write("app/b", "app b");
    assert_eq!(run.sends(place.job(&["app/b"])).await.files, 1);
    place.holds(&[("a", "under a again"), ("b", "app b")]);
    fs::remove_file(place.path("under/a")).unwrap();
    run.sends(place.job(&["under/a"])).await;
    place.holds(&[("b", "app b")]);
    assert_eq!(place.has("id"), Some(Has::Everything));
}

#[tokio::test]
async fn who_was_away_finds_the_same_sources_over_each_other() {
    let mut place = layered(AfterSync::Nothing);
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 2);
    drop(run);
    place.write("under/a", "under a again");
    assert_eq!(place.has("id"), Some(Has::Everything));
    fs::remove_file(place.path("app/a")).unwrap();
    assert_eq!(place.has("id"), Some(Has::Lacks { restarts: false }));
    assert_eq!(place.begin().tells().await.files, 1);
    place.holds(&[("a", "under a again"), ("b", "under b")]);
}

#[tokio::test]
async fn what_git_ignores_lies_over_nothing() {
    let mut place = layered(AfterSync::Nothing);
    fs::create_dir(place.path(".git")).unwrap();
    place.write("app/.gitignore", "a\n");
    place.begin().tells().await;
    let there = place.there();
    assert_eq!(there["a"], "under a");
}

#[tokio::test]
async fn a_restart_follows_what_arrived_and_not_what_was_refused() {
    let mut place = Place::new(AfterSync::Restart);
    let mut run = place.begin();
    assert!(run.tells().await.restart);
    fs::create_dir(place.path("srv/refused")).unwrap();
    fs::write(place.path("srv/refused/inside"), "").unwrap();
    place.write("app/refused", "a file where a folder is there");
    let told = run.sends(place.job(&["app/refused"])).await;
    assert!(told.result.is_err() && !told.restart);
    // Now everything is compared each time.
    place.write("app/a", "b");
    let told = run.sends(place.job(&["app/a"])).await;
    assert!(told.result.is_err() && told.restart);
    assert_eq!(told.files, 1);
    let told = run.sends(place.job(&["app/a"])).await;
    assert!(told.result.is_err() && !told.restart);
}

#[tokio::test]
async fn what_a_deleted_file_lay_over_is_followed_by_what_either_rule_says() {
    let mut place = layered(AfterSync::Restart);
    let stack = Arc::make_mut(&mut place.stack);
    let service = stack.services.get_mut("api").unwrap();
    let under = AfterSync::Signal("HUP".to_owned());
    if let crate::stack::WatchAction::Sync { then, .. } = &mut service.watch[0].action {
        *then = under;
    }
    let mut run = place.begin();
    assert_eq!(run.tells().await.files, 2);
    fs::remove_file(place.path("app/a")).unwrap();
    assert!(run.sends(place.job(&["app/a"])).await.restart);
    place.holds(&[("a", "under a"), ("b", "under b")]);
}
