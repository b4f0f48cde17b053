//! `develop.watch`.

use camino::Utf8Path;

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::file::{Code, Finding, not_watched};
use crate::stack::{AfterSync, Hook, LeftOut, WatchAction, WatchRule};

impl Making<'_> {
    pub(super) fn watch(&mut self, service: &str, node: &Node) -> Vec<WatchRule> {
        let Some(develop) = node.get("develop") else {
            return Vec::new();
        };
        let left_out = node.get("build").and_then(|build| self.left_out(build));
        let mut rules: Vec<WatchRule> = Vec::new();
        for node in develop.list("watch") {
            let Some(rule) = self.rule(service, node, left_out.as_ref()) else {
                continue;
            };
            if rule.is_covered_by(&rules) {
                let message = format!(
                    "a rule of `services.{service}.develop.watch` never acts: one before it covers all of it"
                );
                self.no_effect(node.span, message);
            }
            rules.push(rule);
        }
        rules
    }

    /// The `.dockerignore` of a build, that of its Dockerfile alone before the one of the whole folder.
    fn left_out(&self, build: &Node) -> Option<LeftOut> {
        let context = build.string("context").unwrap_or_else(|| ".".to_owned());
        if super::build::is_remote(&context) {
            return None;
        }
        let dir = self.dir.join(context);
        let dockerfile = build.string("dockerfile");
        let dockerfile = dockerfile.unwrap_or_else(|| "Dockerfile".to_owned());
        let own = dir.join(format!("{dockerfile}.dockerignore"));
        let text = [own, dir.join(".dockerignore")]
            .iter()
            .find_map(|path| self.source.env(path).ok())?;
        let lines = text.lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Some(LeftOut {
            patterns: patterns.map(str::to_owned).collect(),
            dir,
        })
    }

    fn rule(
        &mut self,
        service: &str,
        rule: &Node,
        left_out: Option<&LeftOut>,
    ) -> Option<WatchRule> {
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
        if let Some(help) = self.source.absent(&self.dir.join(&path)) {
            let span = rule.get("path").map_or(rule.span, |path| path.span);
            let shown = Utf8Path::new(&path);
            let shown = shown.strip_prefix(self.dir).unwrap_or(shown);
            let finding = Finding::new(Code::NoEffect, not_watched(shown.as_str())).warning();
            self.sink.push(finding.at(span, "not there").help(help));
        }
        Some(WatchRule {
            paths: vec![path],
            ignore: rule.strings("ignore"),
            include: rule.strings("include"),
            as_dockerignore: true,
            initial_sync: rule.is_set("initial_sync"),
            left_out: left_out.cloned(),
            action,
        })
    }
}

/// Whether it says no more than its command.
fn is_plain(hook: &Hook) -> bool {
    *hook == Hook::from(hook.command.clone())
}
