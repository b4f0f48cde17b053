use std::io::{self, Write};
use std::mem;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// How large an archive may grow in memory, and where it goes beyond that.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Bytes.
    pub memory: usize,
    /// Folder for larger ones.
    pub scratch: Utf8PathBuf,
}

/// A finished archive.
#[derive(Debug)]
pub enum Archive {
    /// There is nothing to send.
    Empty,
    Memory(Bytes),
    /// Removed when dropped; readable by its owner alone.
    File(TempPath),
}

/// Takes bytes in memory, and in a file once they are many.
pub(super) struct Spool {
    bounds: Bounds,
    place: Place,
}

enum Place {
    Memory(Vec<u8>),
    File(NamedTempFile),
}

impl Spool {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            place: Place::Memory(Vec::new()),
        }
    }

    pub fn finish(self) -> io::Result<Archive> {
        match self.place {
            Place::Memory(bytes) => Ok(Archive::Memory(bytes.into())),
            Place::File(mut file) => {
                file.flush()?;
                Ok(Archive::File(file.into_temp_path()))
            }
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Place::Memory(memory) = &mut self.place
            && memory.len() + bytes.len() > self.bounds.memory
        {
            let mut file = beside(&self.bounds.scratch)?;
            file.write_all(&mem::take(memory))?;
            self.place = Place::File(file);
        }
        match &mut self.place {
            Place::Memory(memory) => memory.write(bytes),
            Place::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Memory(_) => Ok(()),
            Place::File(file) => file.flush(),
        }
    }
}

fn beside(scratch: &Utf8Path) -> io::Result<NamedTempFile> {
    std::fs::create_dir_all(scratch)?;
    tempfile::Builder::new()
        .prefix("sync-")
        .suffix(".tar")
        .tempfile_in(scratch)
}
