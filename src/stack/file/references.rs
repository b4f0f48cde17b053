//! What services say about each other: whether it exists, what follows from it, and whether it goes round in circles.

use std::collections::{BTreeMap, BTreeSet};

use super::Code;
use super::reader::{Mention, Mentioned, Reader};
use super::service::Read;
use super::sink::{Finding, nearest};
use super::tree::Span;
use crate::stack::resolve::{self, Asker, Unresolved};
use crate::stack::{Condition, Need, Part, Reference, Service, Source, Stack, Template};

/// Reports what does not exist, adds the needs that references imply to `stack`, and reports cycles.
pub(super) fn check(reader: &mut Reader<'_>, stack: &mut Stack, read: &[Read]) {
    let mentions = std::mem::take(&mut reader.mentions);
    for mention in &mentions {
        match &mention.what {
            Mentioned::Service(name) => service(reader, mention, name),
            Mentioned::Output {
                service,
                path,
                reference,
            } => {
                output(
                    reader,
                    stack,
                    mention,
                    (service.as_deref(), path, reference),
                );
            }
            Mentioned::Secret(name) => secret(reader, stack, mention, name),
            Mentioned::Network(name) => network(reader, stack, mention, name),
            // Nothing that reading could know.
            Mentioned::Outside(_) => {}
        }
    }
    reader.outside = super::outside::collect(reader, &mentions);
    let edges = needs(stack, &mentions, read);
    cycles(reader, stack, &edges);
}

fn service(reader: &mut Reader<'_>, mention: &Mention, name: &str) {
    if reader.services.contains(name) {
        return;
    }
    let finding = Finding::new(
        Code::UnknownService,
        format!("there is no service `{name}`"),
    )
    .at(mention.span, "no such service");
    let known: Vec<&str> = reader
        .services
        .iter()
        .map(String::as_str)
        .filter(|known| *known != mention.from)
        .collect();
    let help = match nearest(name, known.iter().copied()) {
        _ if reader.sink.is_full() => String::new(),
        Some(meant) => format!("did you mean `{meant}`?"),
        None => list("the stack has no other service", "the services are", &known),
    };
    reader.report(finding.help(help));
}

fn output(
    reader: &mut Reader<'_>,
    stack: &Stack,
    mention: &Mention,
    (target, path, text): (Option<&str>, &[String], &str),
) {
    if let Some(target) = target
        && !reader.services.contains(target)
    {
        return service(reader, mention, target);
    }
    // A service that could not be read has been reported; what it would have had nobody knows.
    if reader.unclear.contains(target.unwrap_or(&mention.from)) {
        return;
    }
    let (Some(asking), Some(_)) = (
        stack.services.get(&mention.from),
        stack.services.get(target.unwrap_or(&mention.from)),
    ) else {
        return;
    };
    let reference = match target {
        Some(service) => Reference::Service {
            service: service.to_owned(),
            path: path.to_vec(),
        },
        None => Reference::Own {
            path: path.to_vec(),
        },
    };
    let template = Template {
        parts: vec![Part::Reference(reference)],
    };
    let asker = match asking.source {
        Source::Run(_) => Asker::Host {
            service: Some(&mention.from),
        },
        Source::Image(_) | Source::Build(_) => Asker::Container {
            service: &mention.from,
        },
    };
    let Err(problem) = resolve::check(stack, &template, asker) else {
        return;
    };
    let target = target.unwrap_or(&mention.from);
    unresolved(reader, mention, (target, path, text), &problem);
}

fn unresolved(
    reader: &mut Reader<'_>,
    mention: &Mention,
    (target, path, text): (&str, &[String], &str),
    problem: &Unresolved,
) {
    let (code, message) = match problem {
        Unresolved::NotPublished { service, port, .. } => {
            let why = format!(
                "port `{port}` of `{service}` is not published, so nothing on the host can reach it"
            );
            (Code::Unreachable, format!("`{text}`: {why}"))
        }
        Unresolved::NoNetwork { asker, service, .. } => (
            Code::Unreachable,
            format!("`{text}`: `{asker}` and `{service}` share no network"),
        ),
        Unresolved::NoOutput { .. } => (
            Code::UnknownOutput,
            format!("service `{target}` has no output `{}`", path.join(".")),
        ),
        Unresolved::NoSecret { name, .. } => {
            (Code::UnknownSecret, format!("there is no secret `{name}`"))
        }
        _ => (
            Code::UnknownOutput,
            format!("`{text}` has no value: {problem}"),
        ),
    };
    let finding = Finding::new(code, message).at(mention.span, "in this reference");
    reader.report(match problem.help() {
        Some(help) => finding.help(help),
        None => finding,
    });
}

