use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;
use dev::stack::file::{Layer, Loaded, parse, render};

use crate::{file, markdown};

/// Reads a stack file as `dev` does, but from text.
pub fn load(text: &str) -> Result<Loaded, String> {
    let dir = Utf8Path::new("/stack");
    let path = dir.join("dev.toml");
    let layer = Layer {
        path,
        text: text.to_owned(),
    };
    let no_file = |_: &Utf8Path| Err(io::ErrorKind::NotFound.into());
    parse(dir, vec![layer], None, &no_file).map_err(|error| render(&error, false, 120))
}

#[test]
fn its_stack_file_loads_without_a_warning() {
    let blocks = markdown::blocks(&file("README.md"), "toml");
    assert_eq!(blocks.len(), 1);
    let loaded = load(&blocks[0]).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&String> = loaded.stack.services.keys().collect();
    assert_eq!(names, ["api", "cache", "db", "migrate"]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn it_names_every_command() {
    let rows = markdown::rows(&file("README.md"), "command");
    let named: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| markdown::code(&row[0]))
        .map(|text| {
            text.trim_start_matches("dev ")
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    let command = dev::cli::args::command();
    let all: BTreeSet<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    assert_eq!(named, all);
}

#[test]
fn its_exit_codes_are_those_of_the_program() {
    use dev::cli::exit::ExitCode;
    let rows = markdown::rows(&file("README.md"), "exit code");
    let named: Vec<String> = rows.into_iter().map(|row| row[0].clone()).collect();
    let all = [
        ExitCode::Done,
        ExitCode::ServiceFailed,
        ExitCode::Usage,
        ExitCode::NoEngine,
        ExitCode::NotReady,
        ExitCode::OwnFailure,
        ExitCode::Interrupted,
    ];
    assert_eq!(named, all.map(|exit| exit.code().to_string()));
}

#[test]
fn its_picture_fits_80_columns() {
    let blocks = markdown::blocks(&file("README.md"), "");
    for line in blocks[0].lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
