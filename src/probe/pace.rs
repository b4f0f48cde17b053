//! How often to ask. A question over a protocol costs next to nothing, so the first answers are worth milliseconds; a
//! command in a container costs about 45 ms of CPU, and fifteen of them in a hurry keep a small machine busy.

use std::time::Duration;

use crate::stack::ProbeKind;

/// What an attempt costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Protocol,
    Exec,
}

/// How far the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not ready yet, or not any more.
    Starting,
    Ready,
}

impl From<&ProbeKind> for Pace {
    fn from(kind: &ProbeKind) -> Self {
        match kind {
            ProbeKind::Exec { .. } => Self::Exec,
            _ => Self::Protocol,
        }
    }
}

/// Questions over a protocol 20 ms apart, before the pause grows with the time that was waited for an answer already.
const EAGER: u32 = 33;
/// A pause is this part of all pauses before it, so that an answer comes at most 3 % late, and a slow service costs few
/// questions: about 180 in the first minute.
const LATE: f64 = 1.03;

/// The pause after attempt number `attempt` (from 0) of this phase.
pub fn next(pace: Pace, attempt: u32, phase: Phase, every: Duration) -> Duration {
    if phase == Phase::Ready {
        return every;
    }
    let pause = match pace {
        Pace::Protocol => grown(20, LATE, attempt.saturating_sub(EAGER), 1000),
        Pace::Exec => grown(100, 1.5, attempt, 2000),
    };
    // Someone who asks often on purpose gets it from the start.
    pause.min(every)
}

fn grown(first: u32, factor: f64, times: u32, most: u32) -> Duration {
    let millis = f64::from(first) * factor.powi(i32::try_from(times.min(1000)).unwrap_or(1000));
    Duration::from_secs_f64(millis.min(f64::from(most)) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    fn starting(pace: Pace, attempt: u32) -> u128 {
        next(pace, attempt, Phase::Starting, EVERY).as_millis()
    }

    #[test]
    fn protocols_are_asked_from_20_ms_on() {
        let pauses: Vec<u128> = [0, 1, 33, 50, 100, 150, 200, 10_000]
            .map(|n| starting(Pace::Protocol, n))
            .to_vec();
        assert_eq!(pauses, [20, 20, 20, 33, 144, 635, 1000, 1000]);
    }

    #[test]
    fn no_answer_is_much_later_than_it_could_be() {
        let mut waited = Duration::ZERO;
        for attempt in 0..150 {
            let pause = next(Pace::Protocol, attempt, Phase::Starting, EVERY);
            let most = Duration::from_millis(20).max(waited.mul_f64(0.0315));
            assert!(pause <= most, "after {waited:?}: {pause:?}");
            waited += pause;
        }
    }

    #[test]
    fn commands_are_asked_from_100_ms_on() {
        let pauses: Vec<u128> = [0, 1, 2, 7, 8, u32::MAX]
            .map(|n| starting(Pace::Exec, n))
            .to_vec();
        assert_eq!(pauses, [100, 150, 225, 1708, 2000, 2000]);
    }

    #[test]
    fn once_ready_the_file_decides_and_a_short_pause_holds_from_the_start() {
        assert_eq!(next(Pace::Exec, 3, Phase::Ready, EVERY), EVERY);
        let often = Duration::from_millis(10);
        assert_eq!(next(Pace::Protocol, 9, Phase::Starting, often), often);
    }

    #[test]
    fn a_minute_of_starting_costs_few_questions() {
        let questions = |pace| {
            let mut spent = Duration::ZERO;
            (0..)
                .take_while(|n| {
                    spent += next(pace, *n, Phase::Starting, EVERY);
                    spent < Duration::from_secs(60)
                })
                .count()
        };
        assert!((100..200).contains(&questions(Pace::Protocol)));
        assert!((20..50).contains(&questions(Pace::Exec)));
    }
}
