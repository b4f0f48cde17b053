use std::os::unix::fs::symlink;

use super::follow;

fn found(links: &[(&str, &str)], paths: &[&str]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("real/sub")).expect("a folder");
    std::fs::create_dir_all(folder.path().join("links")).expect("a folder");
    for (name, target) in links {
        symlink(target, folder.path().join(name)).expect("a link");
    }
    let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
    follow(folder.path(), &paths)
}

#[test]
fn paths_without_links_are_taken_as_they_are() {
    assert_eq!(
        found(&[], &["real/x", "/a//b/", "*.txt"]).expect("paths"),
        ["*.txt", "a/b", "real/x"]
    );
}

#[test]
fn every_link_on_the_way_comes_with_its_target() {
    let links = [
        ("links/a", "../real"),
        ("b", "/links/a"),
        ("real/c", "sub/x"),
    ];
    assert_eq!(
        found(&links, &["b/c"]).expect("paths"),
        ["b", "links/a", "real/c", "real/sub/x"]
    );
    assert_eq!(
        found(&links, &["b/one", "b/two"]).expect("paths"),
        ["b", "links/a", "real/one", "real/two"]
    );
}

#[test]
fn links_that_a_wildcard_names_are_followed() {
    let links = [
        ("links/a", "../real/one"),
        ("links/b", "../real/two"),
        ("links/other", "../real/three"),
    ];
    assert_eq!(
        found(&links, &["links/[ab]"]).expect("paths"),
        ["links/[ab]", "real/one", "real/two"]
    );
}

#[test]
fn circles_end() {
    let links = [
        ("a", "b"),
        ("b", "a"),
        ("self", "self/x"),
        ("up", "links/down"),
        ("links/down", "../up"),
    ];
    assert_eq!(
        found(&links, &["a", "self/y", "up/z"])
            .expect("paths")
            .len(),
        5
    );
}

#[test]
fn the_root_is_everything() {
    assert_eq!(found(&[], &["."]), None);
    assert_eq!(
        found(&[("a", "..")], &["a"]),
        None,
        "there is nothing above the root"
    );
}

#[test]
fn what_lies_in_a_wanted_folder_needs_no_pattern() {
    assert_eq!(
        found(&[], &["real", "real/sub/x"]).expect("paths"),
        ["real"]
    );
}
