use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

/// What a finished command left: each check prints all of it when it fails.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub command: String,
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Outcome {
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "the exit code is another\n{}",
            self.story()
        );
        self
    }

    /// On stdout or stderr, whatever the letters' case.
    pub fn says(self, text: &str) -> Self {
        let found = self.all().to_lowercase().contains(&text.to_lowercase());
        assert!(found, "it does not say `{text}`\n{}", self.story());
        self
    }

    pub fn says_on_stderr(self, text: &str) -> Self {
        let found = self.stderr.to_lowercase().contains(&text.to_lowercase());
        assert!(
            found,
            "it does not say `{text}` on stderr\n{}",
            self.story()
        );
        self
    }

    pub fn does_not_say(self, text: &str) -> Self {
        assert!(
            !self.all().contains(text),
            "it says `{text}`\n{}",
            self.story()
        );
        self
    }

    pub fn within(self, limit: Duration) -> Self {
        assert!(
            self.took <= limit,
            "it took longer than {limit:?}\n{}",
            self.story()
        );
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON ({error})\n{}", self.story()))
    }

    /// stdout, then stderr.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub fn story(&self) -> String {
        let mut story = format!("$ {}\n", self.command);
        for (stream, text) in [("out", &self.stdout), ("err", &self.stderr)] {
            for line in text.lines() {
                let _ = writeln!(story, "  {stream}| {line}");
            }
        }
        let code = self
            .code
            .map_or("a signal".to_owned(), |code| format!("code {code}"));
        let _ = write!(story, "  ended with {code} after {:?}", self.took);
        story
    }
}
