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
    if arguments.place.on.is_some() {
        return super::cluster::open(global, arguments).await;
    }
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
    let names: Vec<&str> = web.iter().map(|(name, _)| *name).collect();
    let (_, address) = web[choose(&names, arguments.service.as_deref())?];
    show(address, arguments.print).await?;
    Ok(ExitCode::Done)
}

/// Which of the services with a web address is meant: its number.
///
/// # Errors
/// None has one, or several have.
pub(super) fn choose(web: &[&str], named: Option<&str>) -> Result<usize, CliError> {
    match web {
        [_] => Ok(0),
        [] => {
            let none = "nothing here has a web address".to_owned();
            let none = named.map_or(none, |name| format!("{name} has no web address"));
            Err(CliError::usage(none))
        }
        several => Err(CliError::usage(format!(
            "several have a web address, name one: {}",
            several.join(", ")
        ))),
    }
}

/// In a browser, where there is one.
///
/// # Errors
/// What opens it cannot be started.
pub(super) async fn show(address: &str, print: bool) -> Result<(), CliError> {
    let opener = OPENERS.into_iter().find_map(|name| which::which(name).ok());
    match opener {
        Some(opener) if !print => {
            let opened = tokio::process::Command::new(opener)
                .arg(address)
                .status()
                .await;
            opened.map_err(CliError::state)?;
        }
        _ => to_stdout(address),
    }
    Ok(())
}