fn secret(reader: &mut Reader<'_>, stack: &Stack, mention: &Mention, name: &str) {
    if stack.secrets.contains_key(name) || reader.secrets.contains(name) {
        return;
    }
    let help = match nearest(name, stack.secrets.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("declare it:\n[secrets]\n{name} = {{ env = \"{name}\" }}"),
    };
    let finding = Finding::new(Code::UnknownSecret, format!("there is no secret `{name}`"));
    reader.report(finding.at(mention.span, "not in [secrets]").help(help));
}

fn network(reader: &mut Reader<'_>, stack: &Stack, mention: &Mention, name: &str) {
    if name == "default" || stack.networks.contains_key(name) {
        return;
    }
    let help = match nearest(name, stack.networks.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("declare it: [networks.{name}]"),
    };
    let finding = Finding::new(
        Code::UnknownNetwork,
        format!("there is no network `{name}`"),
    );
    reader.report(finding.at(mention.span, "not in [networks]").help(help));
}

type Edges = BTreeMap<(String, String), Span>;

/// Adds implied needs; returns where each need was written.
fn needs(stack: &mut Stack, mentions: &[Mention], read: &[Read]) -> Edges {
    let mut edges = Edges::new();
    for one in read {
        for (to, span) in &one.need_spans {
            edges.insert((one.service.name.clone(), to.clone()), *span);
        }
    }
    let mut implied = Vec::new();
    for mention in mentions.iter().filter(|mention| mention.gates) {
        let Mentioned::Output { service, path, .. } = &mention.what else {
            continue;
        };
        let mut found = BTreeSet::new();
        follow(
            stack,
            service.as_deref().unwrap_or(&mention.from),
            path,
            &mut found,
            0,
        );
        found.remove(&mention.from);
        implied.extend(
            found
                .into_iter()
                .map(|to| (mention.from.clone(), to, mention.span)),
        );
    }
    for (from, to, span) in implied {
        if let Some(service) = stack.services.get_mut(&from) {
            let need = Need {
                condition: Condition::Ready,
                restart: false,
                required: true,
            };
            service.needs.entry(to.clone()).or_insert(need);
            edges.entry((from, to)).or_insert(span);
        }
    }
    edges
}

/// The services behind a reference: the one it names, and those that the named output refers to in its turn.
fn follow(stack: &Stack, name: &str, path: &[String], found: &mut BTreeSet<String>, depth: usize) {
    let Some(service) = stack.services.get(name) else {
        return;
    };
    if path.last().is_none_or(|last| last == "public") || depth > 8 {
        return;
    }
    found.insert(name.to_owned());
    let output = path.iter().find_map(|word| service.outputs.get(word));
    for reference in output
        .map(|output| output.value.all_references())
        .unwrap_or_default()
    {
        if let Reference::Service { service, path } = reference {
            follow(stack, &service, &path, found, depth + 1);
        }
    }
}

fn cycles(reader: &mut Reader<'_>, stack: &Stack, edges: &Edges) {
    let graph: BTreeMap<&str, Vec<&str>> = stack
        .services
        .iter()
        .map(|(name, service)| (name.as_str(), needed(service)))
        .collect();
    for ring in crate::stack::graph::cycles(&graph) {
        let mut shown = ring.clone();
        shown.extend(ring.first());
        // A ring of hundreds would fill the screen.
        if shown.len() > 20 {
            shown.splice(10..shown.len() - 9, ["…"]);
        }
        let mut finding = Finding::new(
            Code::Cycle,
            format!("services wait for each other: {}", shown.join(" -> ")),
        );
        for (at, from) in ring.iter().enumerate().take(20) {
            let to = ring[(at + 1) % ring.len()];
            if let Some(span) = edges.get(&((*from).to_owned(), to.to_owned())) {
                finding = finding.at(*span, format!("`{from}` needs `{to}`"));
            }
        }
        reader.report(
            finding.help("take one of these away; a reference to a `public` address does not wait"),
        );
    }
}

fn needed(service: &Service) -> Vec<&str> {
    service.needs.keys().map(String::as_str).collect()
}

fn list(none: &str, some: &str, names: &[&str]) -> String {
    match names {
        [] => none.to_owned(),
        names => {
            let shown: Vec<String> = names
                .iter()
                .take(12)
                .map(|name| format!("`{name}`"))
                .collect();
            let more = if names.len() > 12 { ", …" } else { "" };
            format!("{some} {}{more}", shown.join(", "))
        }
    }
}
