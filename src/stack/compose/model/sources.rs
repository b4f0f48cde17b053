//! `secrets` and `configs`: files of the host are mounted, everything else is put into the container before it starts.

use camino::Utf8PathBuf;

use super::mounts::Options;
use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{ContainerFile, Mount, Part, Reference, SecretSource, Template};

const READABLE: u32 = 0o444;

impl Making<'_> {
    /// Those that are files of the host.
    pub(super) fn mounted_files(&mut self, node: &Node, options: &mut Options) -> Vec<Mount> {
        let mut mounts = Vec::new();
        for (section, key) in [("secrets", "secrets"), ("configs", "configs")] {
            for item in node.list(section) {
                let source = item.string("source").unwrap_or_default();
                let defined = self.project.get(key).and_then(|all| all.get(&source));
                if let Some(file) = defined.and_then(|defined| defined.string("file")) {
                    let target = target(section, item, &source);
                    // A folder in its place would be read as an empty one, long after.
                    options.entry(target.clone()).or_default().must_exist = true;
                    mounts.push(Mount::Bind {
                        source: Utf8PathBuf::from(file),
                        target,
                        read_only: true,
                    });
                }
            }
        }
        mounts
    }

    /// Those whose content comes from elsewhere.
    pub(super) fn container_files(&mut self, service: &str, node: &Node) -> Vec<ContainerFile> {
        let mut files = Vec::new();
        for section in ["secrets", "configs"] {
            for item in node.list(section) {
                let source = item.string("source").unwrap_or_default();
                let defined = self.project.get(section).and_then(|all| all.get(&source));
                let Some(defined) = defined else { continue };
                if defined.is_set("external") {
                    let message = format!(
                        "`services.{service}.{section}` names `{source}`, which is external: only Docker Swarm keeps such"
                    );
                    self.refuse(item.span, message, "say `file`, `environment` or `content`");
                    continue;
                }
                if defined.get("file").is_some() {
                    let other = ["uid", "gid", "mode"].into_iter().find_map(|k| item.get(k));
                    if let Some(at) = other {
                        let message = format!(
                            "`uid`, `gid` and `mode` of `{source}` have no effect: a file of the host is mounted as it is"
                        );
                        self.no_effect(at.span, message);
                    }
                    continue;
                }
                if let Some(content) = self.content(section, &source, defined) {
                    files.push(ContainerFile {
                        target: target(section, item, &source),
                        content,
                        mode: item
                            .int("mode")
                            .and_then(|mode| u32::try_from(mode).ok())
                            .unwrap_or(READABLE),
                        uid: number(item, "uid"),
                        gid: number(item, "gid"),
                    });
                }
            }
        }
        files
    }

    /// A variable that is not set is told when something is made with it: all else needs none.
    fn content(&mut self, section: &str, source: &str, defined: &Node) -> Option<Template> {
        let variable = defined.string("environment");
        let value = variable
            .as_ref()
            .and_then(|name| self.environment.get(name));
        let text = defined.string("content").or_else(|| value.cloned());
        let reference = match (section, text, variable) {
            ("secrets", text, variable) => {
                let from = match (text, variable) {
                    (Some(text), _) => SecretSource::Given(text.into()),
                    (None, Some(variable)) => SecretSource::Env(variable),
                    (None, None) => return None,
                };
                self.secrets.insert(source.to_owned(), from);
                Reference::Secret {
                    name: source.to_owned(),
                }
            }
            (_, Some(text), _) => return Some(Template::text(text)),
            (_, None, variable) => Reference::Env {
                name: variable?,
                default: None,
            },
        };
        Some(Template {
            parts: vec![Part::Reference(reference)],
        })
    }
}

fn target(section: &str, item: &Node, source: &str) -> String {
    let root = if section == "secrets" {
        "/run/secrets"
    } else {
        ""
    };
    match item.string("target") {
        Some(target) if target.starts_with('/') => target,
        Some(target) => format!("{root}/{target}"),
        None => format!("{root}/{source}"),
    }
}

fn number(item: &Node, key: &str) -> u64 {
    let text = item.string(key).unwrap_or_default();
    text.parse().unwrap_or(0)
}
