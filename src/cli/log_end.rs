//! The end of a log, without what is not printed of it.

use super::args::Tail;
use crate::runtime::world::{LogLine, LogRange};

/// What is to be printed of each log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Nanoseconds since 1970.
    pub since: i128,
    pub tail: Tail,
}

/// Lines that are asked for beside the wanted ones: where fewer come, it is all there is.
const SPARE: u64 = 64;
/// A long line comes in so many pieces at most, each of which counts as one where it is asked for.
const PIECES: u64 = 5;
/// Where so many hold too few lines, all are read.
const MOST: u64 = 1_000_000;

/// The lines later than `newest` (nanoseconds since 1970): the last ones, where only those are wanted. `ask` reads the log.
pub async fn newer<F>(ask: impl Fn(LogRange) -> F, newest: i128, wanted: Wanted) -> Vec<LogLine>
where
    F: Future<Output = Vec<LogLine>>,
{
    if let Tail::Last(count) = wanted.tail {
        let mut entries = count as u64 * 2 + SPARE;
        while entries <= MOST {
            let range = LogRange {
                tail: Some(entries),
                ..LogRange::default()
            };
            let mut lines = ask(range).await;
            let enough = lines.len() > count;
            let from = newest.max(wanted.since);
            let reaches = lines.first().is_none_or(|first| first.at < from);
            // The first and the last line may have fewer pieces there.
            let is_all = (lines.len() as u64 + 2) * PIECES < entries;
            if enough || reaches || is_all {
                // The first one may lack its beginning; the last one is where what follows begins.
                let cut = lines.len().saturating_sub(count.max(1));
                lines.drain(..cut);
                lines.retain(|line| line.at > newest);
                return lines;
            }
            entries *= 8;
        }
    }
    let mut lines = ask(LogRange::since(newest.max(wanted.since))).await;
    lines.retain(|line| line.at > newest);
    lines
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const LAST_3: Wanted = Wanted {
        since: 0,
        tail: Tail::Last(3),
    };

    fn lines(at: impl Iterator<Item = i128>) -> Vec<LogLine> {
        let line = |at| LogLine {
            at,
            error: false,
            line: format!("line {at}"),
        };
        at.map(line).collect()
    }

    /// An engine that has a log of so many lines, each in `pieces`; gives what came and what was asked.
    async fn read(
        (length, pieces): (i128, u64),
        newest: i128,
        wanted: Wanted,
    ) -> (Vec<i128>, Vec<LogRange>) {
        let asked = RefCell::new(Vec::new());
        let ask = |range: LogRange| {
            asked.borrow_mut().push(range);
            let last = range.tail.map_or(length, |tail| i128::from(tail / pieces));
            let from = (length - last).max(0) + 1;
            let found = lines((from..=length).filter(|at| *at >= range.since));
            std::future::ready(found)
        };
        let found = newer(ask, newest, wanted).await;
        let found = found.iter().map(|line| line.at).collect();
        (found, asked.into_inner())
    }

    #[tokio::test]
    async fn of_a_long_log_only_its_end_is_asked_for() {
        let (found, asked) = read((1_000_000, 1), 0, LAST_3).await;
        assert_eq!(found, [999_998, 999_999, 1_000_000]);
        assert_eq!(asked.len(), 1);
        assert!(asked[0].tail.is_some_and(|tail| tail < 100));
    }

    #[tokio::test]
    async fn what_is_kept_already_is_left_out() {
        let (found, _) = read((1_000_000, 1), 999_999, LAST_3).await;
        assert_eq!(found, [1_000_000]);
        let (found, asked) = read((100, 1), 100, LAST_3).await;
        assert_eq!((found.len(), asked.len()), (0, 1));
    }

    #[tokio::test]
    async fn a_short_log_is_read_once() {
        for length in 0..5 {
            let (found, asked) = read((length, 1), 0, LAST_3).await;
            assert_eq!(found.len() as i128, length.min(3));
            assert_eq!(asked.len(), 1);
        }
    }

    #[tokio::test]
    async fn long_lines_are_whole_and_as_many_as_are_wanted() {
        let wanted = Wanted {
            tail: Tail::Last(100),
            ..LAST_3
        };
        let (found, asked) = read((1_000, 5), 0, wanted).await;
        assert_eq!(found, (901..=1_000).collect::<Vec<_>>());
        assert_eq!(asked.len(), 2);
    }

    #[tokio::test]
    async fn what_was_said_before_is_not_asked_for() {
        let wanted = Wanted {
            since: 900,
            tail: Tail::All,
        };
        let (found, asked) = read((1_000, 1), 0, wanted).await;
        assert_eq!(found.len(), 101);
        assert_eq!(asked, [LogRange::since(900)]);
        let (found, asked) = read((1_000, 1), 950, wanted).await;
        assert_eq!(found.len(), 50);
        assert_eq!(asked, [LogRange::since(950)]);
    }
}
