//! Rules that would sync into what is mounted from the same place: the container has each save already, and a sync would write
//! over the very file that was saved, which is a save again.

use camino::{Utf8Path, Utf8PathBuf};

use super::Code;
use super::diagnostic::Diagnostic;
use super::watched::literal;
use crate::stack::path::clean;
use crate::stack::{AfterSync, Mount, Service, Stack, WatchAction};

/// Takes such paths out of their rules; returns what is to be said of them. A restart that was to follow stays.
pub(super) fn leave_out(stack: &mut Stack) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    for service in stack.services.values_mut() {
        let mounts = mounts(service);
        let mut rules = Vec::new();
        for mut rule in std::mem::take(&mut service.watch) {
            let WatchAction::Sync { target, then } = &rule.action else {
                rules.push(rule);
                continue;
            };
            let is_mounted = |path: &String| {
                let from = stack.dir.join(literal(path));
                let mut mounts = mounts.iter();
                !path.starts_with('!')
                    && mounts.any(|(source, at)| is_same(&from, target.as_ref(), source, at))
            };
            let (mounted, kept): (Vec<String>, Vec<String>) = std::mem::take(&mut rule.paths)
                .into_iter()
                .partition(is_mounted);
            let restarts = *then == AfterSync::Restart;
            told.extend(
                mounted
                    .iter()
                    .map(|path| warning(&service.name, path, target, restarts)),
            );
            if restarts && !mounted.is_empty() {
                let mut restart = rule.clone();
                restart.action = WatchAction::Restart;
                restart.paths = mounted;
                rules.push(restart);
            }
            if kept.iter().any(|path| !path.starts_with('!')) {
                rule.paths = kept;
                rules.push(rule);
            }
        }
        service.watch = rules;
    }
    told
}

fn mounts(service: &Service) -> Vec<(Utf8PathBuf, Utf8PathBuf)> {
    let bind = |mount: &Mount| match mount {
        Mount::Bind { source, target, .. } => Some((source.clone(), target.into())),
        _ => None,
    };
    service.mounts.iter().filter_map(bind).collect()
}

/// Whether what lies at `from` is at `to` by a mount of `source` at `at`.
fn is_same(from: &Utf8Path, to: &Utf8Path, source: &Utf8Path, at: &Utf8Path) -> bool {
    let (from, source) = (clean(from), clean(source));
    let below = to
        .strip_prefix(at)
        .is_ok_and(|rest| clean(&source.join(rest)) == from);
    let above = at
        .strip_prefix(to)
        .is_ok_and(|rest| clean(&from.join(rest)) == source);
    below || above
}

fn warning(service: &str, path: &str, target: &str, restarts: bool) -> Diagnostic {
    let message = format!(
        "services.{service}: `{path}` is not synced to {target}, where it is mounted already"
    );
    Diagnostic::warning(Code::NoEffect, message).with_help(match restarts {
        true => "a save restarts the container; leave out `sync`, or the mount",
        false => "leave out the rule, or the mount",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_mounted_where_the_mount_leads_to_it() {
        let is = |from: &str, to: &str, source: &str, at: &str| {
            is_same(from.as_ref(), to.as_ref(), source.as_ref(), at.as_ref())
        };
        assert!(is("/src/www", "/srv/www", "/src/www", "/srv/www"));
        assert!(is("/src/./www", "/srv/www", "/src/www/", "/srv/www"));
        assert!(is("/src/app/../www", "/srv/www", "/src/www", "/srv/www"));
        assert!(is("/src/www/a", "/srv/www/a", "/src/www", "/srv/www"));
        assert!(is("/src", "/srv", "/src/www", "/srv/www"));
        assert!(!is("/src/www", "/srv/www", "/src/other", "/srv/www"));
        assert!(!is("/src/www", "/srv/www", "/src/www", "/srv/other"));
        assert!(!is("/src/www", "/srv/wwwx", "/src/www", "/srv/www"));
    }
}
