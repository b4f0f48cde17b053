//! docs/ARCHITECTURE.md says which room uses which. This holds it against the code, in both directions, and keeps the
//! pure rooms pure.

mod chart;
mod source;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chart::Chart;
use source::{Mention, Named, mentions};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn page() -> String {
    fs_err::read_to_string(Path::new(ROOT).join("docs/ARCHITECTURE.md")).expect("the page")
}

fn code() -> Vec<Mention> {
    mentions(&Path::new(ROOT).join("src"))
}

/// Room, path in another room, and a file that says so.
fn crossings(code: &[Mention]) -> BTreeSet<(String, String, String)> {
    let crossing = |mention: &Mention| {
        let room = mention.module.first()?;
        match &mention.what {
            Named::Inside(path) if path.first()? != room => {
                Some((room.clone(), path.join("::"), mention.file.clone()))
            }
            _ => None,
        }
    };
    code.iter().filter_map(crossing).collect()
}

fn covers(target: &str, path: &str) -> bool {
    path.strip_prefix(target)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn the_rooms_are_the_modules() {
    let lib = fs_err::read_to_string(Path::new(ROOT).join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let chart = chart::read(&page());
    let rooms: BTreeSet<&str> = chart.keys().map(String::as_str).collect();
    assert_eq!(rooms, modules);
}

#[test]
fn every_arrow_of_the_code_is_on_the_page() {
    let chart = chart::read(&page());
    let missing: Vec<String> = crossings(&code())
        .into_iter()
        .filter(|(room, path, _)| !chart[room].iter().any(|target| covers(target, path)))
        .map(|(room, path, file)| format!("{room} -> {path}   (src/{file})"))
        .collect();
    assert!(
        missing.is_empty(),
        "these are not on the page:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_arrow_of_the_page_is_in_the_code() {
    let crossings = crossings(&code());
    let mut unused = Vec::new();
    for (room, targets) in chart::read(&page()) {
        for target in targets {
            let is_used = crossings
                .iter()
                .any(|(from, path, _)| *from == room && covers(&target, path));
            if !is_used {
                unused.push(format!("{room} -> {target}"));
            }
        }
    }
    assert!(
        unused.is_empty(),
        "nothing in src/ needs these:\n{}",
        unused.join("\n")
    );
}

/// Arrows against the flow, each to plain data. The page says why.
const BACK: &[(&str, &str)] = &[("runtime", "engine::event")];

#[test]
fn the_arrows_lead_one_way() {
    let mut chart = chart::read(&page());
    for (room, target) in BACK {
        let was_there = chart.get_mut(*room).is_some_and(|t| t.remove(*target));
        assert!(was_there, "{room} -> {target} is gone; drop it here, too");
    }
    let mut rooms: BTreeMap<String, BTreeSet<String>> = chart
        .into_iter()
        .map(|(room, targets)| (room, targets.iter().map(|t| room_of(t)).collect()))
        .collect();
    // What uses no room that is left goes, until nothing is left or only circles are.
    loop {
        let left: BTreeSet<String> = rooms.keys().cloned().collect();
        rooms.retain(|_, targets| !targets.is_disjoint(&left));
        if rooms.len() == left.len() {
            break;
        }
    }
    assert!(rooms.is_empty(), "a circle among {rooms:?}");
}

fn room_of(target: &str) -> String {
    let room = target.split("::").next().unwrap_or_default();
    room.to_owned()
}

/// Files are the business of these files of the pure rooms: one for each kind of stack file.
const READS_FILES: &[&str] = &[
    "stack/file/find.rs",
    "stack/compose/find.rs",
    "stack/compose/stdin.rs",
];

/// What reads files: paths, and methods of paths that ask the disk.
const FILES: &[&str] = &[
    "std::fs",
    "fs_err",
    "ignore::Walk",
    "ignore::WalkBuilder",
    "std::io::stdin",
    "tempfile",
];
const FILE_METHODS: &[&str] = &[
    "canonicalize",
    "canonicalize_utf8",
    "exists",
    "is_dir",
    "is_file",
    "is_symlink",
    "metadata",
    "read_dir",
    "read_dir_utf8",
    "read_link",
    "read_link_utf8",
    "symlink_metadata",
    "try_exists",
];
/// Clocks, chance, the environment, other processes, networks: never.
const OUTSIDE: &[&str] = &[
    "bollard",
    "chrono::Local",
    "chrono::Utc",
    "fd_lock",
    "getrandom",
    "hyper",
    "notify",
    "rustix",
    "std::env",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
];

#[test]
fn what_decides_is_pure() {
    let pure = ["stack", "plan", "promote"];
    let offends = |mention: &Mention| {
        let may_read = READS_FILES.contains(&mention.file.as_str());
        let is_in = |list: &[&str], path: &str| list.iter().any(|banned| covers(banned, path));
        match &mention.what {
            Named::Outside(path) => {
                let path = path.join("::");
                is_in(OUTSIDE, &path) || !may_read && is_in(FILES, &path)
            }
            Named::Method(name) => !may_read && FILE_METHODS.contains(&name.as_str()),
            Named::Inside(_) => false,
        }
    };
    let code = code();
    let found: Vec<&Mention> = code
        .iter()
        .filter(|mention| {
            let room = mention.module.first().map(String::as_str);
            room.is_some_and(|room| pure.contains(&room)) && offends(mention)
        })
        .collect();
    assert!(found.is_empty(), "not pure: {found:#?}");
    for file in READS_FILES {
        assert!(
            code.iter().any(|mention| mention.file == *file),
            "src/{file} is gone: which file reads the stack file now?"
        );
    }
}

#[test]
fn a_chart_covers_a_room_or_a_module_of_it() {
    let chart: Chart = chart::read("x\n```arrows\na ->\nb -> a, c::d\n```\n");
    assert!(chart["a"].is_empty());
    let covered = |path| chart["b"].iter().any(|target| covers(target, path));
    assert!(covered("a::anything") && covered("c::d::E") && covered("c::d"));
    assert!(!covered("c::de") && !covered("c") && !covered("ab"));
}
