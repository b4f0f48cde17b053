//! `volumes = ["data:/var/lib/x", "./conf:/etc/conf:ro"]` of a service, `[volumes]` and `[networks]` of the stack.

use super::Code;
use super::formats::{ABSOLUTE, Format, KEY};
use super::reader::Reader;
use super::shape::{Kind, Shape, TEXT, key};
use super::sink::Finding;
use super::tree::{Node, Value};
use crate::stack::{Mount, Network, Volume};

static VOLUME: Shape = Shape {
    name: "volume",
    keys: &[key(
        "external",
        TEXT,
        "Name of a volume made elsewhere; never created, never removed.",
    )],
};

static NETWORK: Shape = Shape {
    name: "network",
    keys: &[
        key(
            "external",
            TEXT,
            "Name of a network made elsewhere; never created, never removed.",
        ),
        key(
            "internal",
            Kind::Boolean,
            "true: no way out to the internet.",
        ),
    ],
};

pub(super) const VOLUMES: Kind = Kind::Map {
    keys: &KEY,
    noun: "volume",
    value: &Kind::Table(&VOLUME),
};
pub(super) const NETWORKS: Kind = Kind::Map {
    keys: &KEY,
    noun: "network",
    value: &Kind::Table(&NETWORK),
};

static MOUNT: Shape = Shape {
    name: "mount",
    keys: &[
        key("volume", Kind::Text(&KEY), "A named volume.").or(&["name"]),
        key(
            "bind",
            TEXT,
            "A folder or file of the host, from the stack's folder.",
        )
        .or(&["source", "src", "path"]),
        key("tmpfs", Kind::True, "Memory, gone with the container."),
        key(
            "target",
            Kind::Text(&ABSOLUTE),
            "Where it appears in the container.",
        )
        .or(&["dst", "destination"])
        .required(),
        key(
            "read_only",
            Kind::Boolean,
            "The container cannot write to it.",
        )
        .or(&["readonly", "ro"]),
    ],
};

static SHORT: Format = Format {
    expected: "a mount such as \"data:/var/lib/data\"",
    code: Code::BadValue,
    pattern: "^[^:]+:/[^:]*(:(ro|rw))?$",
    check: |text| short(text).map(|_| ()),
};

pub(super) const KIND: Kind = Kind::List(&Kind::Either(&[Kind::Text(&SHORT), Kind::Table(&MOUNT)]));

pub(super) fn volume(node: &Node) -> Volume {
    Volume {
        external: node.text_of("external"),
        name: None,
        options: crate::stack::VolumeOptions::default(),
    }
}

pub(super) fn network(node: &Node) -> Network {
    Network {
        external: node.text_of("external"),
        internal: node
            .get("internal")
            .and_then(Node::boolean)
            .unwrap_or(false),
        name: None,
        options: crate::stack::NetworkOptions::default(),
    }
}

/// Mounts of the file laid over those of a preset: one target has one mount.
pub(super) fn mounts(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    below: Vec<Mount>,
) -> Vec<Mount> {
    let mut found = below;
    let Some(Value::Array(items)) = node.map(|node| &node.value) else {
        return found;
    };
    for (index, item) in items.iter().enumerate() {
        let Some(mount) = mount(reader, item) else {
            continue;
        };
        let target = mount.target().to_owned();
        let before = items[..index]
            .iter()
            .any(|other| target_of(other).as_deref() == Some(&target));
        if before {
            let message = format!("`{target}` is mounted twice");
            reader.report(
                Finding::new(Code::Conflict, message)
                    .at(item.span, "second")
                    .help("keep one of the two"),
            );
        }
        found.retain(|other| other.target() != target);
        found.push(mount);
    }
    found
}

fn target_of(node: &Node) -> Option<String> {
    match node.text() {
        Some(text) => short(text).ok().map(|(_, target, _)| target.to_owned()),
        None => node.text_of("target"),
    }
}

fn mount(reader: &mut Reader<'_>, node: &Node) -> Option<Mount> {
    if let Some(text) = node.text() {
        let (source, target, read_only) = short(text).ok()?;
        let target = target.to_owned();
        return Some(match is_path(source) {
            true => Mount::Bind {
                source: reader.path(source),
                target,
                read_only,
            },
            false => Mount::Volume {
                key: source.to_owned(),
                target,
                read_only,
            },
        });
    }
    let target = node.text_of("target")?;
    let read_only = node
        .get("read_only")
        .and_then(Node::boolean)
        .unwrap_or(false);
    let given = ["volume", "bind", "tmpfs"]
        .into_iter()
        .filter(|key| node.get(key).is_some())
        .count();
    if given != 1 {
        let message = format!("the mount at `{target}` is one of `volume`, `bind` and `tmpfs`");
        let code = if given == 0 {
            Code::MissingKey
        } else {
            Code::Conflict
        };
        let help =
            "write { volume = \"NAME\", … }, { bind = \"./PATH\", … } or { tmpfs = true, … }";
        reader.report(
            Finding::new(code, message)
                .at(node.span, "one is needed")
                .help(help),
        );
        return None;
    }
    if let Some(key) = node.text_of("volume") {
        return Some(Mount::Volume {
            key,
            target,
            read_only,
        });
    }
    match node.text_of("bind") {
        Some(source) => Some(Mount::Bind {
            source: reader.path(&source),
            target,
            read_only,
        }),
        None => Some(Mount::Tmpfs { target }),
    }
}

fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/'])
}

/// Source, target, read-only.
fn short(text: &str) -> Result<(&str, &str, bool), String> {
    let (paths, read_only) = match text.rsplit_once(':') {
        Some((paths, "ro")) => (paths, true),
        Some((paths, "rw")) => (paths, false),
        _ => (text, false),
    };
    let (source, target) = paths
        .split_once(':')
        .ok_or_else(|| "write SOURCE:TARGET, such as \"data:/var/lib/data\"".to_owned())?;
    if !target.starts_with('/') || target.contains(':') {
        return Err("the target is a path inside the container that begins with `/`".to_owned());
    }
    match is_path(source) {
        true => Ok((source, target, read_only)),
        false if source.starts_with('~') => {
            Err("write the path out, or one that begins with `./`".to_owned())
        }
        false => match (KEY.check)(source) {
            Ok(()) => Ok((source, target, read_only)),
            Err(_) => Err(format!(
                "a folder begins with `./` or `/`, as in \"./{source}:{target}\""
            )),
        },
    }
}
