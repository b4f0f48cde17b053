//! What the system does not tell.

use super::*;

#[tokio::test]
async fn too_many_folders_are_polled_and_said_to_be() {
    let mut watched = Watched::begin_on(
        |dir| {
            for n in 0..20 {
                fs::create_dir(dir.join(format!("app/{n}"))).unwrap();
            }
            WatchSet {
                roots: vec![Root::new(dir.join("app"))],
                files: [dir.join("dev.toml")].into(),
            }
        },
        System {
            limit: 5,
            ..System::default()
        },
    )
    .await;
    let [Notice::Polling { root, why }] = &watched.notices[..] else {
        panic!("{:?}", watched.notices)
    };
    assert!(
        *root == watched.path("app") && why.contains("fs.inotify.max_user_watches is "),
        "{why}"
    );
    for n in 0..20 {
        watched.write(&format!("app/{n}/a"), "1");
    }
    watched.write("dev.toml", "1");
    let names: Vec<String> = (0..20).map(|n| format!("app/{n}/a")).collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    watched.until(&["dev.toml"]).await;
    watched.told.clear();
    fs::remove_dir_all(watched.path("app/7")).unwrap();
    watched.until(&["app/7", "app/7/a"]).await;
    assert_eq!(watched.notices.len(), 1, "said once");
}

#[tokio::test]
async fn events_that_are_lost_lead_to_a_look_at_everything() {
    let set = |dir: &Path| WatchSet {
        roots: vec![Root::new(dir)],
        ..WatchSet::default()
    };
    let system = System {
        events: 1,
        ..System::default()
    };
    let mut watched = Watched::begin_on(set, system).await;
    run(
        "for n in $(seq 500); do echo $n > app/$n; done; rm app/main.py",
        watched.dir.path(),
    );
    let names: Vec<String> = (1..=500).map(|n| format!("app/{n}")).collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    watched.until(&["app/main.py"]).await;
    assert!(watched.overflow, "and who follows is told to compare");
}

#[test]
fn limits_are_named_with_how_to_raise_them() {
    use crate::watch::backend::limit_text;
    let none_left = notify::Error::new(notify::ErrorKind::MaxFilesWatch);
    let text = limit_text(&none_left);
    assert!(
        text.contains("`sudo sysctl fs.inotify.max_user_watches=524288`"),
        "{text}"
    );
    let too_many = std::io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
    let text = limit_text(&notify::Error::io(too_many));
    assert!(
        text.contains("`sudo sysctl fs.inotify.max_user_instances=1024`"),
        "{text}"
    );
}

#[tokio::test]
async fn what_lies_on_the_network_is_watched_and_polled() {
    let set = |dir: &Path| WatchSet {
        roots: vec![Root::new(dir)],
        ..WatchSet::default()
    };
    let system = System {
        remote: |_| Some("nfs"),
        ..System::default()
    };
    let mut watched = Watched::begin_on(set, system).await;
    let [Notice::Polling { why, .. }] = &watched.notices[..] else {
        panic!("{:?}", watched.notices)
    };
    assert!(why.starts_with("nfs "), "{why}");
    watched.write("app/main.py", "2");
    watched.until(&["app/main.py"]).await;
}

#[tokio::test]
async fn what_is_polled_ends_right_whatever_happened_between_two_looks() {
    let set = |dir: &Path| WatchSet {
        roots: vec![Root::new(dir)],
        ..WatchSet::default()
    };
    let system = System {
        limit: 0,
        ..System::default()
    };
    let mut watched = Watched::begin_on(set, system).await;
    let dir = watched.dir.path().to_owned();
    run(
        "printf x > app/passing; rm app/passing; mkdir -p app/deep/er; printf 1 > app/deep/er/a; printf 1 > app/kept
         rm app/main.py; mkdir app/main.py; printf 2 > app/main.py/inside",
        &dir,
    );
    watched
        .until(&["app/main.py/inside", "app/deep/er/a", "app/kept"])
        .await;
    watched.told.clear();
    run(
        "rm -r app/main.py app/deep; printf 2 > app/main.py; rm app/kept; printf 1 > app/kept; touch -d @1 app/kept",
        &dir,
    );
    let gone = [
        "app/main.py/inside",
        "app/deep/er/a",
        "app/deep/er",
        "app/deep",
    ];
    watched.until(&gone).await;
    watched.until(&["app/main.py", "app/kept"]).await;
    let told = |path: &str| {
        let path = dir.join(path);
        watched.told[camino::Utf8Path::from_path(&path).unwrap()]
    };
    assert_eq!(told("app/main.py"), PathKind::File);
}
