use super::*;

const NANOS: i64 = 1_000_000_000;

const STAMP: &str = "2024-01-02T03:04:05.000000006Z";
const AT: i64 = 1_704_164_645_000_000_006;

fn assemble(terminal: bool, pieces: &[(Stream, &str, bool)]) -> Vec<(String, i64, bool)> {
    let mut assembler = Assembler::new(terminal);
    for (stream, text, begins) in pieces {
        assembler.take(Piece {
            stream: *stream,
            bytes: Bytes::from((*text).to_owned()),
            begins: *begins,
        });
    }
    assembler.finish();
    assembler
        .ready
        .into_iter()
        .map(|chunk| {
            (
                String::from_utf8_lossy(&chunk.line).into_owned(),
                chunk.at,
                chunk.partial,
            )
        })
        .collect()
}

fn line(text: &str) -> (String, i64, bool) {
    (text.to_owned(), AT, false)
}

#[test]
fn stamps_are_taken_off_and_lines_end() {
    let found = assemble(
        false,
        &[
            (Stream::Stdout, &format!("{STAMP} one\n"), true),
            (Stream::Stderr, &format!("{STAMP} two\r\n"), true),
            (Stream::Stdout, &format!("{STAMP} \n"), true),
        ],
    );
    assert_eq!(found, [line("one"), line("two"), line("")]);
}

#[test]
fn a_line_over_several_frames_is_one() {
    let found = assemble(
        false,
        &[
            (Stream::Stdout, &format!("{STAMP} be"), true),
            (Stream::Stderr, &format!("{STAMP} other\n"), true),
            (Stream::Stdout, "2024-01-02T03:04:06Z gin\n", true),
            (Stream::Stdout, &format!("{STAMP} last"), true),
        ],
    );
    assert_eq!(found, [line("other"), line("begin"), line("last")]);
}

#[test]
fn the_next_line_has_its_own_time() {
    let found = assemble(
        false,
        &[
            (Stream::Stdout, "1970-01-01T00:00:01Z a\n", true),
            (Stream::Stdout, "1970-01-01T00:00:02Z b\n", true),
        ],
    );
    let times: Vec<i64> = found.iter().map(|(_, at, _)| *at).collect();
    assert_eq!(times, [NANOS, 2 * NANOS]);
}

#[test]
fn a_terminal_has_a_stamp_before_each_line() {
    let text = format!("{STAMP} one\r\n{STAMP} tw");
    let found = assemble(
        true,
        &[
            (Stream::Stdout, &text, false),
            (Stream::Stdout, "o\r\n", false),
        ],
    );
    assert_eq!(found, [line("one"), line("two")]);
}

#[test]
fn a_line_without_end_comes_in_bounded_pieces() {
    let text = format!("{STAMP} {}", "x".repeat(LONGEST_LINE));
    let more = "y".repeat(LONGEST_LINE);
    let found = assemble(
        false,
        &[
            (Stream::Stdout, &text, true),
            (Stream::Stdout, &more, false),
            (Stream::Stdout, "z\n", false),
        ],
    );
    let sizes: Vec<(usize, bool)> = found.iter().map(|(text, _, p)| (text.len(), *p)).collect();
    assert_eq!(
        sizes,
        [(LONGEST_LINE, true), (LONGEST_LINE, true), (1, false)]
    );
}

#[test]
fn text_without_a_stamp_stays_whole() {
    let found = assemble(false, &[(Stream::Stdout, "no stamp here\n", true)]);
    assert_eq!(found, [("no stamp here".to_owned(), 0, false)]);
}
