use super::{Patterns, clean_text};

fn ignores(patterns: &[&str], path: &str) -> bool {
    Patterns::new(patterns)
        .expect("valid patterns")
        .matches(path.as_bytes())
}

/// Patterns, a path, and whether the path is ignored; agreed with BuildKit's own reading.
const CASES: &[(&[&str], &str, bool)] = &[
    // Plain names, and what is beneath them.
    (&["a"], "a", true),
    (&["a"], "a/b/c", true),
    (&["a"], "b/a", false),
    (&["a"], "ab", false),
    (&["a/b"], "a/b", true),
    (&["a/b"], "a", false),
    (&["a.txt"], "abtxt", false),
    (&["a+(b)"], "a+(b)", true),
    // Spellings of one path.
    (&["a/"], "a", true),
    (&["a/"], "a/b", true),
    (&["./a"], "a", true),
    (&["a//b"], "a/b", true),
    (&["b/../a"], "a", true),
    (&["  a  "], "a", true),
    (&["../a"], "a", false),
    (&["."], "a", false),
    // Within a part.
    (&["*"], "a", true),
    (&["*"], "a/b", true),
    (&["*.txt"], "a.txt", true),
    (&["*.txt"], "d/a.txt", false),
    (&["*/*.txt"], "d/a.txt", true),
    (&["*/*.txt"], "d/e/a.txt", false),
    (&["a?"], "ab", true),
    (&["a?"], "a", false),
    (&["a?b"], "a/b", false),
    (&["a*"], "abc/d", true),
    (&["?"], "é", true),
    // Across parts.
    (&["**"], "a/b", true),
    (&["**/a"], "a", true),
    (&["**/a"], "x/y/a", true),
    (&["**/a"], "x/ba", false),
    (&["**/a"], "x/a/b", true),
    (&["**/*.log"], "a.log", true),
    (&["**/*.log"], "a/b/c.log", true),
    (&["a/**"], "a/b/c", true),
    (&["a/**"], "a", false),
    (&["a/**/b"], "a/b", true),
    (&["a/**/b"], "a/x/y/b", true),
    (&["a/**/b"], "ab", false),
    (&["**/a/**"], "x/a/b", true),
    (&["**/a/**"], "a", false),
    (&["a**"], "ab/c", true),
    (&["**a"], "b/ca", true),
    (&["**/a/*.c"], "x/a/y.c", true),
    // Classes and quoting.
    (&["[ab].c"], "a.c", true),
    (&["[ab].c"], "c.c", false),
    (&["[a-c]x"], "bx", true),
    (&["[^a-c]x"], "dx", true),
    (&["[^a-c]x"], "bx", false),
    (&["[!a]"], "!", true),
    (&["[a&&b]"], "&", true),
    (&["[\\]]"], "]", true),
    (&["\\*"], "*", true),
    (&["\\*"], "a", false),
    (&["a^b"], "a^b", true),
    // The last that applies decides.
    (&["*", "!a"], "a", false),
    (&["*", "!a"], "b", true),
    (&["!a", "*"], "a", true),
    (
        &["*.md", "!README*.md", "README-secret.md"],
        "README.md",
        false,
    ),
    (
        &["*.md", "!README*.md", "README-secret.md"],
        "README-secret.md",
        true,
    ),
    (&["a", "!a/keep"], "a/keep", false),
    (&["a", "!a/keep"], "a/keep/deep", false),
    (&["a", "!a/keep"], "a/other", true),
    (&["a", "!a/keep", "a/keep/not"], "a/keep/not/x", true),
    (&["a/*", "!a/b"], "a/b/c", false),
    (&["**/x", "!y/x"], "y/x", false),
    (&["**/x", "!**/*.md"], "x/a.md", false),
    (&["!a"], "a", false),
    (&["a", "! b"], "b", false),
    (&[""], "a", false),
];

#[test]
fn patterns_ignore_what_buildkit_ignores() {
    let wrong: Vec<_> = CASES
        .iter()
        .filter(|(patterns, path, ignored)| ignores(patterns, path) != *ignored)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_that_are_not_utf8_match_by_their_bytes() {
    let patterns = Patterns::new(["caf*", "**/*.log"]).expect("valid patterns");
    assert!(patterns.matches(b"caf\xe9"));
    assert!(patterns.matches(b"d\xff/\xe9.log"));
    assert!(!patterns.matches(b"\xe9caf"));
}

#[test]
fn patterns_that_mean_nothing_are_errors() {
    for (pattern, why) in [
        ("!", "nothing follows the `!`"),
        ("a[", "a `[` is not closed, or is empty"),
        ("[]a]", "a `[` is not closed, or is empty"),
        ("[a-]", "a `[` is not closed, or is empty"),
        ("[z-a]", "a range in `[…]` runs backwards"),
        ("a\\", "it ends in `\\`"),
    ] {
        let error = Patterns::new([pattern]).expect_err(pattern);
        assert_eq!(error.why, why, "{pattern}");
    }
}

#[test]
fn a_folder_is_entered_only_where_something_could_be_found() {
    let patterns = Patterns::new(["a/b/c", "d/*/e", "f/**", "!x/y"]).expect("valid patterns");
    for folder in ["a", "a/b", "d", "d/q", "f", "f/g"] {
        assert!(patterns.may_match_beneath(folder.as_bytes()), "{folder}");
    }
    for folder in ["a/b/c", "a/x", "ab", "z", "x"] {
        assert!(!patterns.may_match_beneath(folder.as_bytes()), "{folder}");
    }
    assert!(patterns.may_return_beneath(b"x") && !patterns.may_return_beneath(b"a"));
}

#[test]
fn paths_are_cleaned() {
    for (path, cleaned) in [
        ("a/./b/", "a/b"),
        ("", "."),
        ("a/..", "."),
        ("../../a", "../../a"),
        ("/../a", "/a"),
        ("//", "/"),
        ("a/../../b", "../b"),
    ] {
        assert_eq!(clean_text(path), cleaned, "{path}");
    }
}
