use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};

use super::{Known, Looks};

const MAGIC: &[u8; 8] = b"devidx1\n";
/// Bytes of its hash at the end.
const SUM: usize = 32;

/// What is known, by name. It is held as it lies in the file: an allocation of its own for each of many names would be more than
/// what is in them, and would leave the memory in pieces.
///
/// In the file: `MAGIC`, then for each file: length of its name (u32), name, size, modified, changed, inode, mode, hash; at
/// the end the hash of all that. Little-endian.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// All but the hash at the end; empty: as `MAGIC` alone.
    bytes: Vec<u8>,
    /// By the hash of a name: where its entry begins. Of two names with the same hash the later one is known.
    at: HashMap<u64, usize>,
}

impl Table {
    pub fn with_capacity_of(other: &Self) -> Self {
        Self {
            bytes: Vec::with_capacity(other.bytes.len()),
            at: HashMap::with_capacity(other.at.len()),
        }
    }

    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// What a file holds; `None`: it is damaged.
    pub fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let body = bytes.len().checked_sub(SUM)?;
        if blake3::hash(&bytes[..body]).as_bytes() != &bytes[body..] {
            return None;
        }
        bytes.truncate(body);
        let mut rest = bytes.strip_prefix(MAGIC.as_slice())?;
        let mut at = HashMap::new();
        while !rest.is_empty() {
            let begin = body - rest.len();
            let (name, _, after) = entry(rest)?;
            at.insert(hash(name), begin);
            rest = after;
        }
        Some(Self { bytes, at })
    }

    pub fn get(&self, name: &[u8]) -> Option<Known> {
        let begin = *self.at.get(&hash(name))?;
        let (found, known, _) = entry(self.bytes.get(begin..)?)?;
        (found == name).then_some(known)
    }

    pub fn insert(&mut self, name: &[u8], known: &Known) {
        // A name is never longer than the system's limit of a path.
        let Ok(length) = u32::try_from(name.len()) else {
            return;
        };
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(MAGIC);
        }
        self.at.insert(hash(name), self.bytes.len());
        let Known { looks, hash } = known;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(&looks.size.to_le_bytes());
        self.bytes.extend_from_slice(&looks.modified.to_le_bytes());
        self.bytes.extend_from_slice(&looks.changed.to_le_bytes());
        self.bytes.extend_from_slice(&looks.inode.to_le_bytes());
        self.bytes.extend_from_slice(&looks.mode.to_le_bytes());
        self.bytes.extend_from_slice(hash);
    }

    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let bytes = if self.bytes.is_empty() {
            MAGIC.as_slice()
        } else {
            &self.bytes
        };
        out.write_all(bytes)?;
        out.write_all(blake3::hash(bytes).as_bytes())
    }
}

/// The first entry: its name, what is known, and what comes after it.
fn entry(bytes: &[u8]) -> Option<(&[u8], Known, &[u8])> {
    let mut rest = bytes;
    let length = u32::from_le_bytes(take(&mut rest)?) as usize;
    let (name, mut rest) = rest.split_at_checked(length)?;
    let looks = Looks {
        size: u64::from_le_bytes(take(&mut rest)?),
        modified: i128::from_le_bytes(take(&mut rest)?),
        changed: i128::from_le_bytes(take(&mut rest)?),
        inode: u64::from_le_bytes(take(&mut rest)?),
        mode: u32::from_le_bytes(take(&mut rest)?),
    };
    let hash = take(&mut rest)?;
    Some((name, Known { looks, hash }, rest))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}
