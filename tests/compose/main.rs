//! Compose files, read by `dev` and by the real `docker compose` in the same run.
//!
//! Each case is a file in `cases/`, with one idea in it: its first part is `compose.yaml`, and a line `#### PATH` begins a
//! further file. Lines at its top set what is around it: `# env: NAME=value`, `# arguments: …` for both tools, and
//! `# stdin: PATH`, the file that is standard input of both, and
//! `# differs: …`, the reason why the two are meant to differ, and `# once: …`, why what is printed cannot be read again.
//!
//! `CASE=text cargo test --test compose` runs the cases with this text in their path, and shows both answers.

mod case;
mod peer;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use case::Case;
use peer::{Answer, dev, docker_compose};

/// What is wrong with the cases of a folder; empty is well.
fn judged(folder: &str, judge: impl Fn(&Case, Answer, Answer) -> Result<(), String> + Sync) {
    let cases = case::all(folder);
    assert!(!cases.is_empty(), "no case in {folder}");
    let wanted = std::env::var("CASE").unwrap_or_default();
    let cases: Vec<Case> = cases
        .into_iter()
        .filter(|case| case.name.contains(&wanted))
        .collect();
    let compose = peer::binary();
    let wrong = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let dir = case.unpack();
            let (ours, theirs) = (dev(case, &dir), docker_compose(&compose, case, &dir));
            let shown = match wanted.is_empty() {
                true => String::new(),
                false => format!("\ndev: {ours:#?}\ndocker compose: {theirs:#?}"),
            };
            if let Err(problem) = judge(case, ours, theirs) {
                let report = format!("{}: {problem}{shown}", case.name);
                wrong.lock().expect("no panic").insert(report);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    let list: Vec<String> = wrong.iter().cloned().collect();
    assert!(
        list.is_empty(),
        "{} of {} cases in {folder}:\n\n{}",
        list.len(),
        cases.len(),
        list.join("\n\n")
    );
}

#[test]
fn both_resolve_to_the_same() {
    judged("same", |_, ours, theirs| match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => match peer::difference(&ours, &theirs) {
            None => Ok(()),
            Some(difference) => Err(difference),
        },
        (Err(error), Ok(_)) => Err(format!("`dev` refuses it:\n{error}")),
        (_, Err(error)) => Err(format!("docker compose refuses it:\n{error}")),
    });
}

#[test]
fn both_refuse() {
    judged("refused", |case, ours, theirs| match (ours, theirs) {
        // It says where, unless the environment is to blame.
        (Err(error), Err(_)) if error.contains('/') || !case.environment.is_empty() => Ok(()),
        (Err(error), Err(_)) => Err(format!("no file is named:\n{error}")),
        (Ok(_), Err(error)) => Err(format!("`dev` takes it; docker compose says:\n{error}")),
        (_, Ok(_)) => Err("docker compose takes it".to_owned()),
    });
}

/// The list of meant differences is kept short and true.
#[test]
fn what_is_meant_to_differ_does() {
    judged("differs", |case, ours, theirs| {
        if case.differs.is_none() {
            return Err("no line `# differs: …` says why".to_owned());
        }
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if peer::difference(&ours, &theirs).is_none() => {
                Err("they are the same".to_owned())
            }
            (Err(_), Err(_)) => Err("both refuse".to_owned()),
            _ => Ok(()),
        }
    });
}

/// What `dev` prints can be read again, and means the same.
#[test]
fn a_canonical_file_is_its_own_canonical_form() {
    judged("same", |case, ours, _| {
        let ours = ours?;
        if case.once.is_some() {
            return Ok(());
        }
        let again = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = again.path().join("compose.yaml");
        fs_err::write(&path, ours.to_string()).map_err(|error| error.to_string())?;
        let plain = Case {
            environment: Vec::new(),
            stdin: None,
            arguments: vec!["--profile".to_owned(), "*".to_owned()],
            ..case.clone()
        };
        let printed = dev(&plain, Path::new(again.path()))?;
        peer::difference(&printed, &ours).map_or(Ok(()), Err)
    });
}
