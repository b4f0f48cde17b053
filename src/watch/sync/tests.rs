use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::helper::protocol::{Expected, Sum};
use crate::plan::observed::Has;
use crate::plan::react::fixture::{image, rule, service, stack, sync};
use crate::plan::react::{PathKind, SyncItem, SyncRules};
use crate::stack::{AfterSync, Stack, WatchAction};
use crate::watch::context::Index;

struct Place {
    dir: tempfile::TempDir,
    stack: Stack,
}

impl Place {
    /// `app` goes to `/srv/app`, but for its notes; `conf.toml` into `/etc/`.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rules = vec![
            rule(&["app/**/*.md"], WatchAction::Restart),
            rule(&["app"], sync("/srv/app", AfterSync::Nothing)),
            rule(&["conf.toml"], sync("/etc/", AfterSync::Restart)),
        ];
        let mut stack = stack(vec![service("api", image(), rules)]);
        stack.dir = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        Self { dir, stack }
    }

    fn path(&self, path: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn manifest(&self) -> Manifest {
        manifest(&SyncRules::new(&self.stack, &self.stack.services["api"]))
    }

    fn item(&self, path: &str) -> SyncItem {
        let kind = if self.path(path).is_dir() {
            PathKind::Folder
        } else {
            PathKind::File
        };
        SyncItem {
            source: self.path(path),
            target: format!("/srv/{path}"),
            kind,
            depth: Utf8Path::new(path).components().count(),
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            memory: 64 * 1024,
            scratch: self.path(".dev/scratch"),
        }
    }

    fn pack(&self, items: &[SyncItem]) -> Packed {
        pack(
            items,
            Owner {
                uid: 1000,
                gid: 1001,
            },
            &self.bounds(),
        )
        .unwrap()
    }
}

fn bytes(archive: &Archive) -> Vec<u8> {
    match archive {
        Archive::Empty => Vec::new(),
        Archive::Memory(bytes) => bytes.to_vec(),
        Archive::File(path) => fs::read(path).unwrap(),
    }
}

/// What an archive holds: `mode uid:gid name = content`.
fn listing(archive: &Archive) -> Vec<String> {
    let bytes = bytes(archive);
    let mut tar = tar::Archive::new(&bytes[..]);
    let mut lines = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let path = entry.path().unwrap().display().to_string();
        let what = match header.entry_type() {
            tar::EntryType::Directory => "folder".to_owned(),
            tar::EntryType::Symlink => {
                format!("→ {}", entry.link_name().unwrap().unwrap().display())
            }
            _ => {
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                text
            }
        };
        let owner = format!("{}:{}", header.uid().unwrap(), header.gid().unwrap());
        lines.push(format!(
            "{:o} {owner} {path} = {what}",
            header.mode().unwrap()
        ));
    }
    lines
}

