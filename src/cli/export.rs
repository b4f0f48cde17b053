//! `dev export`: the promotion as files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::Utf8Path;

use super::args::{ExportArgs, ExportFormat, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::going::{Outside, going, outside, refused};
use super::output::{to_stderr, to_stdout};
use super::session::{Session, start_dir};
use crate::promote::export::{Files, Place, argocd, flux, kustomize, plain};
use crate::promote::{Facts, Going, Image, ImageUser, promote};
use crate::stack::Source;

/// Names of what was written, so that the next time what is no longer written goes.
const LIST: &str = ".dev-export";

/// # Errors
/// The stack cannot be read, something in it cannot go to a cluster, or the files cannot be written.
pub async fn run(global: &GlobalArgs, arguments: &ExportArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let wanted: BTreeSet<String> = arguments.services.iter().cloned().collect();
    let going = going(&session, &wanted);
    let Outside {
        environment,
        git,
        mounted,
    } = outside(&session, &going).await;
    let facts = Facts {
        images: images(&going, arguments),
        mounted,
        environment,
        git,
        secret_digests: BTreeMap::new(),
        gates: true,
    };
    let promotion = promote(&going, &facts).map_err(refused)?;
    let place = Place {
        url: arguments.repo.as_deref().unwrap_or_default(),
        path: arguments.path.as_deref().unwrap_or(arguments.to.as_str()),
    };
    let files = match arguments.format {
        ExportFormat::Kubernetes => plain(&going, &promotion),
        ExportFormat::Kustomize => kustomize(&going, &promotion),
        ExportFormat::Argocd => argocd(&going, &promotion, place),
        ExportFormat::Flux => flux(&going, &promotion, place),
    };
    let folder = start_dir(global)?.join(&arguments.to);
    write(&folder, &files)?;
    if !global.json {
        for note in &promotion.notes {
            to_stderr(&format!("{}: {}", note.service, note.text));
        }
    }
    let count = files.len();
    if global.json {
        let names: Vec<&String> = files.keys().collect();
        to_stdout(&serde_json::json!({ "v": 1, "dir": folder, "files": names }).to_string());
    } else {
        to_stdout(&format!("{count} files in {}", arguments.to));
    }
    Ok(ExitCode::Done)
}

/// Images by service, as a cluster pulls them.
fn images(going: &Going, arguments: &ExportArgs) -> BTreeMap<String, Image> {
    let reference = |source: &Source| match source {
        Source::Image(image) => Some(image.clone()),
        Source::Build(build) => {
            let own = build.image.as_deref().unwrap_or_default();
            let own = own.strip_suffix(".promoted").unwrap_or(own);
            // A tag of the stack file's is one of development.
            let name = match own.rsplit_once(':') {
                Some((name, tag)) if !tag.contains('/') => name,
                _ => own,
            };
            let registry = arguments
                .registry
                .as_deref()
                .map(|registry| registry.trim_end_matches('/'));
            let name =
                registry.map_or_else(|| name.to_owned(), |registry| format!("{registry}/{name}"));
            Some(format!("{name}:{}", arguments.tag))
        }
        Source::Run(_) => None,
    };
    let services = going.stack.services.values();
    let image = services.filter_map(|service| {
        let image = Image {
            reference: reference(&service.source)?,
            user: ImageUser::Unknown,
        };
        Some((service.name.clone(), image))
    });
    image.collect()
}

fn write(folder: &Utf8Path, files: &Files) -> Result<(), CliError> {
    let failed = |what: &str, path: &Utf8Path, error: &io::Error| CliError::Own {
        message: format!("cannot {what} {path}: {error}"),
        help: Some("name another folder: `--to DIR`".to_owned()),
    };
    let list = folder.join(LIST);
    let known = match fs_err::read_to_string(&list) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(failed("read", &list, &error)),
    };
    if let Some(other) = files
        .keys()
        .find(|name| !known.contains(*name) && folder.join(name).exists())
    {
        return Err(CliError::Usage {
            message: format!("{} is there, and no export wrote it", folder.join(other)),
            help: Some("name another folder: `--to DIR`, or remove it".to_owned()),
        });
    }
    let is_below =
        |name: &&String| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    for name in known
        .iter()
        .filter(is_below)
        .filter(|name| !files.contains_key(*name))
    {
        let path = folder.join(name);
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path, &error));
            }
            _ => {}
        }
    }
    let listed: String = files.keys().map(|name| format!("{name}\n")).collect();
    let all = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    for (name, text) in all.chain([(LIST, listed.as_str())]) {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs_err::create_dir_all(parent).map_err(|error| failed("make", parent, &error))?;
        // What is as it was keeps its time.
        if fs_err::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        fs_err::write(&path, text).map_err(|error| failed("write", &path, &error))?;
    }
    Ok(())
}
