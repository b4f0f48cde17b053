use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};

use super::protocol::PIECE;

/// Of the content of a file, or of a symlink's text: as good as telling two versions of a file apart needs. Both sides cut
/// the content alike, because a hasher need not give the same for other cuts.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    hasher: DefaultHasher,
    size: u64,
}

impl Sum {
    const CUT: usize = 64 * 1024;

    /// The next piece: [`PIECE`] bytes, or the last ones.
    pub fn add(&mut self, piece: &[u8]) {
        for cut in piece.chunks(Self::CUT) {
            self.hasher.write(cut);
        }
        self.size += piece.len() as u64;
    }

    /// Size and sum.
    pub fn end(self) -> (u64, u64) {
        (self.size, self.hasher.finish())
    }

    pub fn of(bytes: &[u8]) -> u64 {
        let mut sum = Self::default();
        sum.add(bytes);
        sum.end().1
    }

    /// Size and sum of all that is read.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(mut reader: impl Read) -> io::Result<(u64, u64)> {
        let (mut sum, mut piece) = (Self::default(), Vec::new());
        loop {
            piece.clear();
            let read = reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
            sum.add(&piece);
            if read < PIECE {
                return Ok(sum.end());
            }
        }
    }
}
