//! `volumes` and `tmpfs` of a service, and what `secrets` and `configs` mount.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{Mount, MountOptions};

pub(super) type Options = BTreeMap<String, MountOptions>;

impl Making<'_> {
    pub(super) fn mounts(&mut self, service: &str, node: &Node) -> (Vec<Mount>, Options) {
        let mut mounts = Vec::new();
        let mut options = Options::new();
        for item in node.list("volumes") {
            let Some(mount) = self.mount(service, item) else {
                continue;
            };
            let given = mount_options(item);
            self.unlabelled(service, item, &given);
            if given != MountOptions::default() {
                options.insert(mount.target().to_owned(), given);
            }
            mounts.push(mount);
        }
        for line in node.strings("tmpfs") {
            let (target, raw) = line.split_once(':').unwrap_or((&line, ""));
            let target = target.to_owned();
            let given = MountOptions {
                raw: Some(raw.to_owned()),
                ..MountOptions::default()
            };
            options.insert(target.clone(), given);
            mounts.push(Mount::Tmpfs { target });
        }
        mounts.extend(self.mounted_files(node, &mut options));
        (mounts, options)
    }

    /// What the engine's way of mounting cannot say together.
    fn unlabelled(&mut self, service: &str, item: &Node, given: &MountOptions) {
        let is_more = given.non_recursive
            || given.writable_below
            || given.read_only_below
            || given.subpath.is_some();
        let label = item.get("bind").and_then(|bind| bind.get("selinux"));
        if let Some(label) = label.filter(|_| is_more) {
            let message = format!(
                "`selinux` of a mount of `services.{service}` has no effect: the engine takes it neither beside `recursive` nor beside `subpath`"
            );
            self.no_effect(label.span, message);
        }
    }

    fn mount(&mut self, service: &str, item: &Node) -> Option<Mount> {
        let target = item.string("target").unwrap_or_default();
        if !target.starts_with('/') {
            self.nowhere(service, item, &target);
            return None;
        }
        let read_only = item.is_set("read_only");
        match item.text_at("type").unwrap_or("volume") {
            "bind" => Some(Mount::Bind {
                source: Utf8PathBuf::from(item.string("source").unwrap_or_default()),
                target,
                read_only,
            }),
            "volume" => Some(match item.string("source") {
                Some(key) => Mount::Volume {
                    key,
                    target,
                    read_only,
                },
                None => Mount::Anonymous { target, read_only },
            }),
            "tmpfs" => Some(Mount::Tmpfs { target }),
            "image" => match item.string("source") {
                Some(reference) => Some(Mount::Image {
                    reference,
                    target,
                    read_only,
                }),
                None => {
                    let message = format!("a mount of an image of services.{service} names none");
                    self.refuse(item.span, message, "`source` is its name: `source: app:1`");
                    None
                }
            },
            other => {
                let message = format!("services.{service} has a mount of the type `{other}`");
                let help = "`dev` mounts volumes, binds, tmpfs and images";
                self.refuse(
                    item.get("type").map_or(item.span, |n| n.span),
                    message,
                    help,
                );
                None
            }
        }
    }
}

impl Making<'_> {
    /// The engine refuses it, too, and does not know the file.
    fn nowhere(&mut self, service: &str, item: &Node, target: &str) {
        let message = match target {
            "" => format!("services.{service} mounts something, and says nowhere where"),
            _ => format!(
                "services.{service} mounts something at `{target}`, which is no absolute path"
            ),
        };
        let drive = target
            .split_once(':')
            .filter(|(name, _)| name.chars().count() == 1);
        let help = match drive {
            Some((name, path)) => format!(
                "one letter and a colon are a drive of Windows; the volume `{name}` is mounted by {{ type: volume, source: {name}, target: {path} }}"
            ),
            None => "`target` begins with `/`".to_owned(),
        };
        let span = item.get("target").map_or(item.span, |node| node.span);
        self.refuse(span, message, &help);
    }
}

fn mount_options(item: &Node) -> MountOptions {
    let nothing = Node::table([], item.span);
    let part = |key: &str| item.get(key).unwrap_or(&nothing);
    let (bind, volume, tmpfs) = (part("bind"), part("volume"), part("tmpfs"));
    let within = match item.text_at("type") {
        Some("image") => part("image"),
        _ => volume,
    };
    let recursive = bind.text_at("recursive");
    MountOptions {
        propagation: bind.string("propagation"),
        non_recursive: recursive == Some("disabled"),
        writable_below: recursive == Some("writable"),
        read_only_below: recursive == Some("readonly"),
        selinux: bind.string("selinux"),
        must_exist: bind.flag("create_host_path") == Some(false),
        no_copy: volume.is_set("nocopy"),
        subpath: within.string("subpath"),
        labels: volume.pairs("labels"),
        size: tmpfs.int("size").filter(|size| *size > 0),
        mode: tmpfs.int("mode").filter(|mode| *mode > 0),
        // The other kinds say so themselves.
        read_only: item.text_at("type") == Some("tmpfs") && item.is_set("read_only"),
        raw: None,
    }
}
