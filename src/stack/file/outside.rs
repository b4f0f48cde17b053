//! References to what is not in the file: it is there, or not, when the file is used.

use std::collections::BTreeSet;

use super::Code;
use super::diagnostic::{Diagnostic, LoadError};
use super::reader::{Mention, Mentioned, Reader};
use super::sink::Finding;
use crate::stack::resolve::{Asker, Facts, Unresolved, resolve};
use crate::stack::{Part, Reference, SecretSource, Stack, Template};

/// A reference to the environment, to git or to a secret that a service cannot start without, and where it is written.
#[derive(Debug, Clone)]
pub struct Outside {
    service: String,
    template: Template,
    place: Diagnostic,
}

/// Those among everything that services mentioned.
pub(super) fn collect(reader: &Reader<'_>, mentions: &[Mention]) -> Vec<Outside> {
    let outside = mentions.iter().filter(|mention| mention.gates);
    let outside = outside.filter_map(|mention| {
        let (reference, label) = match &mention.what {
            Mentioned::Outside(reference) => (reference.clone(), "in this reference"),
            Mentioned::Secret(name) => (Reference::Secret { name: name.clone() }, "needed here"),
            _ => return None,
        };
        let finding = Finding::new(Code::NotSet, "").at(mention.span, label);
        Some(Outside {
            service: mention.from.clone(),
            template: Template {
                parts: vec![Part::Reference(reference)],
            },
            place: reader.sink.diagnostic(&finding),
        })
    });
    outside.collect()
}

/// Whether a reference has something of the environment or of git in it.
pub(super) fn is_outside(reference: &Reference) -> bool {
    matches!(reference, Reference::Env { .. } | Reference::Git { .. })
}

/// The variables of the environment that services and secrets refer to.
pub fn variables_of(outside: &[Outside], stack: &Stack) -> BTreeSet<String> {
    let parts = outside.iter().flat_map(|one| &one.template.parts);
    let referred = parts.filter_map(|part| match part {
        Part::Reference(Reference::Env { name, .. }) => Some(name.clone()),
        _ => None,
    });
    let secrets = stack.secrets.values().filter_map(|source| match source {
        SecretSource::Env(name) => Some(name.clone()),
        _ => None,
    });
    referred.chain(secrets).collect()
}

/// # Errors
/// Everything outside that services of `scope` refer to and that is not there, where it is written.
pub fn check_outside(
    outside: &[Outside],
    stack: &Stack,
    scope: &BTreeSet<String>,
    facts: &Facts,
) -> Result<(), LoadError> {
    let wanted = outside.iter().filter(|one| scope.contains(&one.service));
    // A secret is told once, whoever needs it.
    let mut told = BTreeSet::new();
    let missing = wanted.filter_map(|one| {
        let asker = Asker::Host {
            service: Some(&one.service),
        };
        let error = resolve(stack, &one.template, asker, facts).err()?;
        // Ports and the like are chosen later.
        let is_outside = match &error {
            Unresolved::NoEnv { .. } | Unresolved::NoGit { .. } => true,
            Unresolved::AbsentSecret { why, .. } => told.insert(why.clone()),
            _ => false,
        };
        is_outside.then(|| Diagnostic {
            message: error.to_string(),
            help: error.help(),
            ..one.place.clone()
        })
    });
    let diagnostics: Vec<Diagnostic> = missing.collect();
    if diagnostics.is_empty() {
        return Ok(());
    }
    Err(LoadError {
        diagnostics,
        hidden: 0,
    })
}
