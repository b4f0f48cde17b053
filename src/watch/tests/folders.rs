//! Folders that come, go and are replaced.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn another_folder_under_the_same_name_is_told() {
    let mut watched = Watched::begin().await;
    run("mkdir app/gen app/new", watched.dir.path());
    watched.until(&["app/gen", "app/new"]).await;
    watched.told.clear();
    fs::rename(watched.path("app/new"), watched.path("app/gen")).unwrap();
    watched.until(&["app/gen"]).await;
}

#[tokio::test]
async fn files_in_folders_that_did_not_exist_are_found() {
    let mut watched = Watched::begin().await;
    run(
        "mkdir -p app/a/b/c/d && for n in 1 2 3; do echo $n > app/a/b/c/d/$n; echo $n > app/a/$n; done",
        watched.dir.path(),
    );
    watched
        .until(&[
            "app/a/b/c/d/1",
            "app/a/b/c/d/2",
            "app/a/b/c/d/3",
            "app/a/1",
            "app/a/2",
            "app/a/3",
            "app/a/b",
        ])
        .await;
    watched.told.clear();
    watched.write("app/a/b/c/d/2", "later");
    watched.until(&["app/a/b/c/d/2"]).await;
}

#[tokio::test]
async fn a_copied_tree_is_told_whole() {
    let mut watched = Watched::begin().await;
    let from = tempfile::tempdir().unwrap();
    for n in 0..60 {
        let folder = from.path().join(format!("tree/{}", n % 7));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{n}.py")), n.to_string()).unwrap();
    }
    run(
        &format!("cp -r {}/tree app/", from.path().display()),
        watched.dir.path(),
    );
    let names: Vec<String> = (0..60)
        .map(|n| format!("app/tree/{}/{n}.py", n % 7))
        .collect();
    watched
        .until(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

#[tokio::test]
async fn a_deleted_folder_takes_its_files_along() {
    let mut watched = Watched::begin().await;
    run(
        "mkdir -p app/old/deep && echo 1 > app/old/a && echo 2 > app/old/deep/b",
        watched.dir.path(),
    );
    watched.until(&["app/old/a", "app/old/deep/b"]).await;
    watched.told.clear();
    fs::remove_dir_all(watched.path("app/old")).unwrap();
    watched
        .until(&["app/old", "app/old/a", "app/old/deep", "app/old/deep/b"])
        .await;
    let folder = watched.path("app/old/deep").to_str().unwrap().to_owned();
    assert_eq!(
        watched.told[camino::Utf8Path::new(&folder)],
        PathKind::Folder,
        "what it was"
    );
}

#[tokio::test]
async fn a_renamed_folder_is_gone_here_and_new_there() {
    let mut watched = Watched::begin().await;
    run(
        "mkdir -p app/old/deep && echo 1 > app/old/deep/a",
        watched.dir.path(),
    );
    watched.until(&["app/old/deep/a"]).await;
    watched.told.clear();
    fs::rename(watched.path("app/old"), watched.path("app/new")).unwrap();
    watched
        .until(&["app/old", "app/old/deep/a", "app/new", "app/new/deep/a"])
        .await;
    watched.told.clear();
    watched.write("app/new/deep/a", "2");
    watched.until(&["app/new/deep/a"]).await;
    assert!(
        !watched.is_told("app/old/deep/a"),
        "its new name is the one that counts"
    );
}

#[tokio::test]
async fn a_folder_that_is_replaced_again_and_again_is_still_watched() {
    let mut watched = Watched::begin().await;
    for round in 0..20 {
        run(
            "rm -rf app/gen && mkdir -p app/gen/sub && mv app/gen app/gen2 && mv app/gen2 app/gen",
            watched.dir.path(),
        );
        watched.write("app/gen/sub/out.py", &round.to_string());
        watched.until(&["app/gen/sub/out.py"]).await;
        watched.settle().await;
        watched.write("app/gen/sub/out.py", "again");
        watched.until(&["app/gen/sub/out.py"]).await;
        watched.told.clear();
    }
}

#[tokio::test]
async fn a_mode_counts_and_an_empty_folder_too() {
    let mut watched = Watched::begin().await;
    fs::set_permissions(
        watched.path("app/main.py"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    watched.until(&["app/main.py"]).await;
    fs::create_dir(watched.path("app/empty")).unwrap();
    watched.until(&["app/empty"]).await;
    fs::hard_link(watched.path("app/main.py"), watched.path("app/hard.py")).unwrap();
    watched.until(&["app/hard.py"]).await;
}
