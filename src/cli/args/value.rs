//! Values of options, as people write them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use regex::Regex;

/// From when on log lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// This long before now.
    Ago(Duration),
    At(DateTime<Utc>),
}

/// So many replicas of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale(pub String, pub u32);

/// A variable for one command; without a value, that of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: Option<String>,
}

/// How many of the last lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    All,
    Last(usize),
}

impl Since {
    /// Milliseconds since 1970, given those of now.
    pub fn from(self, now: u64) -> u64 {
        match self {
            Self::Ago(ago) => {
                now.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
            }
            Self::At(at) => u64::try_from(at.timestamp_millis()).unwrap_or(0),
        }
    }
}

/// `90s`, `5m`, `1h30m`, `250ms`, and plain `90` for seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write it like 30s, 5m or 1h30m");
    if text.is_empty() {
        return Err(wrong());
    }
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at(end);
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(millis))
            .ok_or_else(wrong)?;
        total = total
            .checked_add(Duration::from_millis(part))
            .ok_or_else(wrong)?;
        rest = next;
    }
    Ok(total)
}

/// A length of time before now, or a time with its zone (RFC 3339).
pub(super) fn since(text: &str) -> Result<Since, String> {
    let ago = text.strip_suffix(" ago").unwrap_or(text);
    if let Ok(ago) = duration(ago) {
        return Ok(Since::Ago(ago));
    }
    DateTime::parse_from_rfc3339(text)
        .map(|at| Since::At(at.with_timezone(&Utc)))
        .map_err(|_| {
            format!(
                "`{text}` is neither a length of time like 10m nor a time like 2026-01-31T08:00:00Z"
            )
        })
}

pub(super) fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail::All),
        _ => text
            .parse()
            .map(Tail::Last)
            .map_err(|_| format!("`{text}` is neither a number of lines nor `all`")),
    }
}

/// `api=3`
pub(super) fn scale(text: &str) -> Result<Scale, String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    parts
        .and_then(|(name, number)| Some(Scale(name.to_owned(), number.parse().ok()?)))
        .ok_or_else(|| format!("`{text}` is not like `api=3`: a service and how many of it"))
}

/// `NAME=value`, or `NAME` alone.
pub(super) fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    match name {
        "" => Err(format!("`{text}` has no name; write it like NAME=value")),
        _ => Ok(Variable {
            name: name.to_owned(),
            value,
        }),
    }
}

/// The name of a layer. `--env A=1` means a variable elsewhere.
pub(super) fn layer(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        None => Ok(text.to_owned()),
        Some(_) => Err(format!(
            "`--env` lays a file dev.NAME.toml over the stack file; a variable for `dev exec` is `-e {text}`"
        )),
    }
}

pub(super) fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_as_people_write_them() {
        let millis = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(millis("90"), Ok(90_000));
        assert_eq!(millis("90s"), Ok(90_000));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("250ms"), Ok(250));
        for wrong in ["", "s", "-5s", "5x", "1.5s", "99999999999999999999s", "5s5"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn since_is_an_age_or_a_time() {
        assert_eq!(since("10m").map(|s| s.from(1_000_000)), Ok(400_000));
        assert_eq!(since("10m ago").map(|s| s.from(100)), Ok(0));
        assert_eq!(
            since("1970-01-01T01:00:01+01:00").map(|s| s.from(5)),
            Ok(1_000)
        );
        assert!(since("yesterday").is_err());
    }

    #[test]
    fn a_scale_is_a_service_and_a_number() {
        assert_eq!(scale("api=3"), Ok(Scale("api".to_owned(), 3)));
        for wrong in ["api", "=3", "api=", "api=-1", "api=many"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variable_has_a_value_or_that_of_this_process() {
        let value = |text| variable(text).map(|variable| variable.value);
        assert_eq!(value("A=b=c"), Ok(Some("b=c".to_owned())));
        assert_eq!(value("A="), Ok(Some(String::new())));
        assert_eq!(value("A"), Ok(None));
        assert!(variable("=a").is_err());
    }

    #[test]
    fn tail_is_a_number_or_all() {
        assert_eq!(tail("all"), Ok(Tail::All));
        assert_eq!(tail("20"), Ok(Tail::Last(20)));
        assert!(tail("-1").is_err());
    }
}
