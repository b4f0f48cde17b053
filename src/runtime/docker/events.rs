//! What changes on the engine, as it happens.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Method;
use serde::Deserialize;

use super::Docker;
use super::call::{QUICK, encode, lines};
use super::classify::failure;
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::plan::desired::{LABEL_NUMBER, LABEL_PROJECT, LABEL_SERVICE};
use crate::runtime::RuntimeError;

/// Something changed: look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Nanoseconds since 1970, by the engine's clock.
    pub at: i64,
    pub kind: ChangeKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// Of the project.
    Container {
        id: String,
        service: String,
        action: ContainerAction,
    },
    /// Of any project: engines do not say of which.
    Network { name: String },
    /// Of any project.
    Volume { name: String },
    /// Of any project; an id or a reference.
    Image { name: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerAction {
    Create,
    Start,
    Die {
        code: i64,
    },
    /// Killed for memory; `Die` follows.
    Oom,
    Kill {
        signal: String,
    },
    /// Somebody asked the engine to stop it, and it has ended. `Die`, which comes of any end, is told a moment before or after
    /// it. `index`: which replica.
    Stop {
        index: u32,
    },
    Pause,
    Unpause,
    Rename,
    Update,
    Destroy,
}

/// What the engine is asked to send. Execs are not in it: a probe by exec sends three events each time, and an engine
/// that looked again on each would spin on its own probes.
const WANTED: &str = r#"{"type":["container","network","volume","image"],"event":["create","start","die","oom","kill","stop","pause","unpause","rename","update","destroy","remove","delete","tag","untag","pull","load","import"]}"#;

/// Source: Docker Engine API, "Monitor events".
#[derive(Deserialize)]
struct Message {
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default, rename = "Action")]
    action: String,
    #[serde(default, rename = "Actor")]
    actor: Actor,
    #[serde(default, rename = "timeNano")]
    at: i64,
}

#[derive(Default, Deserialize)]
struct Actor {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default, rename = "Attributes")]
    attributes: std::collections::HashMap<String, String>,
}

impl Docker {
    /// Follows the changes to the project's containers and to all networks, volumes and images. Subscribe first,
    /// then look: what happens from `since` on (nanoseconds since 1970) is reported, so that nothing falls between.
    ///
    /// The stream has no end of its own: when the engine ends it or goes away, that is its last item, an error.
    ///
    /// # Errors
    /// `Engine` when it does not answer.
    pub async fn events(
        &self,
        project: &str,
        since: i64,
    ) -> Result<impl Stream<Item = Result<Change, RuntimeError>> + Send + use<>, RuntimeError> {
        const WHAT: &str = "follow the engine's events";
        let path = format!(
            "/events?filters={}&since={}.{:09}",
            encode(WANTED),
            since.div_euclid(1_000_000_000),
            since.rem_euclid(1_000_000_000)
        );
        let response = self
            .raw(Method::GET, &path, &[], Bytes::new(), QUICK)
            .await
            .map_err(|fault| failure(WHAT, &fault))?;
        let project = project.to_owned();
        let ended = Err(Fault::Connection("the engine ended the stream".to_owned()));
        let lines = lines(response).chain(stream::iter([ended]));
        Ok(lines
            .filter_map(move |line| {
                let item = match line {
                    Ok(line) => read(&line, &project).map(Ok),
                    Err(fault) => {
                        let mut error = failure(WHAT, &fault);
                        error.0.class = FailureClass::Engine;
                        Some(Err(error))
                    }
                };
                std::future::ready(item)
            })
            // The first error is the last item.
            .scan(false, |failed, item| {
                let before = std::mem::replace(failed, item.is_err());
                std::future::ready((!before).then_some(item))
            })
            .fuse())
    }
}

fn read(line: &str, project: &str) -> Option<Change> {
    let message: Message = serde_json::from_str(line).ok()?;
    let attributes = &message.actor.attributes;
    let name = || {
        let name = attributes.get("name").unwrap_or(&message.actor.id);
        name.clone()
    };
    let kind = match message.kind.as_str() {
        "container" if attributes.get(LABEL_PROJECT).is_some_and(|p| p == project) => {
            ChangeKind::Container {
                id: message.actor.id.clone(),
                service: attributes.get(LABEL_SERVICE).cloned().unwrap_or_default(),
                action: action(&message)?,
            }
        }
        "network" => ChangeKind::Network { name: name() },
        "volume" => ChangeKind::Volume { name: name() },
        "image" => ChangeKind::Image { name: name() },
        _ => return None,
    };
    Some(Change {
        at: message.at,
        kind,
    })
}

fn action(message: &Message) -> Option<ContainerAction> {
    let attribute = |name: &str| message.actor.attributes.get(name);
    Some(match message.action.as_str() {
        "create" => ContainerAction::Create,
        "start" => ContainerAction::Start,
        // Podman's names of the attribute and of the event differ.
        "die" | "died" => ContainerAction::Die {
            code: attribute("exitCode")
                .or_else(|| attribute("containerExitCode"))
                .and_then(|code| code.parse().ok())
                .unwrap_or(-1),
        },
        "oom" => ContainerAction::Oom,
        "kill" => ContainerAction::Kill {
            signal: attribute("signal").cloned().unwrap_or_default(),
        },
        "stop" => ContainerAction::Stop {
            index: attribute(LABEL_NUMBER)
                .and_then(|number| number.parse().ok())
                .unwrap_or(1),
        },
        "pause" => ContainerAction::Pause,
        "unpause" => ContainerAction::Unpause,
        "rename" => ContainerAction::Rename,
        "update" => ContainerAction::Update,
        "destroy" | "remove" => ContainerAction::Destroy,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_containers_of_the_project_count() {
        let line = |project: &str, action: &str| {
            format!(
                r#"{{"status":"{action}","id":"ab","from":"x","Type":"container","Action":"{action}","Actor":{{"ID":"ab","Attributes":{{"com.docker.compose.project":"{project}","com.docker.compose.service":"api","exitCode":"137","name":"gold-api-1"}}}},"scope":"local","time":1,"timeNano":1000000007}}"#
            )
        };
        assert_eq!(
            read(&line("gold", "die"), "gold"),
            Some(Change {
                at: 1_000_000_007,
                kind: ChangeKind::Container {
                    id: "ab".into(),
                    service: "api".into(),
                    action: ContainerAction::Die { code: 137 },
                }
            })
        );
        assert_eq!(read(&line("silver", "die"), "gold"), None);
        assert_eq!(read(&line("gold", "exec_start: sh -c true"), "gold"), None);
        assert_eq!(read("nonsense", "gold"), None);
    }
}
