//! `extends`: a service laid over another one, of this file or of another.

use camino::{Utf8Path, Utf8PathBuf};

use super::attributes::SERVICE;
use super::canonical::canonical;
use super::form::Form;
use super::load::{Loader, Scope};
use super::merge::{merge, unify, without_resets};
use super::node::{Map, Node};
use super::paths::Base;
use crate::stack::file::{Code, Finding, Span, nearest};

pub(super) static A_SERVICE: Form = Form::Table(&SERVICE);

/// Services that extend each other in a row; people have three.
const MAX_CHAIN: usize = 50;

/// Services on the way to the one that is being extended, with their files.
type Trail = Vec<(Utf8PathBuf, String)>;

/// The services of one file, as far as they are known.
pub(super) struct Extender<'a> {
    pub scope: &'a Scope,
    pub file: Utf8PathBuf,
    /// Services in their canonical form.
    pub services: Map,
}

impl Loader<'_> {
    /// Every service of a file, with what it extends.
    ///
    /// # Errors
    /// A circle, or what is not there.
    pub(super) fn extended(
        &mut self,
        services: Map,
        file: &Utf8Path,
        scope: &Scope,
    ) -> Result<Map, Finding> {
        let extender = Extender {
            scope,
            file: file.to_owned(),
            services,
        };
        let names: Vec<String> = extender.services.keys().cloned().collect();
        let mut done = extender.services.clone();
        for name in names {
            let node = self.extend(&extender, &name, &mut Vec::new())?;
            if let Some(entry) = done.get_mut(&name) {
                entry.node = node;
            }
        }
        Ok(done)
    }

    /// One service with all that it extends.
    fn extend(
        &mut self,
        extender: &Extender<'_>,
        name: &str,
        trail: &mut Trail,
    ) -> Result<Node, Finding> {
        let Some(entry) = extender.services.get(name) else {
            return Ok(Node::new(super::node::Value::Null, NOWHERE));
        };
        let mut service = entry.node.clone();
        let Some(extends) = service.remove("extends") else {
            return Ok(service);
        };
        let here = (extender.file.clone(), name.to_owned());
        if trail.contains(&here) {
            trail.push(here);
            let names: Vec<&str> = trail.iter().map(|(_, name)| name.as_str()).collect();
            let message = format!("services extend each other: {}", names.join(" → "));
            return Err(
                Finding::new(Code::Cycle, message).at(extends.span, "this closes the circle")
            );
        }
        if trail.len() >= MAX_CHAIN {
            let message =
                format!("these are more than {MAX_CHAIN} services that extend each other");
            return Err(
                Finding::new(Code::TooLarge, message).at(extends.span, "this one is too many")
            );
        }
        trail.push(here);
        let Some(target) = extends.text_at("service") else {
            let finding = Finding::new(Code::MissingKey, "`extends` needs `service`");
            return Err(finding.at(extends.span, "here"));
        };
        let mut base = match extends.text_at("file") {
            Some(path) => self.extend_other(extender, path, target, &extends, trail)?,
            None => {
                known(&extender.services, target, &extends)?;
                self.extend(extender, target, trail)?
            }
        };
        trail.pop();
        self.size.copy(&base, extends.span)?;
        without_resets(&mut base);
        if base.is_null() {
            return Ok(service);
        }
        merge(&mut base, service, &A_SERVICE);
        Ok(base)
    }

    /// A service of another file. Its paths start at that file.
    fn extend_other(
        &mut self,
        extender: &Extender<'_>,
        path: &str,
        target: &str,
        extends: &Node,
        trail: &mut Trail,
    ) -> Result<Node, Finding> {
        let scope = extender.scope;
        let base = self.base(&scope.dir);
        let path = Utf8PathBuf::from(base.absolute(path));
        let span = extends.get("file").map_or(extends.span, |node| node.span);
        let documents = self.documents(&path, Some(span), scope)?;
        let mut services = Map::new();
        for document in &documents {
            let section = document.get("services").and_then(Node::as_map);
            services.extend(
                section
                    .into_iter()
                    .flatten()
                    .map(|(k, v)| (k.clone(), v.clone())),
            );
        }
        known(&services, target, extends)?;
        for (name, entry) in &mut services {
            let place = format!("services.{name}");
            // What nobody extends is nobody's business here.
            let is_needed = name == target || documents_extend(&documents, name);
            if is_needed {
                canonical(&mut entry.node, &A_SERVICE, &place, &mut self.sink);
                unify(&mut entry.node, &A_SERVICE);
            }
        }
        let dir = path.parent().unwrap_or(Utf8Path::new("/")).to_owned();
        let other = Extender {
            scope: &Scope {
                dir: dir.clone(),
                ..scope.clone()
            },
            file: path,
            services,
        };
        let mut service = self.extend(&other, target, trail)?;
        Base {
            dir: &dir,
            home: self.home.as_deref(),
        }
        .service(&mut service);
        Ok(service)
    }
}

const NOWHERE: Span = Span {
    layer: 0,
    start: 0,
    end: 0,
};

/// Whether a service of these documents extends `name` of its own file.
fn documents_extend(documents: &[Node], name: &str) -> bool {
    documents
        .iter()
        .flat_map(|document| document.section("services"))
        .any(|(_, service)| {
            service.get("extends").is_some_and(|extends| {
                extends.as_text() == Some(name)
                    || extends.get("file").is_none() && extends.text_at("service") == Some(name)
            })
        })
}

fn known(services: &Map, target: &str, extends: &Node) -> Result<(), Finding> {
    if services.contains_key(target) {
        return Ok(());
    }
    let span = extends
        .get("service")
        .map_or(extends.span, |node| node.span);
    let finding = Finding::new(
        Code::UnknownService,
        format!("there is no service `{target}` to extend"),
    )
    .at(span, "this service");
    Err(match nearest(target, services.keys().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding,
    })
}
