//! Images to build.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::hash::Digest;
use super::{BuildSpec, Desire, ImageSource, LABEL_DIR, LABEL_PROJECT, LABEL_SERVICE};
use crate::stack::resolve::Value;
use crate::stack::{Build, BuildOptions, Part, Reference, Service, Source, Stack, Template};

/// Which image each build makes: services with equal builds share one, named after the first of them.
pub(super) struct Tags<'a> {
    project: &'a str,
    first: HashMap<&'a Build, &'a str>,
}

impl<'a> Tags<'a> {
    pub fn new(stack: &'a Stack) -> Self {
        let mut first = HashMap::new();
        for service in stack.services.values() {
            if let Source::Build(build) = &service.source {
                first.entry(build).or_insert(service.name.as_str());
            }
        }
        Self {
            project: &stack.name,
            first,
        }
    }

    /// `None` for a host process.
    pub fn image(&self, service: &Service) -> Option<ImageSource> {
        match &service.source {
            Source::Image(reference) => Some(ImageSource::Pull(reference.clone())),
            Source::Build(build) => Some(ImageSource::Build(self.tag(build, service))),
            Source::Run(_) => None,
        }
    }

    fn tag(&self, build: &Build, service: &Service) -> String {
        let first = || self.first.get(build).copied().unwrap_or(&service.name);
        // Image names have no capitals, service names may.
        build
            .image
            .clone()
            .unwrap_or_else(|| format!("{}-{}", self.project, first()).to_lowercase())
    }
}

/// The services of `scope`, and those whose images theirs are built from, in no more than one way.
pub fn with_bases(stack: &Stack, scope: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = scope.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if let Some(service) = stack.services.get(name)
            && found.insert(name.to_owned())
            && let Source::Build(build) = &service.source
        {
            open.extend(build.options.bases());
        }
    }
    found
}

/// The references of all images that services of `scope` are made from, known before anything is resolved.
pub fn image_references(stack: &Stack, scope: &BTreeSet<String>) -> BTreeSet<String> {
    let tags = Tags::new(stack);
    let scope = with_bases(stack, scope);
    let services = scope.iter().filter_map(|name| stack.services.get(name));
    let mut references = BTreeSet::new();
    for service in services {
        references.extend(
            tags.image(service)
                .map(|image| image.reference().to_owned()),
        );
        references.extend(service.images_of_steps().map(str::to_owned));
    }
    references
}

/// The references of all images that services of `scope` have mounted.
pub fn mounted_images(stack: &Stack, scope: &BTreeSet<String>) -> BTreeSet<String> {
    let services = scope.iter().filter_map(|name| stack.services.get(name));
    let mounts = services.flat_map(|service| &service.mounts);
    mounts
        .filter_map(|mount| mount.image().map(str::to_owned))
        .collect()
}

/// The builds of `scope` by the tag that they make.
pub fn image_tags<'a>(stack: &'a Stack, scope: &BTreeSet<String>) -> Vec<(String, &'a Build)> {
    let tags = Tags::new(stack);
    let scope = with_bases(stack, scope);
    let services = scope.iter().filter_map(|name| stack.services.get(name));
    let mut builds: Vec<(String, &Build)> = services
        .filter_map(|service| match &service.source {
            Source::Build(build) => Some((tags.tag(build, service), build)),
            Source::Image(_) | Source::Run(_) => None,
        })
        .collect();
    builds.sort_by(|a, b| a.0.cmp(&b.0));
    builds.dedup_by(|a, b| a.0 == b.0);
    builds
}

/// The tag of the image that a service is built as; `None` where it is not built.
pub fn image_tag(stack: &Stack, service: &str) -> Option<String> {
    let service = stack.services.get(service)?;
    match &service.source {
        Source::Build(build) => Some(Tags::new(stack).tag(build, service)),
        Source::Image(_) | Source::Run(_) => None,
    }
}

