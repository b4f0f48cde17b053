//! The images of what goes: built here, named by what is in them, brought to the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::query_parameters::TagImageOptionsBuilder;

use super::show::Show;
use crate::cli::error::CliError;
use crate::cli::session::Session;
use crate::engine::event::FailureClass;
use crate::plan::allocate::Allocations;
use crate::plan::desired::{SourceHashes, desire};
use crate::promote::{Going, Image, ImageUser};
use crate::runtime::RuntimeError;
use crate::runtime::docker::Docker;
use crate::runtime::kube::{Delivery, Kube, Locality, delivery};
use crate::stack::{Source, Stack};

/// Of one short call to the engine.
const CALL: Duration = Duration::from_secs(10);
/// Characters of a digest that name an image.
const DIGEST: usize = 12;

pub struct Images {
    pub of_services: BTreeMap<String, Image>,
    /// Those that this machine's engine has.
    here: BTreeSet<String>,
    /// Some were built.
    built: bool,
}

/// Builds what is built, and looks at what is there.
pub async fn images(session: &Session, going: &Going, show: &Show) -> Result<Images, CliError> {
    let builds = going
        .stack
        .services
        .values()
        .any(|service| matches!(service.source, Source::Build(_)));
    let docker = match builds {
        true => Some(session.docker().await?),
        // What is pulled may be pulled by the cluster.
        false => session.docker().await.ok(),
    };
    let made = match (&docker, builds) {
        (Some(docker), true) => build(session, going, docker, show).await?,
        _ => BTreeMap::new(),
    };
    let mut images = Images {
        of_services: BTreeMap::new(),
        here: BTreeSet::new(),
        built: builds,
    };
    for service in going.stack.services.values() {
        let reference = match &service.source {
            Source::Image(image) => image.clone(),
            Source::Build(build) => match build.image.as_ref().and_then(|tag| made.get(tag)) {
                Some(reference) => reference.clone(),
                None => continue,
            },
            Source::Run(_) => continue,
        };
        let user = match &docker {
            Some(docker) => user(docker, &reference).await,
            None => None,
        };
        if user.is_some() {
            images.here.insert(reference.clone());
        }
        let image = Image {
            reference,
            user: user.unwrap_or_default(),
        };
        images.of_services.insert(service.name.clone(), image);
    }
    Ok(images)
}

/// As whom an image runs; `None` where the engine does not have it.
async fn user(docker: &Docker, reference: &str) -> Option<ImageUser> {
    let found = tokio::time::timeout(CALL, docker.client().inspect_image(reference)).await;
    let config = found.ok()?.ok()?.config?;
    Some(ImageUser::parse(&config.user.unwrap_or_default()))
}

/// Reference by the tag of the build: its name with the digest of what came out.
async fn build(
    session: &Session,
    going: &Going,
    docker: &Docker,
    show: &Show,
) -> Result<BTreeMap<String, String>, CliError> {
    let stack = only_builds(&going.stack);
    let scope: BTreeSet<String> = stack.services.keys().cloned().collect();
    let facts = session.facts().await.facts;
    let key = session.store.key();
    let desired = desire(
        &stack,
        &scope,
        &Allocations::new(),
        &facts,
        &SourceHashes::default(),
        key,
    )
    .map_err(|errors| {
        let failures = errors.into_iter().map(|error| {
            let help = error.error.help();
            let mut failure = RuntimeError::new(FailureClass::Unresolved, error.to_string()).0;
            failure.help = help;
            (error.service, failure)
        });
        CliError::Unresolved(failures.collect())
    })?;
    let mut made = BTreeMap::new();
    for spec in &desired.builds {
        let service = spec
            .services
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        let image = docker.build(spec, None).await?;
        let digest: String = image
            .id
            .trim_start_matches("sha256:")
            .chars()
            .take(DIGEST)
            .collect();
        let own = spec.tag.strip_suffix(".promoted").unwrap_or(&spec.tag);
        let name = match own.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => own,
        };
        let options = TagImageOptionsBuilder::default()
            .repo(name)
            .tag(&digest)
            .build();
        let tagged =
            tokio::time::timeout(CALL, docker.client().tag_image(&image.id, Some(options))).await;
        let reference = format!("{name}:{digest}");
        if !matches!(tagged, Ok(Ok(()))) {
            let message = format!("the engine cannot name the image of {service} `{reference}`");
            return Err(RuntimeError::new(FailureClass::Engine, message).into());
        }
        show.line(service, &format!("built {reference}"));
        made.insert(spec.tag.clone(), reference);
    }
    Ok(made)
}

/// Without what has a value only in a container.
fn only_builds(stack: &Stack) -> Stack {
    let mut stack = stack.clone();
    for service in stack.services.values_mut() {
        service.env.clear();
        service.provision.clear();
        (service.command, service.entrypoint) = (None, None);
    }
    stack
}

impl Images {
    /// Brings the cluster those that it does not have.
    pub async fn deliver(
        &self,
        session: &Session,
        kube: &Kube,
        place: &Locality,
        show: &Show,
    ) -> Result<(), CliError> {
        let way = delivery(place, session.environment.get("CONTAINERD_ADDRESS"));
        if way == Delivery::None && self.built {
            return Err(CliError::Usage {
                message: format!("images that are built here do not get to context `{}` by themselves", kube.context),
                help: Some("push them to a registry, and write files that name it: `dev export kubernetes --registry REGISTRY --to DIR`".to_owned()),
            });
        }
        if self.here.is_empty() || matches!(way, Delivery::None | Delivery::Shared) {
            return Ok(());
        }
        let docker = session.docker().await?;
        let mut tell = |reference: &str, bytes: u64| {
            let size = match bytes {
                0 => String::new(),
                bytes => format!(" ({} MB)", bytes / 1_000_000),
            };
            show.line("", &format!("{reference} delivered{size}"));
        };
        way.deliver(&docker, &session.environment, &self.here, &mut tell)
            .await?;
        Ok(())
    }
}
