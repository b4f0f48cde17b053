//! What people write, what they get, and what they are told.

mod errors;
mod finding;
mod fixtures;
mod forms;
mod properties;
mod schema;
mod slips;
mod summary;

use camino::Utf8Path;

use super::{Layer, LoadError, Loaded, parse, render};
use crate::stack::{Service, Stack};

/// Parses layers by name; the file named `*.env` are the ones that `env_file` finds.
fn read(files: &[(&str, &str)]) -> Result<Loaded, LoadError> {
    let dir = Utf8Path::new("/stack");
    let is_layer = |name: &str| name.ends_with(".toml");
    let layers = files.iter().filter(|(name, _)| is_layer(name));
    let layers = layers
        .map(|(name, text)| Layer {
            path: dir.join(name),
            text: (*text).to_owned(),
        })
        .collect();
    let env_text = |path: &Utf8Path| {
        let found = files
            .iter()
            .find(|(name, _)| dir.join(name) == path && !is_layer(name));
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    parse(dir, layers, None, &env_text)
}

fn stack(text: &str) -> Stack {
    match read(&[("dev.toml", text)]) {
        Ok(loaded) => loaded.stack,
        Err(error) => panic!("{}", render(&error, false, 120)),
    }
}

fn service(text: &str) -> Service {
    let mut stack = stack(text);
    stack.services.remove("a").unwrap()
}

fn errors(text: &str) -> LoadError {
    read(&[("dev.toml", text)]).unwrap_err()
}
