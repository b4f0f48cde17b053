use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::stack::WatchRule;
use crate::stack::path::clean;

/// Files, folders (all that is in them) and globs, `*` within a part and `**` across; `!` takes back what came before.
#[derive(Debug, Clone)]
pub struct Globs {
    /// Rooted at `/`, so that patterns may lead out of their folder.
    set: Gitignore,
}

impl Globs {
    /// Patterns relative to `dir`, an absolute folder; those that mean nothing are left out.
    pub fn new<S: AsRef<str>>(dir: &Utf8Path, patterns: impl IntoIterator<Item = S>) -> Self {
        Self::build(dir, patterns, false)
    }

    /// As in a .gitignore in `dir`: a pattern without a slash counts at every depth.
    pub fn beneath<S: AsRef<str>>(dir: &Utf8Path, patterns: impl IntoIterator<Item = S>) -> Self {
        Self::build(dir, patterns, true)
    }

    fn build<S: AsRef<str>>(
        dir: &Utf8Path,
        patterns: impl IntoIterator<Item = S>,
        deep: bool,
    ) -> Self {
        let mut builder = GitignoreBuilder::new("/");
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            let (bang, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => ("!", rest.trim()),
                None => ("", pattern),
            };
            let pattern = pattern.trim_end_matches('/');
            if pattern.is_empty() {
                continue;
            }
            let pattern = if deep && !pattern.contains('/') {
                format!("**/{pattern}")
            } else {
                pattern.to_owned()
            };
            let pattern = if deep {
                pattern.trim_start_matches('/')
            } else {
                &pattern
            };
            // A pattern's own `..` is taken back before quoting, the folder is no pattern.
            let (dir, pattern) = climb(dir, pattern);
            let _left_out = builder.add_line(None, &format!("{bang}{}/{pattern}", quote(&dir)));
        }
        Self {
            set: builder.build().unwrap_or_else(|_| Gitignore::empty()),
        }
    }

    /// Whether an absolute path, or a folder above it, matches.
    pub fn cover(&self, path: &Utf8Path) -> bool {
        let inside = path.strip_prefix("/").unwrap_or(path);
        if inside.as_str().is_empty() {
            return false;
        }
        matches!(
            self.set.matched_path_or_any_parents(inside, false),
            Match::Ignore(_)
        )
    }
}

/// The `ignore` of a watch rule for one of its paths: written from the stack's folder or from that path, because both
/// are what people expect; that of a Compose file from the path alone.
#[derive(Debug, Clone)]
pub struct RuleIgnore(Vec<Globs>);

impl RuleIgnore {
    pub fn new(dir: &Utf8Path, base: &Utf8Path, rule: &WatchRule) -> Self {
        let mut left_out = match rule.as_dockerignore {
            true => vec![as_dockerignore(base, &rule.ignore)],
            false => vec![
                Globs::beneath(dir, &rule.ignore),
                Globs::beneath(base, &rule.ignore),
            ],
        };
        let of_build = rule.left_out.as_ref();
        left_out.extend(of_build.map(|of| as_dockerignore(&of.dir, &of.patterns)));
        Self(left_out)
    }

    pub fn ignores(&self, path: &Utf8Path) -> bool {
        self.0.iter().any(|globs| globs.cover(path))
    }
}

/// Patterns as in a .dockerignore in `dir`: each from there, with or without a `/` before it.
pub(super) fn as_dockerignore(dir: &Utf8Path, patterns: &[String]) -> Globs {
    let patterns = patterns.iter().map(|pattern| {
        let (bang, rest) = match pattern.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", pattern.as_str()),
        };
        format!("{bang}{}", rest.trim_start_matches('/'))
    });
    Globs::new(dir, patterns)
}

/// Takes the leading `..` and `.` of a pattern, or its leading `/`, into the folder.
fn climb(dir: &Utf8Path, pattern: &str) -> (Utf8PathBuf, String) {
    let (mut dir, pattern) = match pattern.strip_prefix('/') {
        Some(rest) => (Utf8PathBuf::from("/"), rest),
        None => (dir.to_owned(), pattern),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    dir.pop();
                }
            }
            part => parts.push(part),
        }
    }
    let pattern = if parts.is_empty() {
        "**".to_owned()
    } else {
        parts.join("/")
    };
    (dir, pattern)
}

fn quote(dir: &Utf8Path) -> String {
    let mut out = String::with_capacity(dir.as_str().len());
    for c in dir.as_str().trim_end_matches('/').chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The leading parts of a path that hold no wildcard.
pub fn literal_part(pattern: &Utf8Path) -> Utf8PathBuf {
    let literal = |part: &Utf8Component<'_>| !part.as_str().contains(['*', '?', '[', '{', '\\']);
    clean(
        &pattern
            .components()
            .take_while(literal)
            .collect::<Utf8PathBuf>(),
    )
}
