//! `dev config`: the stack as it is understood. Values are resolved as far as they are known without an engine; what
//! holds a secret is `***`.

use serde_json::{Map, Value as Json, json};

use super::args::{ConfigArgs, ConfigFormat, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::Session;
use crate::plan::allocate::host_ports;
use crate::stack::resolve::{Asker, Facts, resolve};
use crate::stack::{Reference, Service, Source, Stack, Template};

/// # Errors
/// The stack cannot be read.
pub fn run(global: &GlobalArgs, arguments: &ConfigArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    let facts = Facts {
        host_ports: host_ports(&session.store.ports()),
        environment: session.environment.variables.clone(),
        ..Facts::default()
    };
    let mut document = document(&session.stack, &facts)?;
    let text = match arguments.format(global.json) {
        ConfigFormat::Json => serde_json::to_string_pretty(&document)
            .map_err(|error| CliError::state(error.into()))?,
        ConfigFormat::Toml => {
            prune(&mut document);
            toml::to_string_pretty(&document)
                .map_err(|error| CliError::state(std::io::Error::other(error)))?
        }
    };
    to_stdout(text.trim_end());
    Ok(ExitCode::Done)
}

fn document(stack: &Stack, facts: &Facts) -> Result<Json, CliError> {
    let json = |value: Result<Json, serde_json::Error>| {
        value.map_err(|error| CliError::state(error.into()))
    };
    let mut services = Map::new();
    for service in stack.services.values() {
        let mut table = json(serde_json::to_value(service))?;
        if let Json::Object(table) = &mut table {
            show_values(table, stack, service, facts);
        }
        services.insert(service.name.clone(), table);
    }
    Ok(json!({
        "name": stack.name,
        "layers": stack.layers,
        "services": services,
        "networks": json(serde_json::to_value(&stack.networks))?,
        "volumes": json(serde_json::to_value(&stack.volumes))?,
        "secrets": json(serde_json::to_value(&stack.secrets))?,
        "kubernetes": json(serde_json::to_value(&stack.kubernetes))?,
    }))
}

/// Templates as the text that the service would get.
fn show_values(table: &mut Map<String, Json>, stack: &Stack, service: &Service, facts: &Facts) {
    let asker = match service.source {
        Source::Run(_) => Asker::Host {
            service: Some(&service.name),
        },
        Source::Image(_) | Source::Build(_) => Asker::Container {
            service: &service.name,
        },
    };
    let show = |template: &Template| Json::String(shown(stack, template, asker, facts));
    let env: Map<String, Json> = service
        .env
        .iter()
        .map(|(name, value)| (name.clone(), show(value)))
        .collect();
    table.insert("env".to_owned(), Json::Object(env));
    for (key, value) in [
        ("command", &service.command),
        ("entrypoint", &service.entrypoint),
    ] {
        let words = value.as_ref().map(|words| words.iter().map(show).collect());
        table.insert(key.to_owned(), words.map_or(Json::Null, Json::Array));
    }
    if let Source::Build(build) = &service.source
        && let Some(Json::Object(shown)) = table
            .get_mut("source")
            .and_then(|source| source.get_mut("build"))
    {
        let args: Map<String, Json> = build
            .args
            .iter()
            .map(|(name, value)| (name.clone(), show(value)))
            .collect();
        shown.insert("args".to_owned(), Json::Object(args));
    }
    let text = |template: &Template| Json::String(template.to_string());
    let outputs: Map<String, Json> = service
        .outputs
        .iter()
        .map(|(name, output)| (name.clone(), text(&output.value)))
        .collect();
    table.insert("outputs".to_owned(), Json::Object(outputs));
    let provision = service
        .provision
        .iter()
        .map(|command| Json::Array(command.iter().map(text).collect()));
    table.insert("provision".to_owned(), Json::Array(provision.collect()));
    if let crate::stack::Promote::With {
        args,
        command,
        env,
        target,
    } = &service.promote
    {
        let map = |values: &std::collections::BTreeMap<String, Template>| -> Map<String, Json> {
            values
                .iter()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect()
        };
        let command = command
            .as_ref()
            .map(|words| words.iter().map(text).collect::<Vec<_>>());
        let promote =
            json!({ "target": target, "args": map(args), "command": command, "env": map(env) });
        table.insert("promote".to_owned(), promote);
    }
}

fn shown(stack: &Stack, template: &Template, asker: Asker<'_>, facts: &Facts) -> String {
    if template
        .references()
        .any(|reference| matches!(reference, Reference::Secret { .. }))
    {
        return "***".to_owned();
    }
    match resolve(stack, template, asker, facts) {
        Ok(value) if value.secret => "***".to_owned(),
        Ok(value) => value.text,
        // A value that holds a secret by way of another service cannot be resolved here either, and stays a reference.
        Err(_) => template.to_string(),
    }
}

/// TOML has no null; and what is empty only makes it longer.
fn prune(value: &mut Json) {
    match value {
        Json::Object(table) => {
            table.values_mut().for_each(prune);
            table.retain(|_, value| match value {
                Json::Null => false,
                Json::Object(table) => !table.is_empty(),
                Json::Array(list) => !list.is_empty(),
                _ => true,
            });
        }
        Json::Array(list) => {
            list.iter_mut().for_each(prune);
            list.retain(|value| !value.is_null());
        }
        _ => {}
    }
}
