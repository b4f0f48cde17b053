//! `dev env`: the settings that reach services from this machine. The one command that prints secrets.

use std::collections::BTreeMap;

use super::args::{EnvArgs, EnvFormat, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::Session;
use crate::plan::allocate::host_ports;
use crate::stack::resolve::{Absent, Asker, Facts, Unresolved, known_outputs, resolve};
use crate::stack::{Service, Stack, Template};

/// # Errors
/// The stack cannot be read, or a secret cannot be had.
pub async fn run(global: &GlobalArgs, arguments: &EnvArgs) -> Result<ExitCode, CliError> {
    if arguments.place.on.is_some() {
        return super::cluster::env(global, arguments).await;
    }
    let session = Session::open(global)?;
    session.tell_off_host(global);
    session.check_names(&arguments.services)?;
    let settings = settings(&session, |service| {
        arguments.services.is_empty() || arguments.services.contains(&service.name)
    })
    .await?;
    print(settings, arguments.format(global.json))
}

/// # Errors
/// None is known.
pub(super) fn print(
    settings: BTreeMap<String, String>,
    format: EnvFormat,
) -> Result<ExitCode, CliError> {
    match format {
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
    let loaded = session.facts().await;
    let facts = Facts {
        host_ports: host_ports(&session.store.ports()),
        ..loaded.facts
    };
    let services = session.stack.services.values();
    let services = services.filter(|service| wanted(service));
    let mut settings = BTreeMap::new();
    let mut absent = Vec::new();
    for service in services {
        let asker = Asker::Host { service: None };
        settings.extend(of_service(
            &session.stack,
            service,
            asker,
            &facts,
            &mut absent,
        ));
    }
    match absent.is_empty() {
        true => Ok(settings),
        false => Err(CliError::Secrets(absent)),
    }
}

/// `DB_URL`, `DB_AUTH_DB_URL`, `API_HTTP_PORT`: everything that `asker` can reach; what is not published cannot.
/// Secrets that it would take and that have no value go to `absent`.
pub(super) fn of_service(
    stack: &Stack,
    service: &Service,
    asker: Asker<'_>,
    facts: &Facts,
    absent: &mut Vec<Absent>,
) -> BTreeMap<String, String> {
    let outputs = known_outputs(service).into_iter();
    let outputs = outputs.filter(|output| !is_less_than_its_own(service, output));
    let outputs = outputs.filter_map(|output| {
        let template = Template::parse(&format!("${{{}.{output}}}", service.name)).ok()?;
        match resolve(stack, &template, asker, facts) {
            Ok(value) => Some((variable(&service.name, &output), value.text)),
            Err(Unresolved::AbsentSecret { why, help }) => {
                let new = Absent { why, help };
                if !absent.contains(&new) {
                    absent.push(new);
                }
                None
            }
            Err(_) => None,
        }
    });
    outputs.collect()
}

/// What the main port alone gives, where the service itself gives more: `DB_POSTGRES_URL` has no credentials, `DB_URL`
/// has them.
fn is_less_than_its_own(service: &Service, output: &str) -> bool {
    let main = service.main_port.as_deref();
    output.split_once('.').is_some_and(|(port, _)| {
        main == Some(port)
            && service.outputs.contains_key("url")
            && !service.databases.iter().any(|database| database == port)
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::file::{Layer, parse};

    #[test]
    fn what_a_preset_says_of_itself_is_said_once_and_other_ports_by_name() {
        let text = "[services.db]\npreset = \"postgres:15\"\ndatabases = [\"auth\"]\n\
                    [services.api]\nimage = \"api\"\nports = { http = 8000, admin = 9000 }\n";
        let layer = Layer {
            path: "/src/dev.toml".into(),
            text: text.to_owned(),
        };
        let read = |_: &camino::Utf8Path| Err(std::io::ErrorKind::NotFound.into());
        let loaded = parse("/src".into(), vec![layer], None, &read).unwrap();
        let names = |service: &str| -> Vec<String> {
            let service = &loaded.stack.services[service];
            let known = known_outputs(service).into_iter();
            known
                .filter(|output| !is_less_than_its_own(service, output))
                .map(|output| variable(&service.name, &output))
                .collect()
        };
        let db = names("db");
        assert!(db.contains(&"DB_URL".to_owned()), "{db:?}");
        assert!(db.contains(&"DB_AUTH_URL".to_owned()), "{db:?}");
        assert!(!db.iter().any(|name| name.contains("POSTGRES")), "{db:?}");
        let api = names("api");
        for name in ["API_URL", "API_HTTP_URL", "API_ADMIN_PORT"] {
            assert!(api.contains(&name.to_owned()), "{api:?}");
        }
    }
}
