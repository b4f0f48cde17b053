//! `develop.watch`.

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{AfterSync, Hook, WatchAction, WatchRule};

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
                sync(match super::container::hook(exec) {
                    hook if is_plain(&hook) => AfterSync::Exec(hook.command),
                    hook => AfterSync::Hook(Box::new(hook)),
                })
            }
        };
        let Some(action) = action else {
            let message = format!("a rule of `services.{service}.develop.watch` syncs to nowhere");
            self.refuse(rule.span, message, "`target` says where in the container");
            return None;
        };
        Some(WatchRule {
            paths: vec![path],
            ignore: rule.strings("ignore"),
            include: rule.strings("include"),
            as_dockerignore: true,
            action,
        })
    }
}

/// Whether it says no more than its command.
fn is_plain(hook: &Hook) -> bool {
    *hook == Hook::from(hook.command.clone())
}
