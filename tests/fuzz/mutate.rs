//! From files that mean something to files that nearly do.

use super::chance::Chance;
use super::subject::Input;

/// Pieces that mean something to the reader, or to YAML.
const WORDS: &[&str] = &[
    "&a ",
    "*a",
    "<<: *a",
    "<<: [*a, *a]",
    "!reset null",
    "!override ",
    "!!str ",
    "!x ",
    "${A}",
    "${A:-${B:-c}}",
    "${A:?no}",
    "${",
    "$",
    "$$",
    "${A-",
    "${A:+b}",
    "{",
    "}",
    "[",
    "]",
    "? ",
    ": ",
    "- ",
    "|",
    ">-\n",
    "---\n",
    "...\n",
    "#",
    "'",
    "\"",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\0",
    "ä",
    "null",
    "~",
    "true",
    "yes",
    "0x1f",
    "0o17",
    "1e9",
    ".inf",
    ".nan",
    "-1",
    "18446744073709551616",
    "99999999999999999999999999",
    "1.5",
    "5s",
    "1h99999999999999m",
    "-5m",
    "64m",
    "9999999999999g",
    "1-70000",
    "80:80",
    "127.0.0.1:80-90:80-90/udp",
    "[::1]:80:80",
    "../../../..",
    "/",
    "~/x",
    ".",
    "extends: {service: web}",
    "extends: {file: other.yaml, service: web}",
    "extends: web",
    "include: [other.yaml]",
    "include: [compose.yaml]",
    "depends_on: [web]",
    "network_mode: service:web",
    "volumes_from: [web]",
    "x-a: &a {}",
    "services: {web: {image: a}}",
    "env_file: [.env]",
    "env_file: .",
    "label_file: ./x",
    "profiles: [a]",
    "deploy: {replicas: 3}",
    "build: {context: ., dockerfile_inline: FROM a}",
    "develop: {watch: [{path: ., action: sync}]}",
    "command: 'a \"b",
    "healthcheck: {test: [NONE]}",
    "https://example.test/compose.yaml",
    "oci://example.test/a",
];

/// One of the corpus, or two of them, changed in one to four places.
pub fn mutated(corpus: &[Input], chance: &mut Chance) -> Input {
    let mut input = chance.one(corpus).clone();
    for _ in 0..=chance.below(4) {
        let other = chance.one(corpus);
        let at = chance.below(input.files.len());
        let donor = &chance.one(&other.files).1;
        let text = std::mem::take(&mut input.files[at].1);
        input.files[at].1 = changed(text, donor, chance);
    }
    if chance.below(8) == 0 {
        let other = chance.one(corpus);
        input.files.extend(other.files.iter().skip(1).cloned());
    }
    input
}

fn changed(mut text: Vec<u8>, donor: &[u8], chance: &mut Chance) -> Vec<u8> {
    match chance.below(12) {
        0..=2 => insert(text, chance.one(WORDS).as_bytes(), chance),
        3 => {
            let value = chance.one(WORDS).as_bytes().to_vec();
            value_of_a_line(text, &value, chance)
        }
        4 => lines(text, chance, |lines, at, _| {
            lines.remove(at);
        }),
        5 => lines(text, chance, |lines, at, chance| {
            let line = lines[at].clone();
            // Now and then often: what grows with the square shows.
            let times = if chance.below(50) == 0 { 2_000 } else { 1 };
            lines.splice(at..at, std::iter::repeat_n(line, times));
        }),
        6 => lines(text, chance, |lines, at, chance| {
            let with = chance.below(lines.len());
            lines.swap(at, with);
        }),
        7 => lines(text, chance, |lines, at, chance| {
            let spaces = b" ".repeat(chance.below(6));
            lines[at].splice(0..0, spaces);
        }),
        8 => lines(text, chance, |lines, at, chance| {
            let from: Vec<&[u8]> = donor.split_inclusive(|byte| *byte == b'\n').collect();
            if from.is_empty() {
                return;
            }
            let begin = chance.below(from.len());
            let end = (begin + 1 + chance.below(6)).min(from.len());
            lines.splice(at..at, from[begin..end].iter().map(|line| line.to_vec()));
        }),
        9 if !text.is_empty() => {
            let at = chance.below(text.len());
            text[at] = u8::try_from(chance.below(256)).unwrap_or(0);
            text
        }
        10 if !text.is_empty() => {
            text.truncate(chance.below(text.len()));
            text
        }
        _ => {
            let most = if chance.below(20) == 0 { 20_000 } else { 40 };
            let deep = 1 + chance.below(most);
            let piece = chance
                .one(&["[", "{a: ", "- ", "? ", "${A:-", "&a [", " "])
                .repeat(deep);
            insert(text, piece.as_bytes(), chance)
        }
    }
}

fn insert(mut text: Vec<u8>, piece: &[u8], chance: &mut Chance) -> Vec<u8> {
    let at = chance.below(text.len() + 1);
    text.splice(at..at, piece.iter().copied());
    text
}

/// What stands behind the colon of a line becomes something else.
fn value_of_a_line(text: Vec<u8>, value: &[u8], chance: &mut Chance) -> Vec<u8> {
    lines(text, chance, |lines, at, _| {
        if let Some(colon) = lines[at].iter().position(|byte| *byte == b':') {
            lines[at].truncate(colon + 1);
            lines[at].push(b' ');
            lines[at].extend_from_slice(value);
            lines[at].push(b'\n');
        }
    })
}

fn lines(
    text: Vec<u8>,
    chance: &mut Chance,
    change: impl FnOnce(&mut Vec<Vec<u8>>, usize, &mut Chance),
) -> Vec<u8> {
    let split = text.split_inclusive(|byte| *byte == b'\n');
    let mut lines: Vec<Vec<u8>> = split.map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return text;
    }
    let at = chance.below(lines.len());
    change(&mut lines, at, chance);
    lines.concat()
}
