//! `healthcheck`: what the engine is told, and what `dev` asks by itself.

use std::time::Duration;

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{Healthcheck, Probe, ProbeKind};

/// However short the file's own time is: a machine under load is no sick service.
const LEAST: Duration = Duration::from_secs(30);
/// The engine's own defaults.
const EVERY: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

pub(super) fn healthcheck(node: &Node) -> Option<Healthcheck> {
    let check = node.get("healthcheck")?;
    let test = check.strings("test");
    if check.is_set("disable") || test.first().is_some_and(|kind| kind == "NONE") {
        return Some(Healthcheck::Disabled);
    }
    Some(Healthcheck::Asked {
        test: (!test.is_empty()).then_some(test),
        interval: check.duration("interval"),
        timeout: check.duration("timeout"),
        retries: check.int("retries"),
        start_period: check.duration("start_period"),
        start_interval: check.duration("start_interval"),
    })
}

impl Making<'_> {
    /// Asked at `dev`'s pace while starting, at the file's afterwards.
    pub(super) fn ready(&mut self, service: &str, node: &Node) -> Option<Probe> {
        let Some(Healthcheck::Asked {
            test: Some(test),
            interval,
            timeout,
            retries,
            start_period,
            start_interval: _,
        }) = healthcheck(node)
        else {
            return None;
        };
        let (kind, words) = test.split_first()?;
        let command = match kind.as_str() {
            "CMD" => words.to_vec(),
            "CMD-SHELL" => vec!["/bin/sh".to_owned(), "-c".to_owned(), words.join(" ")],
            other => {
                let at = node.get("healthcheck").and_then(|check| check.get("test"));
                let message =
                    format!("`services.{service}.healthcheck.test` begins with `{other}`");
                let help = "a list begins with CMD, CMD-SHELL or NONE; text alone is for a shell";
                self.refuse(at.map_or(node.span, |node| node.span), message, help);
                return None;
            }
        };
        let retries = retries
            .and_then(|retries| u32::try_from(retries).ok())
            .filter(|retries| *retries > 0)
            .unwrap_or(RETRIES);
        let every = time(interval).unwrap_or(EVERY);
        let start = time(start_period).unwrap_or_default();
        let timeout = time(timeout).unwrap_or(TIMEOUT);
        // What fails in the start period does not count, and then so many have to fail: the engine calls it sick not before.
        let sick = start
            .saturating_add(every.saturating_mul(retries))
            .saturating_add(timeout);
        Some(Probe {
            kind: ProbeKind::Exec { command },
            every,
            timeout,
            within: LEAST.max(sick),
            retries,
        })
    }
}

fn time(nanos: Option<i64>) -> Option<Duration> {
    let nanos = nanos.and_then(|nanos| u64::try_from(nanos).ok());
    nanos.filter(|nanos| *nanos > 0).map(Duration::from_nanos)
}