impl Desire<'_> {
    /// Those of `services`, and those that they are built from.
    pub(super) fn builds(&mut self, services: &[&Service], tags: &Tags<'_>) -> Vec<BuildSpec> {
        let stack = self.stack;
        let scope = services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        let mut users: BTreeMap<String, (&Build, Vec<&Service>)> = BTreeMap::new();
        for service in with_bases(stack, &scope) {
            if let Some(service) = stack.services.get(&service)
                && let Source::Build(build) = &service.source
            {
                users
                    .entry(tags.tag(build, service))
                    .or_insert((build, Vec::new()))
                    .1
                    .push(service);
            }
        }
        let specs = users
            .into_iter()
            .filter_map(|(tag, (build, services))| self.build(tag, build, &services));
        let mut specs: Vec<BuildSpec> = specs.collect();
        for spec in &mut specs {
            spec.bases = self.bases(spec, tags);
        }
        self.hashes(&mut specs);
        specs
    }

    /// The tags of what it is built from, which takes the place of the services' names.
    fn bases(&self, spec: &mut BuildSpec, tags: &Tags<'_>) -> Vec<String> {
        let mut bases = BTreeSet::new();
        for at in spec.options.contexts.values_mut() {
            let service = at.strip_prefix(BuildOptions::SERVICE);
            let service = service.and_then(|name| self.stack.services.get(name));
            match service.and_then(|service| tags.image(service)) {
                Some(ImageSource::Build(tag)) => {
                    *at = format!("docker-image://{tag}");
                    bases.insert(tag);
                }
                Some(ImageSource::Pull(reference)) => *at = format!("docker-image://{reference}"),
                None => {}
            }
        }
        bases.into_iter().collect()
    }

    /// What is built from another image is another one when that is. The reader of the stack file lets no circle through.
    fn hashes(&self, specs: &mut [BuildSpec]) {
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let before = known.len();
            for spec in specs.iter_mut().filter(|spec| spec.hash.is_empty()) {
                let bases = spec.bases.iter().map(|tag| known.get(tag).cloned());
                let Some(bases) = bases.collect::<Option<Vec<String>>>() else {
                    continue;
                };
                let rest = self.sources.contexts.get(&spec.tag);
                let whole = self.sources.files.get(&spec.tag);
                spec.hash = self.build_hash(spec, rest, &bases);
                spec.files = whole.map(|whole| self.build_hash(spec, Some(whole), &bases));
                let content = spec.files.as_ref().unwrap_or(&spec.hash);
                known.insert(spec.tag.clone(), content.clone());
            }
            if known.len() == before {
                break;
            }
        }
    }

    /// `None` without services, which nobody asks for.
    fn build(&mut self, tag: String, build: &Build, services: &[&Service]) -> Option<BuildSpec> {
        // In name order, so that nothing depends on what needs what.
        let first = services.iter().min_by(|a, b| a.name.cmp(&b.name))?;
        let args = build.args.iter().map(|(name, template)| {
            (
                name.clone(),
                self.value(first, || format!("build.args.{name}"), template),
            )
        });
        let args = args.collect();
        let secrets = build.secrets.iter().map(|secret| {
            let reference = Reference::Secret {
                name: secret.secret.clone(),
            };
            let template = Template {
                parts: vec![Part::Reference(reference)],
            };
            (
                secret.id.clone(),
                self.value(first, || format!("build.secrets.{}", secret.id), &template),
            )
        });
        let secrets = secrets.collect();
        Some(BuildSpec {
            tag,
            services: services
                .iter()
                .map(|service| service.name.clone())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            context: build.context.clone(),
            dockerfile: build.dockerfile.clone(),
            target: build.target.clone(),
            args,
            secrets,
            cache_from: build.cache_from.clone(),
            platforms: build.platforms.clone(),
            options: (*build.options).clone(),
            labels: vec![
                (LABEL_PROJECT.to_owned(), self.stack.name.clone()),
                (LABEL_SERVICE.to_owned(), first.name.clone()),
                (LABEL_DIR.to_owned(), self.stack.dir.to_string()),
            ],
            bases: Vec::new(),
            files: None,
            hash: String::new(),
        })
    }

    fn build_hash(&self, spec: &BuildSpec, context: Option<&String>, bases: &[String]) -> String {
        let mut digest = Digest::new("build 1", self.key);
        // Relative, so that a checkout in another place has the same hash.
        let dockerfile = spec
            .dockerfile
            .strip_prefix(&spec.context)
            .unwrap_or(&spec.dockerfile);
        let dockerfile = dockerfile
            .strip_prefix(&self.stack.dir)
            .unwrap_or(dockerfile);
        digest.text(dockerfile.as_str());
        digest.optional_text(spec.target.as_deref());
        digest.pairs(&spec.args);
        // Served as secrets, so secrets here, wherever they come from.
        digest.list(spec.secrets.iter(), |digest, (id, value)| {
            digest.text(id);
            digest.value(&Value {
                secret: true,
                ..value.clone()
            });
        });
        digest.list(spec.platforms.iter(), |digest, platform| {
            digest.text(platform)
        });
        digest.optional_text(context.map(String::as_str));
        if spec.options != BuildOptions::default() {
            digest.text(&serde_json::to_string(&spec.options).unwrap_or_default());
        }
        if !bases.is_empty() {
            digest.list(bases.iter(), |digest, base| digest.text(base));
        }
        digest.finish()
    }
}
