//! What of all the answers is worth telling.

use std::time::Duration;

use tokio::time::Instant;

use super::Answer;
use crate::plan::observed::Generation;

/// One answer that is worth telling: the first, a change, or a sample of what goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    pub service: String,
    pub index: u32,
    pub generation: Generation,
    pub passed: bool,
    pub answer: String,
    /// How often it failed in a row; 0 where it passed, or where nobody asks but waits for it to be said.
    pub failures: u32,
}

/// The same failure is told again this often at most, so that who asks knows how often it was asked, and when last.
const AGAIN: Duration = Duration::from_secs(1);

/// Other words for the same verdict are told this often at most, so that the state is not flooded.
const SAMPLE: Duration = Duration::from_millis(250);

/// Picks from the answers of one probe.
#[derive(Debug)]
pub(super) struct Picker {
    /// Failures in a row that turn a pass into a failure.
    retries: u32,
    failures: u32,
    verdict: Option<bool>,
    told: Option<(Instant, String)>,
    /// Without a verdict yet, failures have to be as many as later.
    patient: bool,
}

impl Picker {
    /// For readiness: the first failure is told at once, as the answer of one that still starts.
    pub fn readiness(retries: u32) -> Self {
        Self {
            retries: retries.max(1),
            failures: 0,
            verdict: None,
            told: None,
            patient: false,
        }
    }

    /// For liveness, where a told failure means a restart: never before `retries` of them in a row.
    pub fn liveness(retries: u32) -> Self {
        Self {
            patient: true,
            ..Self::readiness(retries)
        }
    }

    /// It has passed, and has not failed often enough since.
    pub fn is_passing(&self) -> bool {
        self.verdict == Some(true)
    }

    /// In a row, until now.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The verdict, if this answer is to be told.
    pub fn pick(&mut self, answer: &Answer, now: Instant) -> Option<bool> {
        let passed = answer.passed();
        if passed {
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            let tolerant = self.verdict == Some(true) || (self.verdict.is_none() && self.patient);
            if tolerant && self.failures < self.retries {
                return None;
            }
        }
        let changed = self.verdict != Some(passed);
        let sampled = self.told.as_ref().is_none_or(|(at, text)| {
            let since = now.duration_since(*at);
            (text != answer.text() && since >= SAMPLE) || (!passed && since >= AGAIN)
        });
        if !changed && !sampled {
            return None;
        }
        self.verdict = Some(passed);
        self.told = Some((now, answer.text().to_owned()));
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed() -> Answer {
        Answer::Passed("up".to_owned())
    }

    fn failed(text: &str) -> Answer {
        Answer::Failed(text.to_owned())
    }

    #[test]
    fn the_first_answer_and_changes_are_told() {
        let (mut picker, now) = (Picker::readiness(3), Instant::now());
        assert_eq!(picker.pick(&failed("no"), now), Some(false));
        assert_eq!(picker.pick(&failed("no"), now), None);
        assert_eq!(picker.pick(&passed(), now), Some(true));
        assert_eq!(picker.pick(&passed(), now), None);
    }

    #[test]
    fn other_words_wait_for_a_quarter_of_a_second() {
        let (mut picker, now) = (Picker::readiness(3), Instant::now());
        picker.pick(&failed("refused"), now);
        assert_eq!(picker.pick(&failed("reset"), now + SAMPLE / 2), None);
        assert_eq!(picker.pick(&failed("reset"), now + SAMPLE), Some(false));
        let told = now + SAMPLE;
        assert_eq!(
            picker.pick(&failed("reset"), told + SAMPLE * 3),
            None,
            "nothing new"
        );
    }

    #[test]
    fn the_same_failure_is_counted_and_told_again_after_a_second() {
        let (mut picker, now) = (Picker::readiness(3), Instant::now());
        let told = |picker: &mut Picker, millis: u64| {
            picker.pick(&failed("no"), now + Duration::from_millis(millis))
        };
        let times: Vec<u64> = (0..=25)
            .map(|n| n * 100)
            .filter(|millis| told(&mut picker, *millis).is_some())
            .collect();
        assert_eq!(times, [0, 1_000, 2_000]);
        assert_eq!(picker.failures(), 26);
        picker.pick(&passed(), now);
        assert_eq!(picker.failures(), 0);
        let later = now + Duration::from_secs(60);
        assert_eq!(picker.pick(&passed(), later), None, "a pass is told once");
    }

    #[test]
    fn a_ready_service_may_fail_now_and_then() {
        let (mut picker, now) = (Picker::readiness(3), Instant::now());
        picker.pick(&passed(), now);
        for _ in 0..2 {
            assert_eq!(picker.pick(&failed("slow"), now), None);
        }
        assert_eq!(
            picker.pick(&passed(), now),
            None,
            "it recovered, and starts counting anew"
        );
        assert_eq!(picker.pick(&failed("slow"), now), None);
        assert_eq!(picker.pick(&failed("slow"), now), None);
        assert!(picker.is_passing());
        assert_eq!(picker.pick(&failed("slow"), now), Some(false));
        assert!(!picker.is_passing());
        assert_eq!(
            picker.pick(&passed(), now),
            Some(true),
            "one pass is enough"
        );
    }

    #[test]
    fn liveness_never_fails_on_one_bad_answer() {
        let (mut picker, now) = (Picker::liveness(2), Instant::now());
        assert_eq!(picker.pick(&failed("no"), now), None);
        assert_eq!(picker.pick(&failed("no"), now), Some(false));
    }
}
