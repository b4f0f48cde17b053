use super::*;

fn read(line: &[&str]) -> Cli {
    match Cli::read(line) {
        Ok(cli) => cli,
        Err(error) => panic!("{line:?}: {error}"),
    }
}

fn refused(line: &[&str]) -> clap::Error {
    match Cli::read(line) {
        Ok(cli) => panic!("{line:?} was taken as {cli:?}"),
        Err(error) => error,
    }
}

#[test]
fn the_definition_is_sound() {
    command().debug_assert();
}

#[test]
fn every_command_is_in_one_group_of_the_help() {
    let mut grouped: Vec<&str> = help::GROUPS
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let command = command();
    let mut all: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    grouped.sort_unstable();
    all.sort_unstable();
    assert_eq!(grouped, all);
}

#[test]
fn globals_stand_before_or_after_the_command() {
    let before = read(&[
        "dev", "-C", "sub", "--env", "offline", "--env", "ci", "--name", "x", "--json", "up",
    ]);
    let after = read(&[
        "dev", "up", "-C", "sub", "--env", "offline", "--env", "ci", "--name", "x", "--json",
    ]);
    assert_eq!(before.global, after.global);
    assert_eq!(
        after.global.directory.as_deref().map(|d| d.as_str()),
        Some("sub")
    );
    assert_eq!(after.global.environments, ["offline", "ci"]);
    assert!(after.global.json);
    assert_eq!(
        read(&["dev", "up", "--file", "a.toml"]).global.files,
        ["a.toml"]
    );
}

#[test]
fn f_is_the_file_before_the_command_and_follow_after_logs() {
    let cli = read(&["dev", "-f", "a.toml", "logs", "-f", "api"]);
    assert_eq!(cli.global.files, ["a.toml"]);
    let Command::Logs(logs) = cli.command else {
        panic!("no logs")
    };
    assert!(logs.follow);
    assert_eq!(logs.services, ["api"]);

    assert_eq!(refused(&["dev", "up", "-f", "a.toml"]).exit_code(), 2);
    assert_eq!(
        refused(&["dev", "-f", "a.toml", "--file", "b.toml", "up"]).exit_code(),
        2
    );
}

#[test]
fn what_follows_the_service_of_exec_goes_through() {
    let words = |line: &[&str]| {
        let cli = read(line);
        let Command::Exec(exec) = cli.command else {
            panic!("no exec")
        };
        assert_eq!(exec.service, "api");
        assert!(!cli.global.json);
        exec.command
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(&["dev", "exec", "api", "--", "ls", "-l"]),
        ["ls", "-l"]
    );
    assert_eq!(words(&["dev", "exec", "api", "ls", "-l"]), ["ls", "-l"]);
    assert_eq!(
        words(&["dev", "exec", "api", "ls", "--json", "-f", "-C", "--help"]),
        ["ls", "--json", "-f", "-C", "--help"]
    );
    assert_eq!(
        words(&["dev", "exec", "api", "sh", "--", "-c", "x"]),
        ["sh", "--", "-c", "x"]
    );
    assert_eq!(
        words(&["dev", "exec", "api", "--", "sh", "--", "--json"]),
        ["sh", "--", "--json"]
    );
    assert_eq!(refused(&["dev", "exec", "api"]).exit_code(), 2);
}

#[test]
fn without_a_command_help_is_printed_and_the_code_is_2() {
    let error = refused(&["dev"]);
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("Run the stack:"), "{error}");
    assert_eq!(refused(&["dev", "--version"]).exit_code(), 0);
    assert_eq!(refused(&["dev", "--help"]).exit_code(), 0);
}

#[test]
fn options_as_the_contract_names_them() {
    let Command::Up(up) =
        read(&["dev", "up", "-d", "--wait", "--wait-timeout", "2m", "api"]).command
    else {
        panic!("no up")
    };
    assert!(up.detach && up.wait);
    assert_eq!(up.wait_timeout.map(|t| t.as_secs()), Some(120));

    let Command::Down(down) = read(&["dev", "down", "-v", "-y", "--timeout", "5"]).command else {
        panic!("no down")
    };
    assert!(down.volumes && down.yes);
    assert_eq!(down.timeout.map(|t| t.as_secs()), Some(5));

    assert!(matches!(read(&["dev", "ps"]).command, Command::Status(_)));

    let cli = read(&["dev", "env", "--env", "offline", "--json", "db"]);
    let Command::Env(env) = cli.command else {
        panic!("no env")
    };
    assert_eq!(env.format(cli.global.json), EnvFormat::Json);
    assert_eq!(cli.global.environments, ["offline"]);

    let Command::Logs(logs) = read(&[
        "dev", "logs", "--since", "10m", "--grep", "a|b", "--tail", "20",
    ])
    .command
    else {
        panic!("no logs")
    };
    assert_eq!(logs.tail, Tail::Last(20));
    assert!(
        refused(&["dev", "logs", "--grep", "("])
            .to_string()
            .contains("unclosed group")
    );
}

/// What `-d` leaves behind is asked for the same.
#[test]
fn what_is_passed_on_is_what_was_typed() {
    let typed: [&[&str]; 6] = [
        &[],
        &["--build", "--pull", "always", "--force-recreate", "-V"],
        &["--no-build", "--pull=never", "--no-recreate"],
        &[
            "--no-deps",
            "--remove-orphans",
            "--scale",
            "api=3",
            "--scale=db=0",
        ],
        &["--no-start", "--pull", "missing"],
        &["--build", "--scale", "api=2", "--no-deps"],
    ];
    let up = |words: Vec<String>| {
        let mut line = vec!["dev".to_owned(), "up".to_owned()];
        line.extend(words);
        match Cli::read(line).unwrap().command {
            Command::Up(up) => up.changes,
            other => panic!("{other:?}"),
        }
    };
    for words in typed {
        let first = up(words.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(up(first.words()), first);
        assert_eq!(first.words().is_empty(), words.is_empty());
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    for line in [
        ["up", "--build", "--no-build"],
        ["up", "--force-recreate", "--no-recreate"],
        ["up", "-d", "--abort-on-container-exit"],
        ["up", "--wait", "--exit-code-from=api"],
        ["logs", "--follow", "--until=1m"],
        ["ps", "-q", "--services"],
    ] {
        let line: Vec<&str> = ["dev"].into_iter().chain(line).collect();
        assert_eq!(refused(&line).exit_code(), 2, "{line:?}");
    }
}

#[test]
fn help_at_80_columns() {
    let command = command().term_width(80).color(clap::ColorChoice::Never);
    let mut names: Vec<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    names.insert(0, String::new());
    for name in names {
        let line: Vec<&str> = ["dev", &name, "--help"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let help = match command.clone().try_get_matches_from(&line) {
            Ok(_) => panic!("{line:?} printed no help"),
            Err(error) => error.to_string(),
        };
        let widest = help
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0);
        assert!(widest <= 80, "{line:?}: {widest} columns");
        let file = if name.is_empty() {
            "help".to_owned()
        } else {
            format!("help_{name}")
        };
        insta::assert_snapshot!(file, help);
    }
}
