//! Compose files that nobody would write: cases of `tests/compose/cases`, changed at random, each of which has to end in a
//! project or in errors, within a bound of time and memory, and never in a panic.
//!
//! `cargo test --test fuzz` goes on for two seconds, and reads everything that was found before (`found/`). A search:
//! `FUZZ_SECONDS=3600 cargo test --test fuzz`, with `FUZZ_SEED` for another one than the last time. What it finds it
//! writes to `target/fuzz/`; from there it belongs, as small as it gets, into `found/`.
//!
//! Without a nightly compiler nothing tells which branches an input reached. Beginning from cases that reach every
//! attribute stands in for that.

#[cfg(test)]
#[path = "../compose/case.rs"]
#[expect(
    dead_code,
    reason = "the comparison with docker compose needs more of a case"
)]
mod case;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod mutate;
#[cfg(test)]
mod subject;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::case;
    use super::chance::Chance;
    use super::mutate::mutated;
    use super::subject::{Input, judge, keep};

    fn corpus() -> Vec<Input> {
        let folders = ["same", "refused", "differs"];
        let cases = folders.iter().flat_map(|folder| case::all(folder));
        let mut inputs: Vec<Input> = cases.map(|case| Input::of(&case)).collect();
        inputs.extend(found());
        inputs
    }

    fn found() -> Vec<Input> {
        let folder = format!("{}/tests/fuzz/found", env!("CARGO_MANIFEST_DIR"));
        // Nothing was found yet where there is no folder: git keeps no empty ones.
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        let read = |path| Input::parse(&std::fs::read(path).expect("a file"));
        paths.into_iter().map(read).collect()
    }

    fn number(name: &str, otherwise: u64) -> u64 {
        let value = std::env::var(name).ok();
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    }

    #[test]
    fn what_was_found_stays_mended() {
        for input in found() {
            judge(&input).unwrap_or_else(|wrong| panic!("{wrong}\n{input}"));
        }
    }

    #[test]
    fn any_files_end_in_a_project_or_in_errors() {
        let corpus = corpus();
        let mut chance = Chance::new(number("FUZZ_SEED", 1));
        let end = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 2));
        let (mut tried, mut read) = (0u64, 0u64);
        let mut wrong = Vec::new();
        while Instant::now() < end && wrong.len() < 20 {
            let input = mutated(&corpus, &mut chance);
            tried += 1;
            match judge(&input) {
                Ok(is_project) => read += u64::from(is_project),
                Err(why) => wrong.push(format!("{why}: {}", keep(&input))),
            }
        }
        println!("{tried} tried, {read} of them ended in a project");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(
            tried > 50 && read > 0,
            "{tried} tried, {read} read: this looks at nothing"
        );
    }
}
