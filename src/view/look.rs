//! What the place that lines go to can show.

/// Colours and characters that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub color: bool,
    /// False: ASCII only.
    pub unicode: bool,
}

/// Which of the views a command prints through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The live table.
    Terminal,
    /// A line for each thing that happens.
    Plain,
    /// An event a line.
    Json,
}

impl Mode {
    /// `terminal`: standard output is one. `var` reads the environment.
    pub fn choose(json: bool, terminal: bool, var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| var(name).is_some_and(|value| !value.is_empty());
        let ci = var("CI").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        let dumb = var("TERM").is_some_and(|term| term == "dumb");
        if json {
            Self::Json
        } else if terminal && !ci && !dumb && !set("NO_COLOR") {
            Self::Terminal
        } else {
            Self::Plain
        }
    }
}

impl Look {
    /// `terminal`: the output is one. `var` reads the environment.
    pub fn detect(terminal: bool, var: impl Fn(&str) -> Option<String>) -> Self {
        let color = Mode::choose(false, terminal, &var) == Mode::Terminal;
        // The first that is set decides, as in setlocale(3).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| var(name).filter(|value| !value.is_empty()));
        // Containers often have no locale at all, and terminals are UTF-8: only a locale that says otherwise counts.
        let ascii = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_uppercase();
            !locale.contains("UTF-8") && !locale.contains("UTF8")
        });
        let console = var("TERM").is_some_and(|term| term == "linux");
        Self {
            color,
            unicode: !ascii && !console,
        }
    }

    const fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    pub(super) const fn ellipsis(self) -> &'static str {
        self.pick("…", "..")
    }

    pub(super) const fn tick(self) -> &'static str {
        self.pick("✓", "+")
    }

    pub(super) const fn cross(self) -> &'static str {
        self.pick("✗", "x")
    }

    pub(super) const fn dot(self) -> &'static str {
        self.pick("·", ".")
    }

    pub(super) const fn dash(self) -> &'static str {
        self.pick("–", "-")
    }

    pub(super) const fn bullet(self) -> &'static str {
        self.pick("●", "*")
    }

    pub(super) const fn rule(self) -> &'static str {
        self.pick("─", "-")
    }

    pub(super) const fn bar(self) -> &'static str {
        self.pick("│", "|")
    }

    pub(super) const fn arrow(self) -> &'static str {
        self.pick("→", "->")
    }

    pub(super) const fn times(self) -> &'static str {
        self.pick("×", "x")
    }

    /// One step of a spinner; ten steps a second.
    pub(super) fn spinner(self, now: u64) -> &'static str {
        const BRAILLE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
        let steps: &[&str] = if self.unicode { &BRAILLE } else { &ASCII };
        let step = usize::try_from(now / 100).unwrap_or(0) % steps.len();
        steps[step]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_live_table_needs_a_terminal_that_wants_it() {
        assert_eq!(Mode::choose(false, true, environment(&[])), Mode::Terminal);
        assert_eq!(Mode::choose(false, false, environment(&[])), Mode::Plain);
        assert_eq!(
            Mode::choose(false, true, environment(&[("NO_COLOR", "1")])),
            Mode::Plain
        );
        assert_eq!(
            Mode::choose(false, true, environment(&[("CI", "true")])),
            Mode::Plain
        );
        assert_eq!(
            Mode::choose(false, true, environment(&[("CI", "false")])),
            Mode::Terminal
        );
        assert_eq!(
            Mode::choose(false, true, environment(&[("TERM", "dumb")])),
            Mode::Plain
        );
        assert_eq!(Mode::choose(true, true, environment(&[])), Mode::Json);
    }

    #[test]
    fn characters_follow_the_locale() {
        assert!(Look::detect(true, environment(&[])).unicode);
        assert!(Look::detect(true, environment(&[("LANG", "en_US.UTF-8")])).unicode);
        assert!(
            !Look::detect(
                true,
                environment(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")])
            )
            .unicode
        );
        assert!(!Look::detect(true, environment(&[("TERM", "linux")])).unicode);
        assert!(!Look::detect(false, environment(&[])).color);
    }
}
