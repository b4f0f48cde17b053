use std::time::Duration;

use crate::plan::observed::{Healthy, ImageHealthcheck};
use crate::stack::{Probe, ProbeKind};

/// The engine's own defaults for what an image leaves open.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// The engine's own answer where it was asked what `probe` would ask, and less than an interval ago by `now` (milliseconds
/// since 1970): with the time that is left until it is to be asked again.
pub fn answered(probe: &Probe, healthy: &Healthy, now: u64) -> Option<Duration> {
    let asks = command(&healthy.test).map(|command| ProbeKind::Exec { command });
    let age = Duration::from_millis(now.checked_sub(healthy.at)?);
    let left = probe.every.checked_sub(age)?;
    (asks.as_ref() == Some(&probe.kind) && !left.is_zero()).then_some(left)
}

fn command(test: &[String]) -> Option<Vec<String>> {
    let (kind, words) = test.split_first()?;
    match kind.as_str() {
        "CMD" if !words.is_empty() => Some(words.to_vec()),
        "CMD-SHELL" if !words.is_empty() => {
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), words.join(" ")])
        }
        _ => None,
    }
}

/// The HEALTHCHECK of an image as a probe: asked at `dev`'s own pace while starting, at its interval afterwards. `None`
/// where it is disabled.
pub fn from_healthcheck(check: &ImageHealthcheck) -> Option<Probe> {
    let command = command(&check.test)?;
    let mut probe = Probe::new(ProbeKind::Exec { command });
    probe.every = nanos(check.interval).unwrap_or(INTERVAL);
    probe.timeout = nanos(check.timeout).unwrap_or(TIMEOUT);
    probe.retries = u32::try_from(check.retries)
        .ok()
        .filter(|retries| *retries > 0)
        .unwrap_or(RETRIES);
    // Failures within the start period do not count, and then `retries` intervals have to fail.
    let start = nanos(check.start_period).unwrap_or_default();
    probe.within =
        Probe::WITHIN.max(start.saturating_add(probe.every.saturating_mul(probe.retries)));
    Some(probe)
}

fn nanos(value: i64) -> Option<Duration> {
    u64::try_from(value)
        .ok()
        .filter(|nanos| *nanos > 0)
        .map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: &[&str]) -> ImageHealthcheck {
        ImageHealthcheck {
            test: test.iter().map(|&word| word.to_owned()).collect(),
            ..ImageHealthcheck::default()
        }
    }

    #[test]
    fn a_shell_check_runs_in_a_shell_at_the_engines_defaults() {
        let probe =
            from_healthcheck(&check(&["CMD-SHELL", "curl -f localhost || exit 1"])).unwrap();
        let command = ["/bin/sh", "-c", "curl -f localhost || exit 1"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(probe.kind, ProbeKind::Exec { command });
        assert_eq!(
            (probe.every, probe.timeout, probe.retries),
            (INTERVAL, TIMEOUT, RETRIES)
        );
    }

    #[test]
    fn its_times_are_kept_and_a_long_start_period_moves_the_deadline() {
        let mut slow = check(&["CMD", "/ready", "now"]);
        slow.interval = 5_000_000_000;
        slow.timeout = 2_000_000_000;
        slow.retries = 4;
        slow.start_period = 300_000_000_000;
        let probe = from_healthcheck(&slow).unwrap();
        assert_eq!(
            probe.kind,
            ProbeKind::Exec {
                command: vec!["/ready".to_owned(), "now".to_owned()]
            }
        );
        assert_eq!(probe.every, Duration::from_secs(5));
        assert_eq!(probe.timeout, Duration::from_secs(2));
        assert_eq!(probe.within, Duration::from_secs(320));
    }

    #[test]
    fn the_engines_answer_counts_for_an_interval_and_for_the_same_question() {
        let probe = from_healthcheck(&check(&["CMD-SHELL", "curl -f localhost"])).unwrap();
        let healthy = |test: &[&str], at| Healthy {
            test: test.iter().map(|&word| word.to_owned()).collect(),
            at,
        };
        let asked = |test: &[&str], at, now| answered(&probe, &healthy(test, at), now);
        let same = ["CMD-SHELL", "curl -f localhost"];
        assert_eq!(asked(&same, 1_000, 21_000), Some(Duration::from_secs(10)));
        assert_eq!(asked(&same, 1_000, 31_000), None);
        assert_eq!(asked(&same, 1_000, 999), None, "the clocks differ");
        assert_eq!(asked(&["CMD", "curl"], 1_000, 2_000), None);
        assert_eq!(asked(&[], 1_000, 2_000), None);
    }

    #[test]
    fn none_and_nonsense_are_no_probe() {
        for test in [
            &["NONE"][..],
            &[],
            &["CMD"],
            &["CMD-SHELL"],
            &["OTHER", "x"],
        ] {
            assert_eq!(from_healthcheck(&check(test)), None, "{test:?}");
        }
    }
}
