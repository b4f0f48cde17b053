//! What a project is called.

use camino::{Utf8Path, Utf8PathBuf};

use super::load::Files;
use super::node::Value;
use super::project::Request;
use super::variables::Environment;
use super::{substitute, yaml};
use crate::stack::file::{Code, Diagnostic, LoadError};

/// The project's name: as asked for, as the environment says, as the files say, or that of the folder.
pub(super) fn name(
    request: &Request,
    source: &dyn Files,
    environment: &Environment,
    files: &[Utf8PathBuf],
    dir: &Utf8Path,
) -> Result<String, LoadError> {
    let of_environment = environment
        .get("COMPOSE_PROJECT_NAME")
        .filter(|name| !name.is_empty());
    if let Some(given) = request.name.as_ref().or(of_environment) {
        if normal_name(given) == *given && !given.is_empty() {
            return Ok(given.clone());
        }
        let message = format!("`{given}` is no name of a project");
        let help = "names have lower-case letters, digits, `-` and `_`, and begin with a letter or a digit";
        return Err(LoadError::one(
            Diagnostic::error(Code::BadName, message).with_help(help),
        ));
    }
    let written = files
        .iter()
        .filter_map(|path| written_name(&source.compose(path).ok()?));
    let lookup = |name: &str| environment.get(name).cloned();
    let filled = written
        .last()
        .and_then(|name| substitute::substitute(&name, &lookup, &mut Vec::new()).ok());
    let name = filled
        .map(|name| normal_name(&name))
        .filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| normal_name(dir.file_name().unwrap_or_default()));
    if name.is_empty() {
        let message = "the project has no name";
        let help = "give it one with `name: …` in the Compose file";
        return Err(LoadError::one(
            Diagnostic::error(Code::BadName, message).with_help(help),
        ));
    }
    Ok(name)
}

/// What is wrong with the file is told when it is read as a whole.
fn written_name(text: &str) -> Option<String> {
    let documents = yaml::parse(text, 0, &mut yaml::Size::default()).ok()?;
    let names = documents
        .iter()
        .filter_map(|document| match &document.get("name")?.value {
            Value::Text(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        });
    // The last document wins.
    names.fold(None, |_, name| Some(name))
}

fn normal_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c));
    let kept: String = kept.collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}
