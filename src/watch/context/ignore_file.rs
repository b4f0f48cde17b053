use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::pattern::Patterns;
use crate::stack::path::clean_text;

/// What a build leaves out.
#[derive(Debug, Clone, Default)]
pub struct IgnoreRules {
    pub patterns: Patterns,
    /// The file they come from: `<Dockerfile>.dockerignore`, else `.dockerignore` of the context.
    pub file: Option<Utf8PathBuf>,
}

/// Reads the rules for a build: those beside the Dockerfile lead, as with BuildKit.
///
/// # Errors
/// A file that cannot be read (a missing one is none), or a pattern that means nothing (`InvalidData`, with the line).
pub fn read_ignore_rules(context: &Utf8Path, dockerfile: &Utf8Path) -> io::Result<IgnoreRules> {
    for file in [
        Utf8PathBuf::from(format!("{dockerfile}.dockerignore")),
        context.join(".dockerignore"),
    ] {
        match fs_err::read(&file) {
            Ok(text) => {
                let patterns =
                    parse(&String::from_utf8_lossy(&text)).map_err(|(line, error)| {
                        io::Error::new(
                            io::ErrorKind::InvalidData,
                            format!("{file}:{line}: {error}"),
                        )
                    })?;
                return Ok(IgnoreRules {
                    patterns,
                    file: Some(file),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(IgnoreRules::default())
}

/// One pattern a line; `#` in the first column is a comment; a leading `/` means nothing.
fn parse(text: &str) -> Result<Patterns, (usize, super::PatternError)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let pattern = line.trim();
        if line.starts_with('#') || pattern.is_empty() {
            continue;
        }
        let (bang, path) = match pattern.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", pattern),
        };
        let path = if path.is_empty() {
            String::new()
        } else {
            clean_text(path)
        };
        let path = path
            .strip_prefix('/')
            .filter(|rest| !rest.is_empty())
            .unwrap_or(&path);
        let pattern = format!("{bang}{path}");
        Patterns::new([&pattern]).map_err(|error| (at + 1, error))?;
        lines.push(pattern);
    }
    Patterns::new(lines).map_err(|error| (0, error))
}

#[cfg(test)]
mod tests;
