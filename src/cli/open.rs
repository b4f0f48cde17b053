//! `dev open`.

use super::args::{GlobalArgs, OpenArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;

/// What opens an address on the systems that people use.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// # Errors
/// There is no such address, or nothing to open it with.
pub async fn run(global: &GlobalArgs, arguments: &OpenArgs) -> Result<ExitCode, CliError> {
    let names: Vec<String> = arguments.service.iter().cloned().collect();
    let state = super::observe::state_of(global, &names).await?;
    let web: Vec<(&str, &str)> = state
        .services
        .iter()
        .filter(|service| names.is_empty() || names.contains(&service.info.name))
        .filter_map(|service| {
            let address = service
                .info
                .addresses
                .iter()
                .find(|address| address.starts_with("http"))?;
            Some((service.info.name.as_str(), address.as_str()))
        })
        .collect();
    let address = match web.as_slice() {
        [(_, address)] => (*address).to_owned(),
        [] => {
            let none = "nothing here has a web address".to_owned();
            let none = names
                .first()
                .map_or(none, |name| format!("{name} has no web address"));
            return Err(CliError::usage(none));
        }
        several => {
            let list: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            return Err(CliError::usage(format!(
                "several have a web address, name one: {}",
                list.join(", ")
            )));
        }
    };
    let opener = OPENERS.into_iter().find_map(|name| which::which(name).ok());
    match opener {
        Some(opener) if !arguments.print => {
            let opened = tokio::process::Command::new(opener)
                .arg(&address)
                .status()
                .await;
            opened.map_err(CliError::state)?;
        }
        _ => to_stdout(&address),
    }
    Ok(ExitCode::Done)
}
