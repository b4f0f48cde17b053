//! What `dev doctor` found, and what to do next.

use serde::Serialize;

use super::sanitise::{self, Keep};
use super::{Line, Look, Paint};

/// Version of the `--json` form.
const VERSION: u32 = 1;
/// Columns of the names.
const NAMES: usize = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It works, or may; a person should know.
    Warning,
    /// It keeps the stack from coming up.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub check: &'static str,
    pub verdict: Verdict,
    pub found: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Check {
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, found, None)
    }

    pub fn warning(check: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, found, Some(help.into()))
    }

    pub fn failed(check: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Verdict::Failed, found, Some(help.into()))
    }

    pub fn new(
        check: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        Self {
            check,
            verdict,
            found: found.into(),
            help: help.filter(|help| !help.is_empty()),
        }
    }
}

/// What `dev doctor --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report<'a> {
    pub v: u32,
    pub checks: &'a [Check],
}

pub fn report(checks: &[Check]) -> Report<'_> {
    Report { v: VERSION, checks }
}

/// A line for each check, and below it what to do.
pub fn lines(checks: &[Check], look: Look) -> Vec<Line> {
    let mut lines = Vec::new();
    for check in checks {
        let (paint, mark) = match check.verdict {
            Verdict::Ok => (Paint::Good, look.tick()),
            Verdict::Warning => (Paint::Warn, "!"),
            Verdict::Failed => (Paint::Bad, look.cross()),
        };
        let mut line = Line::new().with(paint, mark);
        line.push(Paint::Plain, format!(" {}", check.check));
        line.pad(NAMES + 2);
        line.push(Paint::Plain, sanitise::line(&check.found, Keep::Nothing));
        lines.push(line);
        if let Some(help) = check.help.as_ref().filter(|_| check.verdict != Verdict::Ok) {
            let mut line = Line::new();
            line.pad(NAMES + 2);
            line.push(Paint::Dim, sanitise::line(help, Keep::Nothing));
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Check> {
        vec![
            Check::ok("engine", "Docker Engine 27.1, API 1.46"),
            Check::warning("disk", "2.0 GB are free", "give some back"),
            Check::failed("ports", "8000 (api) is taken by \u{1b}[2Jnginx", "end that"),
        ]
    }

    #[test]
    fn a_list() {
        let text = |unicode| {
            let look = Look {
                color: false,
                unicode,
            };
            let lines = lines(&some(), look);
            let lines: Vec<String> = lines.iter().map(|line| line.render(look)).collect();
            lines.join("\n")
        };
        insta::assert_snapshot!(format!("{}\n\n{}", text(true), text(false)), @r"
    ✓ engine        Docker Engine 27.1, API 1.46
    ! disk          2.0 GB are free
                    give some back
    ✗ ports         8000 (api) is taken by nginx
                    end that

    + engine        Docker Engine 27.1, API 1.46
    ! disk          2.0 GB are free
                    give some back
    x ports         8000 (api) is taken by nginx
                    end that
    ");
    }

    #[test]
    fn as_json() {
        let text = serde_json::to_string(&report(&some()[..2])).unwrap();
        insta::assert_snapshot!(text, @r#"{"v":1,"checks":[{"check":"engine","verdict":"ok","found":"Docker Engine 27.1, API 1.46"},{"check":"disk","verdict":"warning","found":"2.0 GB are free","help":"give some back"}]}"#);
    }
}
