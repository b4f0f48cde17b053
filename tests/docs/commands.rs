use std::collections::BTreeSet;

use clap::Arg;

use crate::{file, markdown};

const PAGE: &str = "docs/reference/commands.md";

/// `-v`, `--volumes`: every way to write an option that `--help` shows.
fn written(arg: &Arg) -> BTreeSet<String> {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    short.into_iter().chain(long).collect()
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> BTreeSet<BTreeSet<String>> {
    args.filter(|arg| !arg.is_positional() && !arg.is_hide_set())
        .filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
        .map(written)
        .collect()
}

/// The options of the tables in a text: what each row's first cell names, without the values.
fn documented(text: &str) -> BTreeSet<BTreeSet<String>> {
    let names = |row: Vec<String>| {
        markdown::code(&row[0])
            .iter()
            .filter_map(|code| code.split(' ').next().map(str::to_owned))
            .collect()
    };
    markdown::rows(text, "option")
        .into_iter()
        .map(names)
        .collect()
}

#[test]
fn every_command_with_its_options() {
    let mut program = dev::cli::args::command();
    program.build();
    let globals: BTreeSet<String> = program
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .map(|arg| arg.get_id().to_string())
        .collect();
    let sections = markdown::sections(&file(PAGE));
    let of_commands: Vec<(String, &str)> = sections
        .iter()
        .filter_map(|(heading, text)| {
            let code = markdown::code(heading).into_iter().next()?;
            let name = code.strip_prefix("dev ")?.split(' ').next()?;
            Some((name.to_owned(), text.as_str()))
        })
        .collect();
    let named: BTreeSet<&str> = of_commands.iter().map(|(name, _)| name.as_str()).collect();
    let commands: BTreeSet<&str> = program
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(named, commands);
    for (name, text) in &of_commands {
        let command = program.find_subcommand(name).unwrap();
        let own = command
            .get_arguments()
            .filter(|arg| !globals.contains(arg.get_id().as_str()));
        assert_eq!(documented(text), options(own), "options of dev {name}");
    }
    let (_, of_all) = sections
        .iter()
        .find(|(heading, _)| heading == "Options of every command")
        .unwrap();
    let shared = program.get_arguments().filter(|arg| arg.is_global_set());
    assert_eq!(documented(of_all), options(shared));
}

#[test]
fn exit_codes_stand_as_in_the_readme() {
    let codes = |page| markdown::rows(&file(page), "exit code");
    assert_eq!(codes(PAGE), codes("README.md"));
}
