//! What is not YAML is mostly one slip, and told by the parser in words of the grammar, often a line too late.

/// Where the indentation of a line has a tab, in bytes: in the line of `start`, or else behind it.
pub(super) fn tab(text: &str, start: usize) -> Option<usize> {
    let before = text.get(..start)?;
    let mut at = before.rfind('\n').map_or(0, |end| end + 1);
    for line in text[at..].split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(at + tab);
        }
        at += line.len();
    }
    None
}

/// What to look for where the parser gave up with `words`.
pub(super) fn help(words: &str) -> Option<&'static str> {
    let table: &[(&[&str], &str)] = &[
        (
            &["tabs disallowed", "found a tab"],
            "YAML is indented with spaces",
        ),
        (
            &["quoted scalar"],
            "a text that begins with a quotation mark ends with the same one: is it missing here?",
        ),
        (
            &["mapping values are not allowed"],
            "is the line above indented like those beside it, and has its `:` a space behind it?",
        ),
        (
            &["did not find expected key", "did not find expected '-'"],
            "is the line above indented like this one?",
        ),
        (
            &["simple key expect"],
            "is a `:` missing in the line above?",
        ),
        (
            &["flow sequence", "flow mapping", "unclosed bracket"],
            "is a `,` missing in the brackets, or what closes them?",
        ),
    ];
    let of = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    table
        .iter()
        .find(|(parts, _)| of(parts))
        .map(|(_, help)| *help)
}
