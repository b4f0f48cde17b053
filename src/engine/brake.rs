//! A brake for rebuilds that cause each other: a service that writes into its own build context, a log of `dev` beside the
//! stack file, a generator that saves faster than the build takes.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

/// A file may change so many times in a row while what it is built into is built or starts.
const TIMES: u32 = 8;
/// The same where nothing of the stack can have written it: somebody who saves every few seconds, or a tool that writes
/// because of what it sees of the rebuild.
const TIMES_BY_HAND: u32 = 40;
/// Pause after that, in milliseconds; doubled for each further time.
const FIRST_PAUSE: u64 = 2_000;
/// Longest pause, in milliseconds.
const LONGEST_PAUSE: u64 = 300_000;
/// What changes again within this time goes on changing, in milliseconds; what had to wait, within its last pause.
const ECHO: u64 = 3_000;
/// So many rebuilds may be begun before one, and the start after it, has run to its end.
const OVERTAKEN: u32 = 4;
/// Files that are counted for one image; of more none is the culprit.
const FILES: usize = 64;

/// What led to rebuilds, by the tag of the image.
#[derive(Debug, Default)]
pub(super) struct Brake {
    images: BTreeMap<String, Image>,
}

#[derive(Debug, Default)]
struct Image {
    files: BTreeMap<Utf8PathBuf, Culprit>,
    /// Rebuilds that were begun since nothing of it was under way.
    overtaken: u32,
    held: Option<Held>,
}

/// A file that changed while what it is built into was built or started.
#[derive(Debug, Default, Clone, Copy)]
struct Culprit {
    times: u32,
    /// Further changes of it wait until then, milliseconds since 1970.
    until: u64,
    /// How long that was, in milliseconds.
    pause: u64,
    /// When it last changed, milliseconds since 1970.
    seen: u64,
    /// Whether it was said that it waits.
    is_told: bool,
}

/// Changes that are not taken in yet.
#[derive(Debug, Default)]
struct Held {
    /// Services with the files that are told for them.
    services: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    until: u64,
}

/// Who may have written a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// What is built or started because of it, or it is a log.
    Anyone,
    /// Only a person or a tool: nothing of the stack can write there, and it was not just added to.
    Hand,
}

/// What follows from changed files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Rebuild,
    /// Not yet. With a file that is held back for the first time, and its pause in milliseconds.
    Wait {
        told: Option<(Utf8PathBuf, u64)>,
    },
}

impl Brake {
    /// Decides about `files` that changed. `is_hot`: while the image is built, or what uses it starts or has just started.
    /// `is_busy`: that is still so. `now` in milliseconds since 1970.
    pub fn changed(
        &mut self,
        tag: &str,
        files: &BTreeMap<Utf8PathBuf, Writer>,
        (is_hot, is_busy): (bool, bool),
        now: u64,
    ) -> Verdict {
        let image = self.images.entry(tag.to_owned()).or_default();
        if !is_hot {
            image.overtaken = 0;
        }
        let mut told = None;
        let mut until = u64::MAX;
        for (file, writer) in files {
            let (at, news) = image.count(file, *writer, is_hot, now);
            until = until.min(at);
            told = told.or(news);
        }
        if until > now {
            image.hold(until);
            if let Some((file, _)) = &told {
                image.tell(file);
            }
            return Verdict::Wait { told };
        }
        if is_busy && image.overtaken >= OVERTAKEN {
            image.hold(now);
            return Verdict::Wait { told: None };
        }
        image.begin();
        Verdict::Rebuild
    }

    /// Takes note of who waits, and of what it is told to be because of.
    pub fn hold(&mut self, tag: &str, service: &str, because: &str) {
        if let Some(held) = self.images.get_mut(tag).and_then(|i| i.held.as_mut()) {
            held.services
                .entry(service.to_owned())
                .or_insert_with(|| because.to_owned());
        }
    }

    /// The services, with the files that are told for them, whose wait is over. `is_busy`: see [`Brake::changed`].
    pub fn release(&mut self, now: u64, is_busy: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let mut released = Vec::new();
        for (tag, image) in &mut self.images {
            let is_over = image.held.as_ref().is_some_and(|held| held.until <= now);
            if !is_over {
                continue;
            }
            match is_busy(tag) {
                true if image.overtaken >= OVERTAKEN => continue,
                true => {}
                false => image.overtaken = 0,
            }
            if let Some(held) = image.held.take() {
                image.begin();
                released.extend(held.services);
            }
        }
        released
    }

    /// Milliseconds since 1970. What waits for an end waits for no time.
    pub fn next_deadline(&self, now: u64) -> Option<u64> {
        let held = self.images.values().filter_map(|i| i.held.as_ref());
        held.map(|held| held.until).filter(|at| *at > now).min()
    }
}

impl Image {
    /// Until when a change of `file` waits, and what is to be said of that if it was not yet.
    fn count(
        &mut self,
        file: &Utf8Path,
        writer: Writer,
        is_hot: bool,
        now: u64,
    ) -> (u64, Option<(Utf8PathBuf, u64)>) {
        let known = self.files.get(file).copied();
        let is_echo = |known: Culprit| now.saturating_sub(known.seen) <= known.pause.max(ECHO);
        if !is_hot && !known.is_some_and(is_echo) {
            // Someone's save. What still waits for its pause goes with it.
            self.files.remove(file);
            return (now, None);
        }
        if self.files.len() >= FILES && known.is_none() {
            return (now, None);
        }
        let culprit = self.files.entry(file.to_owned()).or_default();
        culprit.seen = now;
        if culprit.until > now {
            let news = (!culprit.is_told).then(|| (file.to_owned(), culprit.until - now));
            return (culprit.until, news);
        }
        culprit.times += 1;
        let may = match writer {
            Writer::Anyone => TIMES,
            Writer::Hand => TIMES_BY_HAND,
        };
        let Some(further) = culprit.times.checked_sub(may + 1) else {
            return (now, None);
        };
        culprit.pause = (FIRST_PAUSE << further.min(16)).min(LONGEST_PAUSE);
        culprit.until = now.saturating_add(culprit.pause);
        let news = (!culprit.is_told).then(|| (file.to_owned(), culprit.pause));
        (culprit.until, news)
    }

