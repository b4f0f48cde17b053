//! A container's log as a stream of lines. A cluster keeps what it said to its two outputs as one.

use ::kube::api::{Api, LogParams};
use chrono::DateTime;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio_util::compat::FuturesAsyncReadCompatExt;

use super::{Kube, PodSeen};
use crate::runtime::world::{LogLine, LogRange};

impl Kube {
    /// Ends where the container does, or the log without `follow`; empty where there is none. `before`: of the life
    /// before, as far as the kubelet has it.
    pub fn logs(
        &self,
        namespace: &str,
        pod: &PodSeen,
        range: LogRange,
        before: bool,
    ) -> BoxStream<'static, LogLine> {
        let api: Api<Pod> = Api::namespaced(self.patient.clone(), namespace);
        let parameters = LogParams {
            container: Some(pod.container.clone()),
            follow: range.follow,
            previous: before,
            since_time: Some(range.since)
                .filter(|since| *since > 0)
                .and_then(|since| Timestamp::from_nanosecond(since).ok()),
            tail_lines: range.tail.and_then(|lines| i64::try_from(lines).ok()),
            timestamps: true,
            ..LogParams::default()
        };
        let name = pod.name.clone();
        let opened = async move {
            match api.log_stream(&name, &parameters).await {
                Ok(log) => lines(log.compat()).boxed(),
                // It has not begun, or is gone with its pod.
                Err(_) => stream::empty().boxed(),
            }
        };
        stream::once(opened).flatten().boxed()
    }
}

fn lines(log: impl AsyncBufRead + Send + Unpin + 'static) -> BoxStream<'static, LogLine> {
    let read = |mut log| async move {
        loop {
            let mut bytes = Vec::new();
            match AsyncBufReadExt::read_until(&mut log, b'\n', &mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Some(line) = line(text.trim_end_matches(['\n', '\r'])) {
                return Some((line, log));
            }
        }
    };
    stream::unfold(log, read).boxed()
}

/// `2026-01-31T08:00:00.123456789Z said`; what has no time is the kubelet's own word.
fn line(text: &str) -> Option<LogLine> {
    let (at, said) = text.split_once(' ').unwrap_or((text, ""));
    let at = DateTime::parse_from_rfc3339(at).ok()?;
    Some(LogLine {
        at: i128::from(at.timestamp_nanos_opt()?),
        error: false,
        line: said.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_have_the_time_at_which_they_were_said() {
        let log = "2026-01-31T08:00:00.5Z one two\n2026-01-31T08:00:01Z \nunable to retrieve container logs\n2026-01-31T08:00:02Z last";
        let said: Vec<(i128, String)> = lines(std::io::Cursor::new(log))
            .map(|line| (line.at % 60_000_000_000, line.line))
            .collect()
            .await;
        assert_eq!(
            said,
            [
                (500_000_000, "one two".to_owned()),
                (1_000_000_000, String::new()),
                (2_000_000_000, "last".to_owned()),
            ]
        );
    }
}
