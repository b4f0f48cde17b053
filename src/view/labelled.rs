//! Lines of which each says whose it is, where several programs write to the same place.

use std::io::{self, Write};

/// Writes whole lines only, each in one call, so that none is torn by another program's, with a label before it.
#[derive(Debug)]
pub struct Labelled<W> {
    out: W,
    label: String,
    begun: Vec<u8>,
}

impl<W: Write> Labelled<W> {
    /// An empty `label`: lines as they are.
    pub fn new(out: W, label: impl Into<String>) -> Self {
        Self {
            out,
            label: label.into(),
            begun: Vec::new(),
        }
    }
}

impl<W: Write> Write for Labelled<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(bytes.len());
        };
        let rest = self.begun.split_off(end + 1);
        let whole = std::mem::replace(&mut self.begun, rest);
        let mut lines = Vec::with_capacity(whole.len() + self.label.len() + 1);
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            if !self.label.is_empty() {
                lines.extend_from_slice(self.label.as_bytes());
                lines.push(b' ');
            }
            lines.extend_from_slice(line);
        }
        self.out.write_all(&lines)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each call.
    struct Calls<'a>(&'a mut Vec<String>);

    impl Write for Calls<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_go_whole_with_their_label() {
        let mut calls = Vec::new();
        let mut out = Labelled::new(Calls(&mut calls), "ci-3fa2c1");
        write!(out, "db").unwrap();
        writeln!(out, " is ready").unwrap();
        write!(out, "one\ntwo\nthr").unwrap();
        drop(out);
        assert_eq!(
            calls,
            ["ci-3fa2c1 db is ready\n", "ci-3fa2c1 one\nci-3fa2c1 two\n"]
        );
    }
}
