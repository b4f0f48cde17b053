//! Credentials of presets: plain in development, where they are on loopback, and generated on a cluster.

use std::collections::BTreeSet;

use crate::stack::{Part, Reference, SecretSource, Service, Template};

const LENGTH: usize = 32;

/// Puts a generated secret where a preset has a password, and says which it made.
pub fn generate(service: &mut Service) -> Vec<(String, SecretSource)> {
    if service.preset.is_none() {
        return Vec::new();
    }
    let variables = variables(service);
    let mut made = Vec::new();
    for variable in variables {
        let Some(value) = service.env.get_mut(&variable) else {
            continue;
        };
        if value.references().next().is_some() {
            continue;
        }
        let name = format!("{}-{variable}", service.name);
        let reference = Reference::Secret { name: name.clone() };
        *value = Template {
            parts: vec![Part::Reference(reference)],
        };
        made.push((name, SecretSource::Generate(LENGTH)));
    }
    made
}

/// Variables of a service that its secret outputs are: whatever their values come from, they are secrets.
pub fn variables(service: &Service) -> BTreeSet<String> {
    let secret = service.outputs.values().filter(|output| output.secret);
    secret
        .filter_map(|output| variable(&output.value))
        .collect()
}

/// `X`, where the whole template is `${self.env.X}`.
fn variable(template: &Template) -> Option<String> {
    match template.parts.as_slice() {
        [Part::Reference(Reference::Own { path })] => match path.as_slice() {
            [env, name] if env == "env" => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}