    fn tell(&mut self, file: &Utf8Path) {
        if let Some(culprit) = self.files.get_mut(file) {
            culprit.is_told = true;
        }
    }

    fn hold(&mut self, until: u64) {
        let held = self.held.get_or_insert_with(|| Held {
            until,
            ..Held::default()
        });
        held.until = held.until.min(until);
    }

    /// All that changed goes into what is built now.
    fn begin(&mut self) {
        self.held = None;
        self.overtaken += 1;
        if self.files.len() >= FILES {
            self.files.retain(|_, culprit| culprit.times > TIMES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeMap<Utf8PathBuf, Writer> {
        let by = |name: &&str| (Utf8PathBuf::from(*name), Writer::Anyone);
        names.iter().map(by).collect()
    }

    fn hot(brake: &mut Brake, names: &[&str], now: u64) -> Verdict {
        brake.changed("api", &files(names), (true, false), now)
    }

    const WAIT: Verdict = Verdict::Wait { told: None };

    /// As often as it may.
    fn spent(names: &[&str]) -> Brake {
        let mut brake = Brake::default();
        for now in 0..u64::from(TIMES) {
            assert_eq!(hot(&mut brake, names, now), Verdict::Rebuild);
        }
        brake
    }

    #[test]
    fn one_that_should_wait_and_goes_along_with_another_is_told_when_it_waits() {
        let mut brake = spent(&["up.log"]);
        let both = ["app.py", "up.log"];
        assert_eq!(hot(&mut brake, &both, 10), Verdict::Rebuild);
        let first = hot(&mut brake, &["up.log"], 20);
        let told = Some(("up.log".into(), FIRST_PAUSE - 10));
        assert_eq!(first, Verdict::Wait { told });
    }

    #[test]
    fn a_file_that_changes_with_every_rebuild_waits_longer_and_longer_and_is_told_once() {
        let mut brake = spent(&["up.log"]);
        let told = Some(("up.log".into(), 2_000));
        assert_eq!(hot(&mut brake, &["up.log"], 10), Verdict::Wait { told });
        brake.hold("api", "api", "up.log");
        assert_eq!(hot(&mut brake, &["up.log"], 1_000), WAIT);
        assert_eq!(brake.next_deadline(1_000), Some(2_010));
        assert!(brake.release(2_009, |_| false).is_empty());
        assert_eq!(brake.release(2_010, |_| false).len(), 1);
        let mut now = 2_010;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            now += 1;
            assert_eq!(hot(&mut brake, &["up.log"], now), WAIT);
            let until = brake.next_deadline(now).unwrap();
            pauses.push((until - now) / 1000);
            now = until;
            brake.release(now, |_| false);
        }
        assert_eq!(pauses, [4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn what_only_a_person_can_have_written_waits_much_later() {
        let mut brake = Brake::default();
        let save = BTreeMap::from([("app.py".into(), Writer::Hand)]);
        let mut saves = |times| {
            (0..times)
                .map(|now| brake.changed("api", &save, (true, false), now))
                .last()
        };
        assert_eq!(saves(40), Some(Verdict::Rebuild));
        let told = Some(("app.py".into(), 2_000));
        assert_eq!(saves(1), Some(Verdict::Wait { told }), "a tool after all");
    }

    #[test]
    fn another_file_goes_at_once_and_takes_along_what_waits() {
        let mut brake = spent(&["up.log"]);
        assert_ne!(hot(&mut brake, &["up.log"], 10), Verdict::Rebuild);
        brake.hold("api", "api", "up.log");
        assert_eq!(hot(&mut brake, &["app.py", "up.log"], 20), Verdict::Rebuild);
        assert_eq!(brake.next_deadline(20), None);
        assert!(brake.release(9_999, |_| false).is_empty());
    }

    #[test]
    fn a_change_in_a_calm_is_someones_save() {
        let mut brake = spent(&["app.py"]);
        let calm = brake.changed("api", &files(&["app.py"]), (false, false), 9_000);
        assert_eq!(calm, Verdict::Rebuild);
        for now in 9_001..9_004 {
            assert_eq!(hot(&mut brake, &["app.py"], now), Verdict::Rebuild);
        }
    }

    #[test]
    fn a_build_that_was_overtaken_a_few_times_runs_to_its_end() {
        let mut brake = Brake::default();
        let change = |brake: &mut Brake, n: u64| {
            brake.changed("api", &files(&[&n.to_string()]), (true, true), n)
        };
        for n in 0..4 {
            assert_eq!(change(&mut brake, n), Verdict::Rebuild, "{n}");
        }
        assert_eq!(change(&mut brake, 4), WAIT);
        brake.hold("api", "api", "4");
        assert!(brake.release(60_000, |_| true).is_empty());
        assert_eq!(brake.release(60_000, |_| false).len(), 1);
        assert_eq!(change(&mut brake, 5), Verdict::Rebuild);
    }
}
