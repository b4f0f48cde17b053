use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::protocol::*;
use super::serve::serve;

/// A folder with a target, `app`, and something beside it that nobody may touch.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.path("app")).unwrap();
        fs::create_dir(place.path("outside")).unwrap();
        fs::write(place.path("outside/secret"), "secret").unwrap();
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn bytes(&self, path: impl AsRef<OsStr>) -> Vec<u8> {
        let path = self.dir.path().join(path.as_ref());
        path.as_os_str().as_bytes().to_vec()
    }

    /// What the helper answers, the greeting left out.
    fn ask(&self, requests: &[Request]) -> Vec<Reply> {
        let mut input = Vec::new();
        Request::Roots(vec![self.bytes("app")]).encode(&mut input);
        requests
            .iter()
            .for_each(|request| request.encode(&mut input));
        self.serve(&input[..]).unwrap()
    }

    fn serve(&self, input: impl Read) -> io::Result<Vec<Reply>> {
        let mut output = Vec::new();
        serve(input, &mut output, (1, 2))?;
        let mut output = &output[..];
        let mut replies = Vec::new();
        while let Some(frame) = read_frame(&mut output)? {
            replies.push(Reply::decode(&frame).unwrap());
        }
        let hello = Reply::Hello {
            version: VERSION,
            uid: 1,
            gid: 2,
        };
        assert_eq!(replies.remove(0), hello);
        Ok(replies)
    }

    /// Does this, and says what went wrong: the paths from the folder on.
    fn change(&self, requests: &[Request]) -> Vec<(String, ProblemKind)> {
        let mut requests = requests.to_vec();
        requests.push(Request::Commit(7));
        let replies = self.ask(&requests);
        let [Reply::Done { id: 7, problems }] = &replies[..] else {
            panic!("{replies:?}");
        };
        assert!(self.leftovers().is_empty(), "{:?}", self.leftovers());
        let problems = problems.iter();
        problems
            .map(|problem| {
                let path = Path::new(OsStr::from_bytes(&problem.path));
                let path = path.strip_prefix(self.dir.path()).unwrap_or(path);
                (path.to_string_lossy().into_owned(), problem.kind)
            })
            .collect()
    }

    fn differs(&self, expected: &[(Vec<u8>, Expected)]) -> Vec<u32> {
        let expect =
            |(path, expected): &(Vec<u8>, Expected)| Request::Expect(path.clone(), *expected);
        let mut requests: Vec<_> = expected.iter().map(expect).collect();
        requests.push(Request::Compare(1));
        let mut numbers = Vec::new();
        for reply in self.ask(&requests) {
            if let Reply::Differs(more) = reply {
                numbers.extend(more);
            }
        }
        numbers
    }

    fn file(&self, path: impl AsRef<OsStr>, content: &[u8]) -> Vec<Request> {
        vec![
            Request::File {
                path: self.bytes(path),
                mode: 0o640,
                owner: None,
                mtime: (1_700_000_000, 123_456_789),
            },
            Request::Data(content.to_vec()),
            Request::End,
        ]
    }

    fn leftovers(&self) -> Vec<PathBuf> {
        let mut todo = vec![self.dir.path().to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = todo.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_name().to_string_lossy().starts_with(BESIDE) {
                    found.push(entry.path());
                }
                if entry.file_type().unwrap().is_dir() {
                    todo.push(entry.path());
                }
            }
        }
        found
    }
}

