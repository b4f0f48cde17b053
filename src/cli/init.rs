//! `dev init`.

use std::io::Write;

use super::args::{GlobalArgs, InitArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::request;
use crate::runtime::Environment;
use crate::stack::file::{Draft, DraftError, LoadRequest, draft};

/// # Errors
/// The Compose file cannot be read, no dev.toml means the same, or there is one.
pub fn run(global: &GlobalArgs, arguments: &InitArgs) -> Result<ExitCode, CliError> {
    let given = [
        (!global.files.is_empty(), "--file"),
        (global.project_dir.is_some(), "--project-directory"),
        (!global.environments.is_empty(), "--env"),
        (!global.profiles.is_empty(), "--profile"),
        (!global.env_files.is_empty(), "--env-file"),
        (global.name.is_some(), "--name"),
    ];
    if let Some((_, option)) = given.iter().find(|(is_given, _)| *is_given) {
        return Err(CliError::usage(format!(
            "`{option}` is nothing that a dev.toml remembers: `dev init` takes `--from` alone"
        )));
    }
    let request = request(global, &Environment::of_process())?;
    let from = arguments.from.iter();
    let request = LoadRequest {
        files: from.map(|file| request.start_dir.join(file)).collect(),
        ..request
    };
    let draft = draft(&request).map_err(refused)?;
    write(&draft, arguments.force).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::Own {
            message: format!("{} is there already", draft.path),
            help: Some("`--force` writes over it".to_owned()),
        },
        _ => CliError::state(error),
    })?;
    to_stdout(&format!(
        "wrote {}: the same stack as {}, which it stands on",
        draft.path,
        draft.files.join(" and ")
    ));
    Ok(ExitCode::Done)
}

/// Whole or not at all.
fn write(draft: &Draft, force: bool) -> std::io::Result<()> {
    let folder = draft.path.parent().unwrap_or(&draft.path);
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(draft.text.as_bytes())?;
    let written = match force {
        true => file.persist(&draft.path),
        false => file.persist_noclobber(&draft.path),
    };
    written.map(drop).map_err(|error| error.error)
}

pub(super) fn refused(error: DraftError) -> CliError {
    match error {
        DraftError::Load(error) => CliError::Stack(error),
        error @ DraftError::Differs(_) => CliError::Own {
            message: error.to_string(),
            help: Some("nothing was written: `dev up` runs the Compose file as it is".to_owned()),
        },
    }
}
