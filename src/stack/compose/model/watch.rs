//! `develop.watch`.

use camino::Utf8Path;

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{AfterSync, WatchAction, WatchRule};

impl Making<'_> {
    pub(super) fn watch(&mut self, service: &str, node: &Node) -> Vec<WatchRule> {
        let Some(develop) = node.get("develop") else {
            return Vec::new();
        };
        let rules = develop.list("watch").iter();
        rules.filter_map(|rule| self.rule(service, rule)).collect()
    }

    fn rule(&mut self, service: &str, rule: &Node) -> Option<WatchRule> {
        let path = rule.string("path")?;
        let target = rule.string("target");
        let sync = |then: AfterSync| {
            target
                .clone()
                .map(|target| WatchAction::Sync { target, then })
        };
        let action = match rule.text_at("action")? {
            "rebuild" => Some(WatchAction::Rebuild),
            "restart" => Some(WatchAction::Restart),
            "sync" => sync(AfterSync::Nothing),
            "sync+restart" => sync(AfterSync::Restart),
            _ => {
                let exec = rule.get("exec")?;
                let others = ["user", "working_dir", "environment", "privileged"];
                for key in others {
                    if let Some(node) = exec.get(key).filter(|node| !is_nothing(node)) {
                        let message = format!(
                            "`exec.{key}` in `services.{service}.develop.watch` cannot be honoured: `dev` runs the command as the container's own"
                        );
                        self.refuse(node.span, message, "leave it out");
                    }
                }
                sync(AfterSync::Exec(exec.strings("command")))
            }
        };
        let Some(action) = action else {
            let message = format!("a rule of `services.{service}.develop.watch` syncs to nowhere");
            self.refuse(rule.span, message, "`target` says where in the container");
            return None;
        };
        let base = Utf8Path::new(&path);
        let include = rule.strings("include");
        let mut ignore = rule.strings("ignore");
        if !include.is_empty() {
            // Everything else is left out.
            let wanted = include.iter().map(|pattern| format!("!{pattern}"));
            ignore = std::iter::once("**".to_owned())
                .chain(wanted)
                .chain(ignore)
                .collect();
        }
        let _absolute = base;
        Some(WatchRule {
            paths: vec![path],
            ignore,
            action,
        })
    }
}

fn is_nothing(node: &Node) -> bool {
    node.is_null() || node.as_map().is_some_and(|map| map.is_empty())
}
