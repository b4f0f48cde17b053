//! `dev env`: the settings that reach services from this machine. The one command that prints secrets.

use std::collections::BTreeMap;

use super::args::{EnvArgs, EnvFormat, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::Session;
use crate::plan::allocate::host_ports;
use crate::stack::resolve::{Asker, Facts, known_outputs, resolve};
use crate::stack::{Service, Template};

/// # Errors
/// The stack cannot be read, or a secret cannot be had.
pub async fn run(global: &GlobalArgs, arguments: &EnvArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let settings = settings(&session, |service| {
        arguments.services.is_empty() || arguments.services.contains(&service.name)
    })
    .await?;
    match arguments.format(global.json) {
        EnvFormat::Json => {
            let text = serde_json::to_string_pretty(&settings);
            to_stdout(&text.map_err(|error| CliError::state(error.into()))?);
        }
        EnvFormat::Shell => {
            for (name, value) in settings {
                to_stdout(&format!("export {name}='{}'", value.replace('\'', r"'\''")));
            }
        }
        EnvFormat::Dotenv => {
            for (name, value) in settings {
                to_stdout(&format!("{name}={}", quoted(&value)));
            }
        }
    }
    Ok(ExitCode::Done)
}

/// The settings of those services that `wanted` names, by variable.
///
/// # Errors
/// A secret cannot be had.
pub(super) async fn settings(
    session: &Session,
    wanted: impl Fn(&Service) -> bool,
) -> Result<BTreeMap<String, String>, CliError> {
    let loaded = session.facts().await?;
    let facts = Facts {
        host_ports: host_ports(&session.store.ports()),
        ..loaded.facts
    };
    let services = session.stack.services.values();
    let services = services.filter(|service| wanted(service));
    Ok(services
        .flat_map(|service| of_service(session, service, &facts))
        .collect())
}

/// `DB_URL`, `DB_AUTH_DB_URL`, `API_HTTP_PORT`: everything that can be reached from here; what is not published cannot.
fn of_service(session: &Session, service: &Service, facts: &Facts) -> BTreeMap<String, String> {
    let asker = Asker::Host { service: None };
    let outputs = known_outputs(service).into_iter().filter_map(|output| {
        let template = Template::parse(&format!("${{{}.{output}}}", service.name)).ok()?;
        let value = resolve(&session.stack, &template, asker, facts).ok()?;
        Some((variable(&service.name, &output), value.text))
    });
    outputs.collect()
}

fn variable(service: &str, output: &str) -> String {
    let name = format!("{service}_{output}").to_ascii_uppercase();
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// For a `.env` file: double quotes, as every reader of the format takes them.
fn quoted(value: &str) -> String {
    let escaped = value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('$', "\\$")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}
