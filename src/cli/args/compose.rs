//! Commands that `docker compose` has and `dev` has not: which one is near.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

const NEAR: &[(&str, &str)] = &[
    (
        "attach",
        "`dev logs --follow SERVICE` shows what a service prints, `dev exec SERVICE sh` is a shell in it",
    ),
    (
        "build",
        "`dev up --build` builds and starts; `dev up --no-start --build` only builds and creates",
    ),
    (
        "commit",
        "`docker commit` with the container's id, which `dev ps -q SERVICE` prints",
    ),
    (
        "cp",
        "`docker cp` with the container's id, which `dev ps -q SERVICE` prints; a `watch` rule with `sync` keeps files the same",
    ),
    (
        "create",
        "`dev up --no-start` creates everything and starts nothing",
    ),
    (
        "events",
        "`dev up --json` prints what happens, also beside a `dev up` that runs",
    ),
    (
        "images",
        "`dev config --resolved` shows what each service is made from, `dev plan` what would be built or pulled",
    ),
    (
        "kill",
        "`dev stop --timeout 0 SERVICE` kills what does not stop at once",
    ),
    (
        "ls",
        "`dev status` shows the stack of this folder, and of another one with `-C DIR`",
    ),
    (
        "pause",
        "`dev stop SERVICE` stops it and keeps its container",
    ),
    (
        "port",
        "`dev env SERVICE` prints addresses and ports, `dev status` shows them",
    ),
    ("publish", "only `docker compose` publishes a Compose file"),
    (
        "pull",
        "`dev up --pull always` pulls and starts; with `--no-start` it only pulls and creates",
    ),
    (
        "push",
        "`docker push` with the image's name, which `dev config --resolved` shows",
    ),
    (
        "rm",
        "`dev down` removes the containers of the whole stack, `dev up --force-recreate SERVICE` makes one anew",
    ),
    (
        "run",
        "`dev exec SERVICE COMMAND` runs it in the container that runs, `dev ci -- COMMAND` beside a stack made only for it",
    ),
    (
        "scale",
        "`dev up --scale SERVICE=N`, or `replicas` in the stack file",
    ),
    (
        "stats",
        "`docker stats` with the ids that `dev ps -q` prints",
    ),
    (
        "top",
        "`dev exec SERVICE ps` shows what runs in it, `docker top` with the id that `dev ps -q SERVICE` prints, too",
    ),
    ("unpause", "`dev up` unpauses what is paused"),
    ("version", "`dev --version`"),
    (
        "volumes",
        "`dev config` shows the volumes of the stack; `dev down --volumes` names those that it would remove",
    ),
    ("watch", "`dev up` watches by itself"),
];

/// An unknown command with what to type instead, where `docker compose` knows it.
pub(super) fn with_near_command(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let Some((_, near)) = NEAR.iter().find(|(command, _)| command == name) else {
        return error;
    };
    let near = ContextValue::StyledStrs(vec![StyledStr::from(*near)]);
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(ContextKind::Suggested, near);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, command};

    #[test]
    fn what_compose_has_leads_to_what_dev_has() {
        let mut said = String::new();
        for (name, _) in NEAR {
            let error = Cli::read(["dev", name, "web"]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            said.push_str(&format!("{}\n", error.to_string().trim_end()));
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn none_of_them_is_there_by_now() {
        let command = command();
        for (name, near) in NEAR {
            assert!(command.find_subcommand(name).is_none(), "{name}");
            let first = near
                .split('`')
                .nth(1)
                .and_then(|words| words.strip_prefix("dev "));
            let first = first.and_then(|words| words.split(' ').next());
            for word in first.into_iter().filter(|word| !word.starts_with('-')) {
                assert!(command.find_subcommand(word).is_some(), "{name}: {word}");
            }
        }
    }
}
