//! A Compose file from standard input, named `-`.

use std::io;
use std::sync::{Mutex, PoisonError};

use camino::Utf8Path;

use crate::stack::file::{Diagnostic, read_from, utf8};

/// Its name, as people type it.
const NAME: &str = "-";
/// Its name in what is told.
const SHOWN: &str = "standard input";

/// A process has one standard input, and it can be read once; a stack file is read again and again.
static READ: Mutex<Option<Result<Vec<u8>, Box<Diagnostic>>>> = Mutex::new(None);

/// Whether standard input is meant. A file of that name is `./-`.
pub fn is_stdin(path: &Utf8Path) -> bool {
    path == NAME
}

/// The path of a file as it is told.
pub(super) fn shown(path: &Utf8Path) -> &Utf8Path {
    match is_stdin(path) {
        true => Utf8Path::new(SHOWN),
        false => path,
    }
}

/// What was read from standard input, if it is part of the stack, for another process that is to read the same.
pub fn given() -> Option<Vec<u8>> {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.as_ref()?.as_ref().ok().cloned()
}

/// From now on this counts as read from standard input: it was, by another process.
pub fn hand_on(text: Vec<u8>) {
    *READ.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ok(text));
}

/// The text of standard input.
///
/// # Errors
/// It cannot be read, is too large, or is not UTF-8 text.
pub(super) fn text() -> Result<String, Box<Diagnostic>> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let read = read.get_or_insert_with(|| read_from(&mut io::stdin().lock(), SHOWN.into(), 0));
    utf8(read.clone()?, SHOWN.into())
}
