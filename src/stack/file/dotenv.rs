//! Reads `.env` files: `NAME=value` lines, `export`, comments, quotes. Nothing is substituted, so that the result does
//! not depend on the environment; and an error says the line, never what it holds.

/// # Errors
/// The number of the first line that is none, from 1, and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let mut found = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let begin = rest.trim_start_matches([' ', '\t', '\r']);
        let taken = match begin.as_bytes().first() {
            None => break,
            Some(b'\n') => &begin[..0],
            Some(b'#') => &begin[..end_of_line(begin)],
            Some(_) => {
                let (name, value, taken) = assignment(begin).map_err(|problem| (line, problem))?;
                found.push((name, value));
                taken
            }
        };
        let after = &begin[taken.len()..];
        line += taken.matches('\n').count() + 1;
        rest = &after[(end_of_line(after) + 1).min(after.len())..];
    }
    Ok(found)
}

fn end_of_line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Name, value, and the text that they were written with.
fn assignment(text: &str) -> Result<(String, String, &str), &'static str> {
    let line = &text[..end_of_line(text)];
    let equals = line.find('=').ok_or("there is no `=`")?;
    let written = line[..equals].trim();
    let name = written
        .strip_prefix("export")
        .filter(|n| n.starts_with([' ', '\t']))
        .unwrap_or(written)
        .trim();
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '\'' || c == '"') {
        return Err("what stands before the `=` is no name");
    }
    let value = text[equals + 1..].trim_start_matches([' ', '\t']);
    let start = text.len() - value.len();
    let (value, len) = match value.as_bytes().first() {
        Some(quote @ (b'"' | b'\'')) => quoted(value, *quote)?,
        _ => {
            let raw = &value[..end_of_line(value)];
            let comment = raw
                .find(" #")
                .or_else(|| raw.find("\t#"))
                .unwrap_or(raw.len());
            let plain = if raw.starts_with('#') {
                ""
            } else {
                &raw[..comment]
            };
            (plain.trim().to_owned(), raw.len())
        }
    };
    Ok((name.to_owned(), value, &text[..start + len]))
}

/// Between single quotes everything is itself; between double quotes `\n`, `\t`, `\"`, `\\` and the like are read.
fn quoted(text: &str, quote: u8) -> Result<(String, usize), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, letter)) = chars.next() {
        match letter {
            '\\' if quote == b'"' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other @ ('"' | '\\' | '$' | '\''))) => value.push(other),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            _ if letter == char::from(quote) => {
                let after = &text[at + 1..];
                let rest = after[..end_of_line(after)].trim();
                return match rest.is_empty() || rest.starts_with('#') {
                    true => Ok((value, at + 1 + end_of_line(after))),
                    false => Err("something stands behind the closing quote"),
                };
            }
            _ => value.push(letter),
        }
    }
    Err("the quote is not closed")
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn reads_what_people_write() {
        let text = "# top\n\nA=1\nexport B = two words # not this\nC='a $b #c'\nD=\"x\\ny\"\r\nE=\nF=a=b#c\nG=\"two\nlines\" # end\nH=#";
        let expected = [
            pair("A", "1"),
            pair("B", "two words"),
            pair("C", "a $b #c"),
            pair("D", "x\ny"),
            pair("E", ""),
            pair("F", "a=b#c"),
            pair("G", "two\nlines"),
            pair("H", ""),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn errors_name_the_line_and_not_its_text() {
        assert_eq!(
            parse("A=\"x\ny\"\nhunter2\n").unwrap_err(),
            (3, "there is no `=`")
        );
        assert_eq!(parse("A='x").unwrap_err().0, 1);
        assert_eq!(parse("\n A B=1").unwrap_err().0, 2);
        assert_eq!(parse("A='x' y").unwrap_err().0, 1);
    }
}
