//! Following a log from some time on, without the engine reading all that was before: it looks for a time from the
//! beginning of the log (20.10: 20 s for two million lines), and for the last lines from its end.

use futures_util::StreamExt;

use super::Docker;
use super::logs::{LogChunk, LogOptions, LogStream};
use crate::runtime::RuntimeError;

/// How many of the last lines are looked at for one that is older, one try after the other.
const TRIES: [u64; 3] = [256, 4_096, 65_536];
/// So many times as many are then followed: it goes on writing meanwhile.
const MARGIN: u64 = 4;

impl Docker {
    /// What a container says from `since` on, itself included: nanoseconds since 1970.
    ///
    /// # Errors
    /// As [`Docker::logs`].
    pub async fn follow_from(&self, id: &str, since: i64) -> Result<LogStream, RuntimeError> {
        if let Some(tail) = self.reach(id, since).await? {
            let options = LogOptions {
                follow: true,
                since: None,
                tail: Some(tail),
            };
            let mut stream = self.logs(id, &options).await?;
            let first = stream.next().await;
            if first.is_some_and(|first| is_before(&first, since)) {
                let earlier = move |chunk: &Result<LogChunk, RuntimeError>| {
                    std::future::ready(is_before(chunk, since))
                };
                return Ok(LogStream {
                    chunks: stream.chunks.skip_while(earlier).boxed(),
                });
            }
            // It wrote more meanwhile than was reckoned with.
        }
        let options = LogOptions {
            follow: true,
            since: Some(since),
            tail: None,
        };
        self.logs(id, &options).await
    }

    /// How many of the last lines begin before `since`; `None`: nobody knows, or there is nothing before.
    async fn reach(&self, id: &str, since: i64) -> Result<Option<u64>, RuntimeError> {
        for tail in TRIES {
            let options = LogOptions {
                follow: false,
                since: None,
                tail: Some(tail),
            };
            let first = self.logs(id, &options).await?.next().await;
            match first {
                None => return Ok(None),
                Some(first) if is_before(&first, since) => return Ok(Some(tail * MARGIN)),
                Some(_) => {}
            }
        }
        Ok(None)
    }
}

fn is_before(chunk: &Result<LogChunk, RuntimeError>, since: i64) -> bool {
    chunk.as_ref().is_ok_and(|chunk| chunk.at < since)
}
