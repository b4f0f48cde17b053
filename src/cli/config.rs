//! `dev config`: the stack as one stack file, its layers merged. `dev` reads it again to the same stack; with `--resolved`,
//! values are what the services get, and what holds a secret is `***`. Of Compose files alone: their canonical form.

use super::args::{ConfigArgs, ConfigFormat, GlobalArgs};
use super::compose;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::Session;
use crate::plan::allocate::host_ports;
use crate::secret::Redactor;
use crate::stack::file::Document;
use crate::stack::resolve::{Asker, Facts, resolve};
use crate::stack::{Reference, Service, Source, Stack, Template};

const HIDDEN: &str = "***";

/// # Errors
/// The stack cannot be read.
pub async fn run(global: &GlobalArgs, arguments: &ConfigArgs) -> Result<ExitCode, CliError> {
    let format = arguments.format(global.json);
    if format == ConfigFormat::Compose {
        return compose::run(global, global.json);
    }
    let session = Session::open(global)?;
    if session.is_of_compose() {
        return of_compose(global, arguments);
    }
    session.warn(global);
    let mut document = session.document.clone();
    if session.stack.named {
        document.set(&["name"], &session.stack.name);
    }
    if arguments.resolved {
        fill_in(&session, &mut document).await;
    }
    let text = match format {
        ConfigFormat::Json => serde_json::to_string_pretty(&document)
            .map_err(|error| CliError::state(error.into()))?,
        ConfigFormat::Toml | ConfigFormat::Compose => {
            let text = toml::to_string_pretty(&document)
                .map_err(|error| CliError::state(std::io::Error::other(error)))?;
            format!("{}\n{text}", heading(&session.stack))
        }
    };
    to_stdout(text.trim_end());
    Ok(ExitCode::Done)
}

/// Compose files have a form of their own, with all values in it.
fn of_compose(global: &GlobalArgs, arguments: &ConfigArgs) -> Result<ExitCode, CliError> {
    match arguments.format {
        None | Some(ConfigFormat::Compose) => compose::run(global, global.json),
        Some(ConfigFormat::Json) => compose::run(global, true),
        Some(ConfigFormat::Toml) if arguments.resolved => Err(CliError::Usage {
            message: "a dev.toml that stands on a Compose file leaves the values to that"
                .to_owned(),
            help: Some(
                "`dev config --resolved` prints the Compose file, which has them".to_owned(),
            ),
        }),
        Some(ConfigFormat::Toml) => compose::toml(global),
    }
}

/// Where it comes from, as a comment.
fn heading(stack: &Stack) -> String {
    let layers = stack.layers.iter();
    let layers = layers.map(|layer| layer.strip_prefix(&stack.dir).unwrap_or(layer).as_str());
    let layers = layers.collect::<Vec<_>>().join(", ");
    format!("# {}, from {layers}\n", stack.name)
}

/// Puts values in the place of references.
async fn fill_in(session: &Session, document: &mut Document) {
    // What cannot be had stays a reference.
    let facts = session.facts().await.facts;
    let secrets: Vec<_> = facts.secrets.values().cloned().collect();
    let redactor = Redactor::new(&secrets);
    let facts = Facts {
        host_ports: host_ports(&session.store.ports()),
        ..facts
    };
    for service in session.stack.services.values() {
        let view = View {
            stack: &session.stack,
            service,
            facts: &facts,
            redactor: &redactor,
        };
        view.fill_in(document);
    }
}

/// The values of one service.
struct View<'a> {
    stack: &'a Stack,
    service: &'a Service,
    facts: &'a Facts,
    redactor: &'a Redactor,
}

impl View<'_> {
    fn fill_in(&self, document: &mut Document) {
        let name = self.service.name.as_str();
        // The preset's and the files' among them.
        for (variable, value) in &self.service.env {
            document.set(&["services", name, "env", variable], self.shown(value));
        }
        document.remove(&["services", name, "env_file"]);
        if !self.service.is_job() && !matches!(self.service.source, Source::Run(_)) {
            let starts_first = |with| self.stack.kept_apart(self.service, with).is_none();
            // Where only its image could tell, that is left to it.
            match [starts_first(false), starts_first(true)] {
                [true, _] => document.set(&["services", name, "update"], "start-first"),
                [false, false] => document.set(&["services", name, "update"], "stop-first"),
                [false, true] => {}
            }
        }
        let keys: [&[&str]; 3] = [&["command"], &["entrypoint"], &["build", "args"]];
        for key in keys {
            let path = [&["services", name], key].concat();
            document.change(&path, &mut |text| match Template::parse(text) {
                Ok(template) => self.shown(&template),
                Err(_) => text.to_owned(),
            });
        }
    }

    /// As a stack file says it: text, with `$` doubled.
    fn shown(&self, template: &Template) -> String {
        let is_secret = |reference: &Reference| matches!(reference, Reference::Secret { .. });
        if template.all_references().iter().any(is_secret) {
            return HIDDEN.to_owned();
        }
        let service = &self.service.name;
        let asker = match self.service.source {
            Source::Run(_) => Asker::Host {
                service: Some(service),
            },
            Source::Image(_) | Source::Build(_) => Asker::Container { service },
        };
        match resolve(self.stack, template, asker, self.facts) {
            Ok(value) if value.secret => HIDDEN.to_owned(),
            Ok(value) => Template::text(self.redactor.redact(&value.text)).to_string(),
            // It has no value yet, such as a port that no `up` has chosen.
            Err(_) => self.redactor.redact(&template.to_string()).into_owned(),
        }
    }
}