#[test]
fn an_archive_holds_files_links_and_empty_folders_with_mode_and_owner() {
    let place = Place::new();
    place.write("app/main.py", "print(1)");
    place.write("app/run.sh", "#!/bin/sh");
    fs::set_permissions(place.path("app/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(place.path("app/main.py"), fs::Permissions::from_mode(0o644)).unwrap();
    symlink("../else where", place.path("app/link")).unwrap();
    fs::create_dir(place.path("app/empty")).unwrap();
    fs::set_permissions(place.path("app/empty"), fs::Permissions::from_mode(0o755)).unwrap();
    let long = format!("app/{}/é.py", "long".repeat(40));
    place.write(&long, "long");
    fs::set_permissions(place.path(&long), fs::Permissions::from_mode(0o600)).unwrap();
    let packed = place.pack(
        &["app/run.sh", "app/main.py", "app/link", "app/empty", &long].map(|path| place.item(path)),
    );
    assert_eq!(
        listing(&packed.archive),
        [
            "755 1000:1001 srv/app/empty = folder".to_owned(),
            "777 1000:1001 srv/app/link = → ../else where".to_owned(),
            format!("600 1000:1001 srv/{long} = long"),
            "644 1000:1001 srv/app/main.py = print(1)".to_owned(),
            "750 1000:1001 srv/app/run.sh = #!/bin/sh".to_owned(),
        ]
    );
    assert_eq!(packed.remove, [""; 0]);
}

#[test]
fn other_tools_read_it_with_times_to_the_nanosecond() {
    let place = Place::new();
    place.write("app/main.py", "x");
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_456_789);
    fs::File::options()
        .write(true)
        .open(place.path("app/main.py"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    let packed = place.pack(&[place.item("app/main.py")]);
    fs::write(place.path("a.tar"), bytes(&packed.archive)).unwrap();
    let out = place.path("out");
    fs::create_dir(&out).unwrap();
    let tar = place.path("a.tar");
    let status = std::process::Command::new("tar")
        .args(["-xf", tar.as_str(), "-C", out.as_str()])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(
        fs::metadata(out.join("srv/app/main.py"))
            .unwrap()
            .modified()
            .unwrap(),
        time
    );
}

#[test]
fn what_vanished_is_removed_the_deepest_first() {
    let place = Place::new();
    place.write("app/kept", "x");
    let items = [
        "app/kept",
        "app/gone",
        "app/gone/a",
        "app/gone/b/c",
        "app/gone2",
    ]
    .map(|path| place.item(path));
    let packed = place.pack(&items);
    let gone = ["gone2", "gone/b/c", "gone/a", "gone"].map(|name| format!("/srv/app/{name}"));
    assert_eq!(packed.remove, gone);
    assert!(matches!(place.pack(&items[1..]).archive, Archive::Empty));
}

#[test]
fn a_file_where_a_folder_stood_makes_way_first() {
    let place = Place::new();
    place.write("app/thing", "now a file");
    let packed = place
        .pack(&["app/thing", "app/thing/old", "app/thing/deep/old"].map(|path| place.item(path)));
    let gone = ["thing/old", "thing/deep/old", "thing"].map(|name| format!("/srv/app/{name}"));
    assert_eq!(packed.remove, gone);
    assert_eq!(listing(&packed.archive).len(), 1);
}

#[test]
fn a_large_archive_goes_to_a_file_of_its_owner_that_vanishes() {
    let place = Place::new();
    let large = vec![7; 5 * 1024 * 1024];
    place.write("app/large", &large);
    place.write("app/small", "small");
    let packed = place.pack(&["app/large", "app/small"].map(|path| place.item(path)));
    let Archive::File(path) = &packed.archive else {
        panic!("in memory")
    };
    let path = path.to_path_buf();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let bytes = bytes(&packed.archive);
    let mut tar = tar::Archive::new(&bytes[..]);
    let sizes: Vec<u64> = tar
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().size())
        .collect();
    assert_eq!(sizes, [large.len() as u64, 5]);
    drop(packed);
    assert!(!path.exists());
}

#[test]
fn a_large_file_goes_by_itself_and_has_an_end_although_it_grows() {
    let place = Place::new();
    let size = 3 * 1024 * 1024;
    place.write("app/log", vec![b'x'; size]);
    let rules = SyncRules::new(&place.stack, &place.stack.services["api"]);
    let (item, then) = rules.item(&place.path("app/log"), PathKind::File).unwrap();
    let piece = Piece::new(item, then.clone(), &rules);
    let outcome = send(vec![piece.clone()], None, &mut |_| {
        panic!("nothing is sent")
    });
    assert_eq!(outcome.unwrap().large, std::slice::from_ref(&piece));
    let mut log = fs::File::options()
        .append(true)
        .open(place.path("app/log"))
        .unwrap();
    let (mut large, mut sent) = (Large::new(piece, None), 0);
    let (expected, bytes) = loop {
        assert!(sent < 4 * size, "it never ends");
        let requests = match large.portion().unwrap() {
            Portion::More(requests) => requests,
            Portion::Last(_, expected, bytes) => break (expected, bytes),
            Portion::Overtaken => panic!("it is there"),
        };
        sent += requests.len();
        std::io::Write::write_all(&mut log, &requests).unwrap();
    };
    assert_eq!(bytes, size as u64);
    let whole = Sum::of(&vec![b'x'; size]);
    assert!(matches!(expected, Expected::File { sum, .. } if sum == whole));
}

#[test]
fn a_large_file_that_goes_or_is_replaced_meanwhile_is_given_up() {
    for replaced in [false, true] {
        let place = Place::new();
        place.write("app/large", vec![b'x'; 5 * 1024 * 1024]);
        let rules = SyncRules::new(&place.stack, &place.stack.services["api"]);
        let (item, then) = rules
            .item(&place.path("app/large"), PathKind::File)
            .unwrap();
        let mut large = Large::new(Piece::new(item, then.clone(), &rules), None);
        assert!(matches!(large.portion().unwrap(), Portion::More(_)));
        if replaced {
            place.write("beside", "small");
            fs::rename(place.path("beside"), place.path("app/large")).unwrap();
        } else {
            fs::remove_file(place.path("app/large")).unwrap();
        }
        assert!(matches!(large.portion().unwrap(), Portion::Overtaken));
    }
}

#[test]
fn pipes_are_left_out_and_never_waited_for() {
    let place = Place::new();
    place.write("app/x", "");
    let status = std::process::Command::new("mkfifo")
        .arg(place.path("app/pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let packed = place.pack(&[place.item("app/pipe")]);
    assert!(matches!(packed.archive, Archive::Empty) && packed.remove.is_empty());
    assert!(!place.manifest().entries.contains_key(&b"/srv/app/pipe"[..]));
}

#[test]
fn a_new_container_gets_everything_that_the_rules_cover() {
    let place = Place::new();
    fs::create_dir(place.path(".git")).unwrap();
    place.write(".gitignore", "__pycache__/\n");
    for path in [
        "app/main.py",
        "app/sub/a.py",
        "app/notes.md",
        "app/__pycache__/main.pyc",
        "conf.toml",
        "README",
    ] {
        place.write(path, path);
    }
    let now = place.manifest();
    let targets: Vec<_> = now
        .entries
        .keys()
        .map(|target| String::from_utf8_lossy(target))
        .collect();
    assert_eq!(
        targets,
        [
            "/etc/conf.toml",
            "/srv/app/main.py",
            "/srv/app/sub",
            "/srv/app/sub/a.py"
        ]
    );
    let then = |target: &str| now.entries[target.as_bytes()].0.then.clone();
    assert_eq!(then("/etc/conf.toml"), AfterSync::Restart);
    assert_eq!(then("/srv/app/main.py"), AfterSync::Nothing);
    assert!(now.entries[&b"/etc/conf.toml"[..]].0.is_named());
}

#[test]
fn an_initial_sync_knows_nothing_of_git() {
    let mut place = Place::new();
    fs::create_dir(place.path(".git")).unwrap();
    place.write(".gitignore", "*.gen\n");
    for path in ["app/a.gen", "app/b", "app/.b.swp"] {
        place.write(path, path);
    }
    let is_sent =
        |place: &Place, path: &str| place.manifest().entries.contains_key(path.as_bytes());
    assert!(!is_sent(&place, "/srv/app/a.gen") && is_sent(&place, "/srv/app/b"));
    let api = place.stack.services.get_mut("api").unwrap();
    api.watch[1].initial_sync = true;
    assert!(is_sent(&place, "/srv/app/a.gen") && is_sent(&place, "/srv/app/b"));
    assert!(!is_sent(&place, "/srv/app/.b.swp"));
}

#[test]
fn what_did_not_change_is_not_read_again_to_tell_what_a_container_has() {
    let place = Place::new();
    place.write("app/main.py", "one");
    place.write("app/same.py", "same");
    let read = || {
        let index = Index::for_synced(&place.path(".dev"), "api");
        // Long after the files were written.
        let mut index = index.with_clock(|| SystemTime::now() + Duration::from_secs(60));
        let rules = SyncRules::new(&place.stack, &place.stack.services["api"]);
        let cover = Cover::read(&rules, &mut index);
        index.save().unwrap();
        (cover, index.read_files())
    };
    let (cover, files) = read();
    assert_eq!(files, 2);
    let mut record = Record::open(place.path(".dev/record"), "id");
    let mut now = record.renew();
    for (piece, expected) in place.manifest().entries.values() {
        now.add(piece, *expected);
    }
    record.set(now, &std::collections::BTreeSet::new()).unwrap();
    assert_eq!(record.has(&cover), Some(Has::Everything));

    let (cover, files) = read();
    assert_eq!((files, record.has(&cover)), (0, Some(Has::Everything)));
    place.write("app/main.py", "two");
    let (cover, files) = read();
    let lacks = Some(Has::Lacks { restarts: false });
    assert_eq!((files, record.has(&cover)), (1, lacks));
    // Another container was sent nothing, whatever this one was.
    let other = Record::open(place.path(".dev/record"), "other");
    assert_eq!(other.has(&cover), None);
}