#[test]
fn a_file_gets_content_mode_and_time_and_the_folders_above_it() {
    let place = Place::new();
    assert_eq!(place.change(&place.file("app/a/b/main.py", b"one")), []);
    let path = place.path("app/a/b/main.py");
    let found = fs::metadata(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(found.permissions().mode() & 0o7777, 0o640);
    assert_eq!(
        (found.mtime(), found.mtime_nsec()),
        (1_700_000_000, 123_456_789)
    );
}

#[test]
fn a_file_is_replaced_at_once_and_who_reads_the_old_one_goes_on() {
    let place = Place::new();
    place.change(&place.file("app/a", b"old"));
    let mut open = fs::File::open(place.path("app/a")).unwrap();
    place.change(&place.file("app/a", b"new"));
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old");
    assert_eq!(fs::read(place.path("app/a")).unwrap(), b"new");
}

#[test]
fn what_breaks_off_leaves_the_old_file_and_nothing_beside_it() {
    let place = Place::new();
    place.change(&place.file("app/a", b"old"));
    let mut input = Vec::new();
    Request::Roots(vec![place.bytes("app")]).encode(&mut input);
    for request in &place.file("app/a", b"half")[..2] {
        request.encode(&mut input);
    }
    place.serve(&input[..]).unwrap();
    assert_eq!(fs::read(place.path("app/a")).unwrap(), b"old");
    assert!(place.leftovers().is_empty());
    input.extend([0, 0, 0, 1, 99]);
    assert!(place.serve(&input[..]).is_err(), "nonsense ends it");
    assert!(place.leftovers().is_empty());
}

#[test]
fn a_file_that_is_put_aside_lets_others_by_and_is_seen_when_it_is_whole() {
    let place = Place::new();
    place.change(&place.file("app/large", b"old"));
    let [file, _, end] = &place.file("app/large", b"")[..] else {
        panic!("three");
    };
    let data = |text: &[u8]| Request::Data(text.to_vec());
    let mut requests = vec![file.clone(), data(b"one "), Request::Aside];
    requests.extend(place.file("app/small", b"small"));
    // Comparing sweeps away what a helper before it has left there, and not what is its own.
    let folder = Expected::Folder { mode: 0o755 };
    requests.push(Request::Expect(place.bytes("app"), folder));
    requests.extend([
        Request::Compare(1),
        Request::Resume,
        data(b"two "),
        Request::Aside,
    ]);
    requests.push(Request::Remove(place.bytes("app/small")));
    let half = place.ask(&requests);
    assert!(matches!(half.last(), Some(Reply::Done { problems, .. }) if problems.is_empty()));
    assert_eq!(fs::read(place.path("app/large")).unwrap(), b"old");
    assert!(place.leftovers().is_empty(), "it breaks off");

    requests.extend([
        Request::Resume,
        data(b"three"),
        end.clone(),
        Request::Commit(2),
    ]);
    place.ask(&requests);
    assert_eq!(fs::read(place.path("app/large")).unwrap(), b"one two three");
    assert!(place.leftovers().is_empty());
}

#[test]
fn what_is_cancelled_leaves_what_was_there_and_what_fails_aside_is_told_at_its_end() {
    let place = Place::new();
    place.change(&place.file("app/large", b"old"));
    let [file, data, end] = &place.file("app/large", b"new")[..] else {
        panic!("three");
    };
    let half = [file, data, &Request::Aside].map(Request::clone);
    let mut requests = half.to_vec();
    requests.extend([Request::Cancel, Request::Resume, data.clone(), end.clone()]);
    assert_eq!(place.change(&requests), []);
    assert_eq!(fs::read(place.path("app/large")).unwrap(), b"old");

    symlink(place.path("outside"), place.path("app/link")).unwrap();
    let mut escapes = place.file("app/link/x", b"evil");
    escapes.insert(2, Request::Resume);
    escapes.insert(2, Request::Aside);
    let told = [("app/link/x".to_owned(), ProblemKind::Escapes)];
    assert_eq!(place.change(&escapes), told);
}

#[test]
fn what_a_killed_helper_left_holds_no_folder_that_has_to_go() {
    let place = Place::new();
    for folder in ["gone", "file", "own"] {
        fs::create_dir(place.path(&format!("app/{folder}"))).unwrap();
        let left = format!("app/{folder}/{BESIDE}76");
        fs::write(place.path(&left), "half").unwrap();
    }
    fs::write(place.path("app/own/own"), "the container's own").unwrap();
    let mut requests = vec![Request::Remove(place.bytes("app/gone"))];
    requests.extend(place.file("app/file", b"a file now"));
    requests.push(Request::Remove(place.bytes("app/own")));
    assert_eq!(place.change(&requests), []);
    assert!(!place.path("app/gone").exists());
    assert_eq!(fs::read(place.path("app/file")).unwrap(), b"a file now");
    let own = fs::read(place.path("app/own/own")).unwrap();
    assert_eq!(own, b"the container's own");
}

#[test]
fn what_a_killed_helper_left_goes_at_the_next_start() {
    let place = Place::new();
    fs::create_dir(place.path("app/deep")).unwrap();
    for folder in ["app", "app/deep"] {
        fs::write(place.path(folder).join(format!("{BESIDE}4711")), "half").unwrap();
    }
    let deep = (place.bytes("app/deep"), Expected::Folder { mode: 0o755 });
    place.differs(&[deep]);
    assert!(place.leftovers().is_empty());
}

#[test]
fn odd_names_are_names() {
    let place = Place::new();
    let long = "x".repeat(255);
    let names: [&[u8]; 5] = [b"two\nlines", b"\xff\xfe", b" ", long.as_bytes(), b"-rf *"];
    for name in names {
        let path = Path::new("app").join(OsStr::from_bytes(name));
        assert_eq!(place.change(&place.file(&path, name)), []);
        assert_eq!(fs::read(place.dir.path().join(&path)).unwrap(), name);
        let gone = Request::Remove(place.bytes(&path));
        assert_eq!(place.change(&[gone]), []);
    }
    assert_eq!(fs::read_dir(place.path("app")).unwrap().count(), 0);
}

#[test]
fn nothing_leads_out_of_the_target() {
    let place = Place::new();
    symlink(place.path("outside"), place.path("app/link")).unwrap();
    symlink("../outside", place.path("app/relative")).unwrap();
    symlink("link", place.path("app/twice")).unwrap();
    let escapes = [
        "outside/secret",
        "app/../outside/secret",
        "app/./../outside/secret",
        "app/link/secret",
        "app/relative/secret",
        "app/twice/secret",
        "app/link/new/deep",
        "application",
        "app/",
        "app//x",
    ];
    for path in escapes {
        let path_bytes = place.dir.path().join("").as_os_str().as_bytes().to_vec();
        let path_bytes = [&path_bytes[..], path.as_bytes()].concat();
        let mut requests = place.file("app/x", b"evil");
        if let Request::File { path, .. } = &mut requests[0] {
            path.clone_from(&path_bytes);
        }
        let folder = Request::Folder {
            path: path_bytes.clone(),
            mode: 0o700,
            owner: None,
        };
        let link = Request::Symlink {
            path: path_bytes.clone(),
            text: b"x".to_vec(),
            owner: None,
        };
        requests.extend([folder, link, Request::Remove(path_bytes)]);
        let problems = place.change(&requests);
        let escape = |(_, kind): &(String, ProblemKind)| *kind == ProblemKind::Escapes;
        // What is not there is gone, wherever it leads.
        let wanted = if path.ends_with("deep") { 3 } else { 4 };
        assert!(
            problems.len() == wanted && problems.iter().all(escape),
            "{path}: {problems:?}"
        );
    }
    assert_eq!(fs::read(place.path("outside/secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(place.path("outside")).unwrap().count(), 1);
    assert_eq!(place.change(&[Request::Remove(b"app/x".to_vec())]).len(), 1);
}

#[test]
fn a_symlink_inside_the_target_is_followed_and_one_that_is_the_target_too() {
    let place = Place::new();
    fs::create_dir(place.path("app/real")).unwrap();
    symlink("real", place.path("app/link")).unwrap();
    assert_eq!(place.change(&place.file("app/link/a", b"1")), []);
    assert_eq!(fs::read(place.path("app/real/a")).unwrap(), b"1");
    fs::rename(place.path("app"), place.path("moved")).unwrap();
    symlink("moved", place.path("app")).unwrap();
    assert_eq!(place.change(&place.file("app/real/b", b"2")), []);
    assert_eq!(fs::read(place.path("moved/real/b")).unwrap(), b"2");
}

#[test]
fn what_lies_beyond_a_symlink_is_neither_removed_nor_taken_for_what_should_be_there() {
    let place = Place::new();
    place.change(&place.file("app/real/a", b"1"));
    symlink("real", place.path("app/link")).unwrap();
    let file = Expected::File {
        mode: 0o640,
        size: 1,
        sum: Sum::of(b"1"),
    };
    let beyond = [
        (place.bytes("app/real/a"), file),
        (place.bytes("app/link/a"), file),
        (place.bytes("app/link/a"), Expected::Absent),
    ];
    assert_eq!(place.differs(&beyond), [1]);
    let gone = Request::Remove(place.bytes("app/link/a"));
    assert_eq!(place.change(&[gone]), []);
    assert_eq!(fs::read(place.path("app/real/a")).unwrap(), b"1");
}

#[test]
fn a_symlink_loop_is_an_error_and_no_hang() {
    let place = Place::new();
    symlink("b", place.path("app/a")).unwrap();
    symlink("a", place.path("app/b")).unwrap();
    let problems = place.change(&place.file("app/a/x", b"1"));
    assert_eq!(problems, [("app/a/x".to_owned(), ProblemKind::Other)]);
    // The link itself can be replaced, and is what it is.
    let loops = Expected::Symlink { sum: Sum::of(b"b") };
    assert_eq!(place.differs(&[(place.bytes("app/a"), loops)]), [0; 0]);
    assert_eq!(place.change(&place.file("app/a", b"1")), []);
    assert_eq!(fs::read(place.path("app/a")).unwrap(), b"1");
    assert!(place.path("app/b").exists());
}

#[test]
fn each_kind_takes_the_place_of_each_other() {
    let place = Place::new();
    let path = place.bytes("app/thing");
    let folder = || {
        let path = path.clone();
        let mut requests = vec![Request::Folder {
            path,
            mode: 0o750,
            owner: None,
        }];
        requests.extend(place.file("app/thing/inside", b"x"));
        requests
    };
    let link = || {
        vec![Request::Symlink {
            path: path.clone(),
            text: b"../outside".to_vec(),
            owner: None,
        }]
    };
    let file = || place.file("app/thing", b"file");
    let is = |kind: usize| {
        let found = fs::symlink_metadata(place.path("app/thing"));
        found.is_ok_and(|found| [found.is_dir(), found.is_symlink(), found.is_file()][kind])
    };
    let inside = || Request::Remove(place.bytes("app/thing/inside"));
    for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        for kind in [from, to] {
            let mut requests = [folder(), link(), file()][kind].clone();
            if kind != 0 && is(0) {
                requests.insert(0, inside());
            }
            assert_eq!(place.change(&requests), [], "{from} → {to}");
            assert!(is(kind), "{from} → {to}");
        }
    }
    assert_eq!(fs::read(place.path("outside/secret")).unwrap(), b"secret");
}

#[test]
fn a_closed_folder_is_filled_before_it_is_closed() {
    let place = Place::new();
    let folder = Request::Folder {
        path: place.bytes("app/closed"),
        mode: 0o500,
        owner: None,
    };
    let mut requests = vec![folder];
    requests.extend(place.file("app/closed/a", b"1"));
    assert_eq!(place.change(&requests), []);
    let mode = fs::metadata(place.path("app/closed")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o500);
}

#[test]
fn removing_takes_what_is_named_and_follows_no_link() {
    let place = Place::new();
    fs::create_dir_all(place.path("app/old/deep")).unwrap();
    fs::write(place.path("app/old/deep/x"), "").unwrap();
    symlink(place.path("outside"), place.path("app/old/link")).unwrap();
    let gone = |path| Request::Remove(place.bytes(path));
    let named = ["app/old/link", "app/old/deep/x", "app/old/deep", "app/old"].map(gone);
    assert_eq!(place.change(&named), []);
    assert_eq!(place.change(&[gone("app/never")]), []);
    assert!(!place.path("app/old").exists());
    assert_eq!(fs::read(place.path("outside/secret")).unwrap(), b"secret");
}

#[test]
fn what_was_not_brought_stays_whatever_is_removed_or_comes_in_its_place() {
    let place = Place::new();
    fs::create_dir_all(place.path("app/old")).unwrap();
    fs::write(place.path("app/old/brought"), "").unwrap();
    fs::write(place.path("app/old/own"), "own").unwrap();
    let gone = |path| Request::Remove(place.bytes(path));
    let named = ["app/old/brought", "app/old"].map(gone);
    assert_eq!(place.change(&named), []);
    assert!(!place.path("app/old/brought").exists());
    let refused = place.change(&place.file("app/old", b"file"));
    assert_eq!(refused.len(), 1);
    assert_eq!(fs::read(place.path("app/old/own")).unwrap(), b"own");
    assert_eq!(place.leftovers(), [""; 0].map(PathBuf::from));
}

#[test]
fn a_comparison_names_what_is_missing_other_or_too_much() {
    let place = Place::new();
    let app = |name: &str| place.bytes(format!("app/{name}"));
    let file = |content: &[u8]| Expected::File {
        mode: 0o640,
        size: content.len() as u64,
        sum: Sum::of(content),
    };
    place.change(&place.file("app/same", b"same"));
    fs::create_dir(place.path("app/folder")).unwrap();
    fs::set_permissions(place.path("app/folder"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("same", place.path("app/link")).unwrap();
    let same = [
        (app("same"), file(b"same")),
        (app("folder"), Expected::Folder { mode: 0o755 }),
        (
            app("link"),
            Expected::Symlink {
                sum: Sum::of(b"same"),
            },
        ),
        (app("nothing"), Expected::Absent),
        (app("same/nothing"), Expected::Absent),
    ];
    assert_eq!(place.differs(&same), [0; 0]);
    let other = [
        (app("same"), file(b"semi")),
        (app("same"), file(b"longer")),
        (app("same"), Expected::Absent),
        (app("folder"), Expected::Folder { mode: 0o700 }),
        (app("folder"), file(b"")),
        (app("link"), file(b"same")),
        (
            app("link"),
            Expected::Symlink {
                sum: Sum::of(b"other"),
            },
        ),
        (app("missing"), file(b"")),
    ];
    assert_eq!(place.differs(&other), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn every_request_and_reply_is_read_as_it_was_written() {
    let problem = Problem {
        path: b"/a\n\xff".to_vec(),
        kind: ProblemKind::Denied,
        text: "no".to_owned(),
    };
    let replies = [
        Reply::Differs(vec![1, u32::MAX]),
        Reply::Done {
            id: 3,
            problems: vec![problem],
        },
        Reply::Alive,
    ];
    for reply in replies {
        let mut bytes = Vec::new();
        reply.encode(&mut bytes);
        let frame = read_frame(&mut &bytes[..]).unwrap().unwrap();
        assert_eq!(Reply::decode(&frame), Ok(reply));
        for cut in 0..frame.len() {
            assert!(Reply::decode(&frame[..cut]).is_err());
        }
    }
    let place = Place::new();
    for request in place.file("app/a", b"") {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        let frame = read_frame(&mut &bytes[..]).unwrap().unwrap();
        assert_eq!(Request::decode(&frame), Ok(request));
    }
    assert!(read_frame(&mut &[0xff, 0xff, 0xff, 0xff, 1][..]).is_err());
}

#[test]
fn a_sum_does_not_depend_on_how_much_a_read_yields() {
    struct Few<'a>(&'a [u8]);
    impl Read for Few<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = buffer.len().min(777);
            self.0.read(&mut buffer[..few])
        }
    }
    for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
        let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let mut sum = Sum::default();
        content.chunks(PIECE).for_each(|piece| sum.add(piece));
        let expected = sum.end();
        assert_eq!(Sum::read(Few(&content)).unwrap(), expected);
        assert_eq!(Sum::of(&content), expected.1);
    }
}

#[test]
fn the_program_was_built_and_runs_by_itself() {
    assert!(!super::BINARY.is_empty(), "build.rs said why");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("helper");
    fs::write(&path, super::BINARY).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let said = std::process::Command::new(&path)
        .arg("whoami")
        .output()
        .unwrap();
    let me = fs::metadata("/proc/self").unwrap();
    assert_eq!(
        String::from_utf8(said.stdout).unwrap(),
        format!("{}\n{}\n", me.uid(), me.gid())
    );
}
