use regex::Regex;
use tokio::sync::mpsc;

use super::Answer;
use super::answer::{FOREIGN, clean};

/// Reads lines until one matches. `None`: the log ended without one.
pub(super) async fn first_match(
    pattern: &Regex,
    lines: &mut mpsc::Receiver<String>,
) -> Option<Answer> {
    while let Some(line) = lines.recv().await {
        if pattern.is_match(&line) {
            return Some(Answer::Passed(format!("log: {}", clean(&line, FOREIGN))));
        }
    }
    None
}
