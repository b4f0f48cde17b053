//! A dev.toml that means what a Compose file means, and stands on it for the rest.
//!
//! Nothing is trusted: each key that a dev.toml could say is tried, and stays only if the stack is the same with it, with the
//! environment as it is and with every variable that the files mention changed. So a value that a variable gives stays
//! where it is. What is not written in the Compose files as it is, is never written: a secret stays out.

mod differ;
mod said;
mod shake;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use self::differ::differences;
use self::said::{Said, said};
use self::shake::shaken;
use super::{Layer, LoadError, LoadRequest, parse};
use crate::stack::compose::{self, Files, Request};
use crate::stack::{Service, Stack};

/// What `dev init --from` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it belongs. Absolute.
    pub path: Utf8PathBuf,
    pub text: String,
    /// The Compose files that it stands on, as it names them.
    pub files: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A dev.toml that only stands on the Compose file means something else.
    #[error("a dev.toml cannot say the same: {}", .0.join("; "))]
    Differs(Vec<String>),
}

/// Reads the Compose files of a request, and drafts the dev.toml.
///
/// # Errors
/// They cannot be read; or no dev.toml means the same, and where it differs.
pub fn draft(request: &LoadRequest) -> Result<Draft, DraftError> {
    draft_of(&request.compose(), &compose::Disk)
}

fn draft_of(request: &Request, source: &dyn Files) -> Result<Draft, DraftError> {
    let run = compose::load_stack(request, source)?;
    let dir = run.stack.dir.clone();
    let path = dir.join("dev.toml");
    let files: Vec<String> = run
        .stack
        .layers
        .iter()
        .map(|layer| said::file(layer, &dir))
        .collect();
    let is_compose = |path: &&Utf8PathBuf| matches!(path.extension(), Some("yaml" | "yml"));
    let further = run.further_files.iter().filter(is_compose);
    let paths = run.stack.layers.iter().chain(further);
    // One that cannot be read has nothing that could be written.
    let text: String = paths.filter_map(|path| source.compose(path).ok()).collect();
    let shaken = shaken(request, source, &text, &run);
    let mut drawing = Drawing {
        head: head(&run.stack, &files),
        path: &path,
        dir: &dir,
        bases: std::iter::once(run.clone()).chain(shaken).collect(),
        services: BTreeMap::new(),
    };
    if let Some(differs) = drawing.differs() {
        return Err(DraftError::Differs(differs));
    }
    for service in run.stack.services.values() {
        drawing.service(service, &dir, &text);
    }
    Ok(Draft {
        text: drawing.text(),
        path,
        files,
    })
}

/// What stands above the services.
fn head(stack: &Stack, files: &[String]) -> String {
    let names: Vec<String> = files.iter().map(|name| said::quoted(name)).collect();
    let compose = match names.as_slice() {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    };
    let runtime = match stack.runtime {
        crate::stack::Runtime::Docker => "runtime = \"docker\"\n",
        _ => "",
    };
    format!(
        "# What is not said here is as in the Compose file: what only that can say, and what variables and other files give.\ncompose = {compose}\n{runtime}"
    )
}

/// A draft so far, with what it has to mean.
struct Drawing<'a> {
    head: String,
    path: &'a Utf8Path,
    dir: &'a Utf8Path,
    /// The Compose files as they are, and with other values of their variables.
    bases: Vec<compose::Run>,
    /// What is said of each service.
    services: BTreeMap<String, Vec<Said>>,
}

impl Drawing<'_> {
    /// Takes over what a dev.toml can say of a service as well.
    fn service(&mut self, service: &Service, dir: &Utf8Path, text: &str) {
        for said in said(service, dir) {
            if !said.texts.iter().all(|part| text.contains(part.as_str())) {
                continue;
            }
            let all = self.services.entry(service.name.clone()).or_default();
            all.push(said);
            if self.differs().is_some()
                && let Some(all) = self.services.get_mut(&service.name)
            {
                all.pop();
            }
        }
    }

    fn text(&self) -> String {
        let mut text = self.head.clone();
        for (name, all) in self.services.iter().filter(|(_, all)| !all.is_empty()) {
            text.push_str(&format!("\n[services.{}]\n", said::key(name)));
            let (variables, keys): (Vec<&Said>, Vec<_>) = all.iter().partition(|said| said.env);
            let lines = |all: &[&Said]| -> String {
                all.iter()
                    .map(|said| format!("{} = {}\n", said.key, said.value))
                    .collect()
            };
            text.push_str(&lines(&keys));
            if !variables.is_empty() {
                text.push_str(&format!("\n[services.{}.env]\n", said::key(name)));
                text.push_str(&lines(&variables));
            }
        }
        text
    }

    /// Where the draft means something else. Each of the bases has to be met.
    fn differs(&self) -> Option<Vec<String>> {
        let text = self.text();
        self.bases.iter().find_map(|base| {
            let layer = Layer {
                path: self.path.to_owned(),
                text: text.clone(),
            };
            // Values of other files are never written.
            let read_text = |_: &Utf8Path| Err(std::io::ErrorKind::NotFound.into());
            let beneath = |_: Vec<Utf8PathBuf>, _: Option<&str>| Ok(base.clone());
            match parse::upon(self.dir, vec![layer], None, &read_text, &beneath) {
                Err(error) => Some(vec![error.to_string()]),
                Ok(mut loaded) => {
                    loaded.stack.layers.clone_from(&base.stack.layers);
                    differences(&base.stack, &loaded.stack)
                }
            }
        })
    }
}
