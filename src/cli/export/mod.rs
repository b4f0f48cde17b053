//! `dev export`: the promotion as files.

mod environments;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::args::{ExportArgs, ExportFormat, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::going::{Outside, going, outside, refused};
use super::output::{to_stderr, to_stdout};
use super::session::{Session, start_dir};
use crate::promote::export::{Environment, Place, argocd, flux, helm, kustomize, plain};
use crate::promote::{Facts, Going, Image, ImageUser, Promotion, Refusal, promote};
use crate::stack::Source;
use write::write;

/// # Errors
/// The stack cannot be read, something in it cannot go to a cluster, or the files cannot be written.
pub async fn run(global: &GlobalArgs, arguments: &ExportArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.warn(global);
    session.check_names(&arguments.services)?;
    let wanted: BTreeSet<String> = arguments.services.iter().cloned().collect();
    let going = going(&session, &wanted);
    let promotion = promotion(&session, &going, arguments)
        .await
        .map_err(refused)?;
    let notes = promotion.notes.clone();
    let place = Place {
        url: arguments.repo.as_deref().unwrap_or_default(),
        path: arguments.path.as_deref().unwrap_or(arguments.to.as_str()),
    };
    let files = match arguments.format {
        ExportFormat::Kubernetes => plain(&going, &promotion),
        ExportFormat::Kustomize => {
            let base = Environment {
                name: environments::BASE.to_owned(),
                going,
                promotion,
            };
            kustomize(&environments::all(&session, arguments, base).await)
        }
        ExportFormat::Helm => helm(&going, &promotion),
        ExportFormat::Argocd => argocd(&going, &promotion, place),
        ExportFormat::Flux => flux(&going, &promotion, place),
    };
    let folder = start_dir(global)?.join(&arguments.to);
    write(&folder, &files)?;
    if !global.json {
        for note in &notes {
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

/// As files that others apply have it: pods wait themselves, and nobody looks at an image.
async fn promotion(
    session: &Session,
    going: &Going,
    arguments: &ExportArgs,
) -> Result<Promotion, Vec<Refusal>> {
    let Outside {
        environment,
        git,
        mounted,
    } = outside(session, going).await;
    let facts = Facts {
        images: images(going, arguments),
        mounted,
        environment,
        git,
        secret_digests: BTreeMap::new(),
        gates: true,
    };
    promote(going, &facts)
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
