//! Just enough of Rust's lexer to see paths: words and signs, without comments, texts and lifetimes.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(String),
    Sign(char),
    /// A text or a number: nothing to look at, but it ends what stands before it.
    Literal(String),
}

impl Token {
    pub fn is(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

pub fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (token, length) = next(rest, first);
        found.extend(token);
        rest = &rest[length.max(first.len_utf8())..];
    }
    found
}

/// The token that `rest` begins with, if it is one, and its length in bytes.
fn next(rest: &str, first: char) -> (Option<Token>, usize) {
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, comment(rest));
    }
    if let Some((content, length)) = raw_text(rest).or_else(|| text(rest)) {
        return (Some(Token::Literal(content.to_owned())), length);
    }
    if first == '\'' {
        return character(rest);
    }
    let word = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    match first {
        _ if first.is_whitespace() => (None, 0),
        _ if first.is_ascii_digit() => (Some(Token::Literal(rest[..word].to_owned())), word),
        _ if word > 0 => (Some(Token::Word(rest[..word].to_owned())), word),
        _ => (Some(Token::Sign(first)), 0),
    }
}

/// Length of a `/* … */`, which may hold others.
fn comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `"…"` and `b"…"`.
fn text(rest: &str) -> Option<(&str, usize)> {
    let prefix = usize::from(rest.starts_with("b\""));
    let body = rest[prefix..].strip_prefix('"')?;
    let mut escaped = false;
    let end = body.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let end = end.unwrap_or(body.len());
    Some((&body[..end], (prefix + end + 2).min(rest.len())))
}

/// `r"…"`, `r#"…"#` and their bytes.
fn raw_text(rest: &str) -> Option<(&str, usize)> {
    let prefix = if rest.starts_with("br") { 2 } else { 1 };
    let marks = rest.get(prefix..)?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    if !rest[prefix - 1..].starts_with('r') {
        return None;
    }
    let body = marks[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&closing)?;
    Some((&body[..end], prefix + hashes + 1 + end + closing.len()))
}

/// `'c'`, or the quote of a lifetime.
fn character(rest: &str) -> (Option<Token>, usize) {
    let body = &rest[1..];
    let first = body.chars().next().unwrap_or(' ');
    if first == '\\' {
        let after = body.get(2..).and_then(|body| body.find('\''));
        return (None, after.map_or(rest.len(), |end| end + 4));
    }
    let closed = body[first.len_utf8()..].starts_with('\'');
    (None, if closed { first.len_utf8() + 2 } else { 1 })
}

#[test]
fn words_and_signs_without_what_only_looks_like_code() {
    let source = r###"
        // crate::comment
        /* crate::nested /* crate::deeper */ crate::still */
        fn f<'a>(x: &'a str) -> char { "crate::text \" x"; r#"crate::"raw""#; b"bytes"; '\''; '"'; 'c' }
        run(42, r);
    "###;
    let words: Vec<String> = tokens(source)
        .iter()
        .filter_map(Token::word)
        .map(str::to_owned)
        .collect();
    assert_eq!(words, ["fn", "f", "a", "x", "a", "str", "char", "run", "r"]);
}
