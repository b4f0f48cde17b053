//! What only a Compose file can say of a container, and what of that would be lost on a cluster.

use serde_json::Value;

use crate::stack::{ContainerOptions, Endpoint};

/// The engine's matter, or said by other objects there: names, the way of logs, how health is asked (it is the readiness probe).
const ENGINES: [&str; 9] = [
    "name",
    "platform",
    "logging",
    "health",
    "init",
    "tty",
    "stdin_open",
    "endpoints",
    "keeps_anonymous_volumes",
];

/// The keys that are said and would be lost.
pub fn lost(options: &ContainerOptions) -> Vec<String> {
    let said = keys(options);
    let unsaid = keys(&ContainerOptions::default());
    let is_lost =
        |key: &String| !ENGINES.contains(&key.as_str()) && said.get(key) != unsaid.get(key);
    let mut lost: Vec<String> = said.keys().filter(|key| is_lost(key)).cloned().collect();
    let plain = |endpoint: &Endpoint| {
        let priority = endpoint.priority;
        *endpoint
            == Endpoint {
                priority,
                ..Endpoint::default()
            }
    };
    if !options.endpoints.values().all(plain) {
        lost.push("aliases and addresses on networks".to_owned());
    }
    lost
}

fn keys(options: &ContainerOptions) -> serde_json::Map<String, Value> {
    match serde_json::to_value(options) {
        Ok(Value::Object(keys)) => keys,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pod_would_not_have_is_named() {
        assert_eq!(lost(&ContainerOptions::default()), Vec::<String>::new());
        let mut options = ContainerOptions {
            name: Some("own".to_owned()),
            privileged: true,
            dns: vec!["10.0.0.1".to_owned()],
            ..ContainerOptions::default()
        };
        assert_eq!(lost(&options), ["dns", "privileged"]);
        let alias = Endpoint {
            aliases: vec!["db".to_owned()],
            ..Endpoint::default()
        };
        options.endpoints.insert("default".to_owned(), alias);
        assert_eq!(lost(&options).len(), 3);
    }
}
