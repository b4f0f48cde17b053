//! `run`: a command line for the shell, so no place for references.

use std::ops::Range;

use super::Code;
use super::reader::Reader;
use super::sink::Finding;
use super::tree::Node;
use crate::stack::template::closing;

/// The command line as written; reports references in it, which the shell could not read.
pub(super) fn command_line(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = node.text()?;
    for range in references(text, |name| reader.services.contains(name)) {
        let written = &text[range.clone()];
        let variable = variable(written);
        let span = reader.inside(node, range.start, range.end, text.len());
        let message = format!("`run` goes to the shell as it is, which cannot read `{written}`");
        let help = format!(
            "put it into env: `env = {{ {variable} = \"{written}\" }}`, and write `${variable}`"
        );
        reader.report(
            Finding::new(Code::ReferenceInRun, message)
                .at(span, "a reference")
                .help(help),
        );
    }
    Some(text.to_owned())
}

/// The command line that a shell reads as these words, as TOML has it.
pub(super) fn joined(words: &[&str]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let word = |word: &&str| match !word.is_empty() && word.chars().all(is_plain) {
        true => (*word).to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    let words: Vec<String> = words.iter().map(word).collect();
    toml::Value::String(words.join(" ")).to_string()
}

/// Where references of the stack file are written, in bytes. What the shell can read is the shell's: `${VAR}`, `${VAR:-x.y}`.
fn references(text: &str, is_service: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut single, mut double) = (false, false);
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let next = bytes.get(at + 1);
        match (bytes[at], next) {
            (b'\\', _) if !single => at += 1,
            (b'\'', _) if !double => single = !single,
            (b'"', _) if !single => double = !double,
            // The shell's own process.
            (b'$', Some(b'$')) if !single => at += 1,
            (b'$', Some(b'{')) if is_reference(&text[at + 2..], single, &is_service) => {
                let end = closing(text, at + 2).map_or(text.len(), |brace| brace + 1);
                found.push(at..end);
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Whether what follows `${` is a reference. A `.` after a name means nothing to the shell, but a `-` in it does:
/// `${HOST-a.b}` has a default. What is quoted may be meant for another program, unless it names something of the stack.
fn is_reference(inside: &str, quoted: bool, is_service: impl Fn(&str) -> bool) -> bool {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let end = inside.find(|c| !is_in_name(c)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let mut rest = rest.chars();
    match (rest.next(), rest.next()) {
        // `${env:-x}` has a default, `${env:1}` is a part of it.
        (Some(':'), Some(first)) => {
            ["env", "secret", "git"].contains(&name)
                && (first.is_ascii_alphabetic() || first == '_')
        }
        (Some('.'), _) => {
            let to_shell = !name.is_empty() && !name.contains('-') && !quoted;
            name == "self" || is_service(name) || to_shell
        }
        _ => false,
    }
}

/// A good name for what a reference says: `PORT` for `${self.http.port}`, `DB_URL` for `${db.url}`.
fn variable(written: &str) -> String {
    let inside = written.trim_start_matches("${").trim_end_matches('}');
    let inside = inside.split(":-").next().unwrap_or(inside);
    let name = match inside.split_once([':', '.']) {
        Some(("env" | "secret", name)) => name,
        Some(("self", path)) => path.rsplit('.').next().unwrap_or(path),
        _ => inside,
    };
    let upper = name.chars().map(|c| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    });
    upper.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let ranges = references(text, |name| ["db", "auth-db"].contains(&name));
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn what_the_shell_cannot_read_is_a_reference() {
        for text in [
            "${self.http.port}",
            "${db.url}",
            "${auth-db.replica.url}",
            "${nobody.url}",
            "${secret:KEY}",
            "${env:A:-${env:B:-x}}",
            "${git:sha}",
        ] {
            assert_eq!(found(text), [text]);
            assert_eq!(found(&format!("a --x=\"{text}")), [text]);
        }
        assert_eq!(found("a ${db.url"), ["${db.url"]);
        assert_eq!(
            found("é ${db.url} && sh -c '${self.http.port}' \"it's ${db.host}\""),
            ["${db.url}", "${self.http.port}", "${db.host}"]
        );
    }

    #[test]
    fn what_the_shell_reads_is_the_shells() {
        for text in [
            "$PORT ${PORT} ${PORT:-80.1} ${HOST-a.b} ${file%.txt} ${file#*.}",
            "${env:-x} ${git:0:7} ${secret:?no} ${env} ${#db} ${db:+x.y}",
            "$${db.url} \\${db.url} ${} ${ ${.x}",
            "node -e 'console.log(`${request.url}`)'",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn variables_are_called_what_people_call_them() {
        let names = [
            "${self.http.port}",
            "${auth-db.url}",
            "${secret:KEY}",
            "${env:A:-x.y}",
            "${git:sha}",
        ];
        assert_eq!(
            names.map(variable),
            ["PORT", "AUTH_DB_URL", "KEY", "A", "GIT_SHA"]
        );
    }
}
