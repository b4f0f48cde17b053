//! `build`.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{Build, BuildOptions, BuildSecret, SecretSource, Template};

impl Making<'_> {
    pub(super) fn build(&mut self, service: &str, node: &Node, build: &Node) -> Build {
        let given = build.string("context").unwrap_or_else(|| ".".to_owned());
        let remote = is_remote(&given).then(|| given.clone());
        let context = match remote {
            Some(_) => Utf8PathBuf::from(Build::NO_FILE),
            None => self.dir.join(given),
        };
        let options = BuildOptions {
            remote,
            ..options(build)
        };
        let dockerfile = match &options.dockerfile {
            Some(_) => Build::NO_FILE.to_owned(),
            None => build
                .string("dockerfile")
                .unwrap_or_else(|| "Dockerfile".to_owned()),
        };
        // What it runs on is one of those that it could be built for.
        let platforms = match node.string("platform") {
            Some(own) => vec![own],
            None => build.strings("platforms"),
        };
        self.caches(service, build);
        Build {
            dockerfile: context.join(dockerfile),
            target: build.string("target"),
            args: build
                .pairs("args")
                .into_iter()
                .map(|(name, value)| (name, Template::text(value)))
                .collect(),
            secrets: self.build_secrets(service, build),
            image: Some(self.image(service, node)),
            platforms,
            cache_from: build.strings("cache_from"),
            cache_to: build.strings("cache_to"),
            options: Box::new(options),
            context,
        }
    }

    /// The engine's own builder reads the caches of images, and leaves out others without a word.
    fn caches(&mut self, service: &str, build: &Node) {
        for source in build.list("cache_from") {
            let pairs = source.as_text().unwrap_or_default().split(',');
            let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
            let kind = pairs.find(|(key, _)| key.trim() == "type");
            if let Some((_, kind)) = kind.filter(|(_, kind)| kind.trim() != "registry") {
                let message = format!(
                    "`services.{service}.build.cache_from` has no effect with `type={kind}`: the engine's own builder reads caches from registries only"
                );
                self.no_effect(source.span, message);
            }
        }
    }

    /// The image's name: what the file says, else `PROJECT-SERVICE`.
    fn image(&self, service: &str, node: &Node) -> String {
        node.string("image")
            .unwrap_or_else(|| format!("{}-{service}", self.name).to_lowercase())
    }

    fn build_secrets(&mut self, service: &str, build: &Node) -> Vec<BuildSecret> {
        let mut secrets = Vec::new();
        for item in build.list("secrets") {
            let source = item.string("source").unwrap_or_default();
            let defined = self.project.get("secrets").and_then(|all| all.get(&source));
            let Some(defined) = defined else { continue };
            let found = match (defined.string("file"), defined.string("environment")) {
                (Some(file), _) => Some(SecretSource::File(Utf8PathBuf::from(file))),
                (None, Some(variable)) => Some(match self.environment.get(&variable) {
                    Some(value) => SecretSource::Given(value.clone().into()),
                    // Told when the image is made.
                    None => SecretSource::Env(variable),
                }),
                (None, None) => None,
            };
            let Some(found) = found else {
                let message =
                    format!("`services.{service}.build.secrets`: `{source}` has no value");
                self.refuse(item.span, message, "say `file` or `environment`");
                continue;
            };
            self.secrets.insert(source.clone(), found);
            secrets.push(BuildSecret {
                id: item.string("target").unwrap_or_else(|| source.clone()),
                secret: source,
            });
        }
        secrets
    }
}

fn options(build: &Node) -> BuildOptions {
    let hosts = build.strings("extra_hosts").into_iter();
    BuildOptions {
        dockerfile: build.string("dockerfile_inline"),
        labels: build.pairs("labels"),
        network: build.string("network"),
        extra_hosts: hosts.map(|line| line.replacen('=', ":", 1)).collect(),
        contexts: build.pairs("additional_contexts"),
        no_cache: build.is_set("no_cache"),
        pull: build.is_set("pull"),
        tags: build.strings("tags"),
        ssh: build
            .section("ssh")
            .map(|(id, path)| {
                let path = path.as_text().filter(|path| !path.is_empty());
                (id.to_owned(), path.map(Utf8PathBuf::from))
            })
            .collect(),
        remote: None,
        no_cache_filter: build.strings("no_cache_filter"),
        ulimits: super::limits::ulimits(build),
        shm_size: build.int("shm_size").filter(|size| *size > 0),
        entitlements: entitlements(build),
    }
}

/// `privileged` is the one of them that lets `RUN --security=insecure` have all rights.
fn entitlements(build: &Node) -> Vec<String> {
    let mut all: BTreeSet<String> = build.strings("entitlements").into_iter().collect();
    if build.is_set("privileged") {
        all.insert("security.insecure".to_owned());
    }
    all.into_iter().collect()
}

pub(super) fn is_remote(context: &str) -> bool {
    context.contains("://") || context.starts_with("git@") || context.starts_with("github.com/")
}
