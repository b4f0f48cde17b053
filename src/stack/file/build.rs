//! `build = "."` or `build = { … }`.

use super::Code;
use super::formats::{IMAGE, KEY};
use super::reader::{Mentioned, Reader};
use super::shape::{ENVIRONMENT, Kind, ONE_OR_MORE, Shape, TEXT, TEXTS, key};
use super::sink::Finding;
use super::tree::{Node, Value};
use crate::stack::path::clean;
use crate::stack::{Build, BuildSecret, Reference, Template};

static CACHE: Shape = Shape {
    name: "build_cache",
    keys: &[
        key(
            "from",
            ONE_OR_MORE,
            "Where layers may come from, such as `type=registry,ref=…`.",
        ),
        key("to", ONE_OR_MORE, "Where layers go; without effect."),
    ],
};

static BUILD: Shape = Shape {
    name: "build",
    keys: &[
        key(
            "context",
            TEXT,
            "Folder that is sent to the builder, from the stack's folder; \".\" without it.",
        )
        .or(&["path"]),
        key(
            "dockerfile",
            TEXT,
            "From the context; \"Dockerfile\" without it.",
        )
        .or(&["file"]),
        key("target", TEXT, "Stage to build; without it the last one.").or(&["stage"]),
        key(
            "args",
            ENVIRONMENT,
            "Build arguments; they are visible in the image, so never secrets.",
        )
        .or(&["build_args"]),
        key(
            "secrets",
            Kind::Either(&[
                TEXTS,
                Kind::Map {
                    keys: &KEY,
                    noun: "secret",
                    value: &TEXT,
                },
            ]),
            "Names from [secrets], or id = NAME, for `RUN --mount=type=secret`.",
        ),
        key("image", Kind::Text(&IMAGE), "Tag for the image.").or(&["tag", "tags"]),
        key("platforms", TEXTS, "Such as \"linux/amd64\".").or(&["platform"]),
        key("cache", Kind::Table(&CACHE), "External caches.").or(&["cache_from", "cache_to"]),
    ],
};

pub(super) const KIND: Kind = Kind::Either(&[TEXT, Kind::Table(&BUILD)]);

pub(super) fn build(reader: &mut Reader<'_>, node: &Node) -> Build {
    let written = node
        .text()
        .map(str::to_owned)
        .or_else(|| node.text_of("context"))
        .unwrap_or_else(|| ".".to_owned());
    if written.contains("://") || written.starts_with("git@") {
        let span = node.get("context").unwrap_or(node).span;
        let finding =
            Finding::new(Code::BadValue, "a build context is a folder").at(span, "not a folder");
        reader.report(finding.help("check the repository out and name its folder"));
    }
    let context = reader.path(&written);
    let dockerfile = node
        .text_of("dockerfile")
        .unwrap_or_else(|| "Dockerfile".to_owned());
    let cache = |key: &str| {
        node.get("cache")
            .map(|cache| cache.texts_of(key))
            .unwrap_or_default()
    };
    caches(reader, node);
    secret_arguments(reader, node);
    Build {
        dockerfile: clean(&context.join(dockerfile)),
        context,
        target: node.text_of("target"),
        args: reader.map(node.get("args")),
        secrets: node
            .get("secrets")
            .map(|secrets| build_secrets(reader, secrets))
            .unwrap_or_default(),
        image: node.text_of("image"),
        platforms: node.texts_of("platforms"),
        cache_from: cache("from"),
        cache_to: cache("to"),
        options: Box::default(),
    }
}

/// The engine's own builder takes layers of images in registries, and passes over all else without a word.
fn caches(reader: &mut Reader<'_>, node: &Node) {
    let of = |key| node.get("cache").and_then(|cache| cache.get(key));
    for source in of("from").map(Node::items).unwrap_or_default() {
        let pairs = source.text().unwrap_or_default().split(',');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        let kind = pairs.find(|(key, _)| key.trim() == "type");
        let Some(kind) = kind.map(|(_, kind)| kind.trim()) else {
            continue;
        };
        if kind != "registry" {
            let message = format!("a cache of `type={kind}` is not read");
            let finding = Finding::new(Code::NoEffect, message)
                .at(source.span, "no effect")
                .warning();
            reader.report(finding.help("name an image: `type=registry,ref=…`"));
        }
    }
    if let Some(to) = of("to") {
        let finding = Finding::new(Code::NoEffect, "layers go to no cache")
            .at(to.span, "no effect")
            .warning();
        reader.report(finding.help(
            "leave it out; args = { BUILDKIT_INLINE_CACHE = \"1\" } makes the image one that `from` takes",
        ));
    }
}

/// Arguments stay in the image's history. What is a secret by way of another service's output is known at the build alone.
fn secret_arguments(reader: &mut Reader<'_>, node: &Node) {
    let arguments = node.get("args").map(Node::entries).unwrap_or_default();
    for argument in arguments {
        let text = argument.node.text().unwrap_or_default();
        let references = Template::parse(text).map(|template| template.all_references());
        let is_secret = |reference: &Reference| matches!(reference, Reference::Secret { .. });
        if references.unwrap_or_default().iter().any(is_secret) {
            let name = &argument.key;
            let message = format!(
                "the build argument `{name}` holds a secret, and would stay readable in the image"
            );
            let finding = Finding::new(Code::BadValue, message).at(argument.node.span, "a secret");
            reader.report(finding.help(format!(
                "give it under `secrets` of the build, and read it with `RUN --mount=type=secret,id={name}`"
            )));
        }
    }
}

fn build_secrets(reader: &mut Reader<'_>, node: &Node) -> Vec<BuildSecret> {
    let mut found = Vec::new();
    let mut add = |id: &str, name: &Node| {
        if let Some(secret) = name.text() {
            reader.mention(name.span, Mentioned::Secret(secret.to_owned()));
            found.push(BuildSecret {
                id: id.to_owned(),
                secret: secret.to_owned(),
            });
        }
    };
    match &node.value {
        Value::Table(table) => table
            .entries
            .iter()
            .for_each(|entry| add(&entry.key, &entry.node)),
        _ => node
            .items()
            .iter()
            .for_each(|item| add(item.text().unwrap_or_default(), item)),
    }
    found
}
