//! The stack as it goes to a cluster: `promote` tables laid over it, what stays at home taken out.

use std::collections::BTreeSet;

use super::credentials::generate;
use crate::stack::{Promote, Service, Source, Stack};

/// What goes, and what does not.
#[derive(Debug, Clone)]
pub struct Going {
    /// Only the services that go, as they are there.
    pub stack: Stack,
    /// Services that stay.
    pub home: BTreeSet<String>,
    /// Services whose file says in `promote` what is otherwise there: their bind mounts are for development.
    pub otherwise: BTreeSet<String>,
}

/// Takes `wanted` and what they need, without what stays at home; without names all that is up by default.
pub fn going(stack: &Stack, wanted: &BTreeSet<String>) -> Going {
    let by_default = || {
        let services = stack.services.values();
        let services = services.filter(|service| service.profiles.is_empty());
        services.map(|service| service.name.clone()).collect()
    };
    let wanted: BTreeSet<String> = if wanted.is_empty() {
        by_default()
    } else {
        wanted.clone()
    };
    let goes = |name: &str| {
        let service = stack.services.get(name);
        service.is_some_and(|service| service.promote != Promote::No)
    };
    let home: BTreeSet<String> = stack
        .services
        .keys()
        .filter(|name| !goes(name))
        .cloned()
        .collect();
    let mut going = Going {
        stack: stack.clone(),
        home,
        otherwise: BTreeSet::new(),
    };
    let Going {
        stack,
        home,
        otherwise,
    } = &mut going;
    let mut secrets = Vec::new();
    stack.services.retain(|name, _| !home.contains(name));
    let scope = stack.closure(wanted.iter().map(String::as_str));
    stack.services.retain(|name, _| scope.contains(name));
    for (name, service) in &mut stack.services {
        secrets.extend(generate(service));
        service.env.append(&mut service.kubernetes.env.clone());
        if apply(service) {
            otherwise.insert(name.clone());
        }
        // Nothing waits for what is not there.
        service.needs.retain(|need, _| !home.contains(need));
    }
    stack.secrets.extend(secrets);
    name_images(stack);
    going
}

/// Lays the `promote` table over a service; false where it has none.
fn apply(service: &mut Service) -> bool {
    let Promote::With {
        target,
        args,
        command,
        env,
    } = std::mem::take(&mut service.promote)
    else {
        return false;
    };
    if let Source::Build(build) = &mut service.source {
        build.target = target.or(build.target.take());
        build.args.extend(args);
    }
    service.command = command.or(service.command.take());
    service.env.extend(env);
    true
}

/// Names what is built after a build of its own, so that no image of development changes: `gold-api.promoted`.
fn name_images(stack: &mut Stack) {
    let mut first: Vec<(crate::stack::Build, String)> = Vec::new();
    for (name, service) in &mut stack.services {
        let Source::Build(build) = &mut service.source else {
            continue;
        };
        let known = first.iter().find(|(other, _)| other == build);
        let image = match known {
            Some((_, image)) => image.clone(),
            None => {
                let own = || format!("{}-{name}", stack.name).to_lowercase();
                let image = format!("{}.promoted", build.image.clone().unwrap_or_else(own));
                first.push((build.clone(), image.clone()));
                image
            }
        };
        build.image = Some(image);
    }
}
