//! What the documents say is held against the program.

mod commands;
mod compose;
mod json;
mod links;
mod markdown;
mod presets;
mod readme;
mod stack_file;

use std::path::PathBuf;

/// The text of a file of this repository.
fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs_err::read_to_string(path).expect("a file of the repository")
}
