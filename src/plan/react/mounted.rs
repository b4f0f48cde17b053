use camino::{Utf8Path, Utf8PathBuf};

use super::Rule;
use super::context::makes_image;
use crate::plan::desired::image_tag;
use crate::stack::path::clean;
use crate::stack::{Build, Mount, Service, Source, Stack, WatchAction};

/// What of a build's context all services that are made from it see through mounts of their own. It is no reason to build
/// again: they have it already, and what they write there themselves would be a reason for ever.
pub struct Mounted<'a> {
    build: &'a Build,
    users: Vec<User<'a>>,
}

/// One of the services that are made from the image.
struct User<'a> {
    /// What it mounts from the host. Absolute.
    mounts: Vec<Utf8PathBuf>,
    /// Its rules that say what to rebuild for nevertheless.
    rebuilds: Vec<Rule<'a>>,
}

impl<'a> Mounted<'a> {
    /// Of the image with this tag; `None` where there is nothing of the kind.
    pub fn of(stack: &'a Stack, tag: &str) -> Option<Self> {
        let users = stack
            .services
            .values()
            .filter(|service| image_tag(stack, &service.name).as_deref() == Some(tag));
        let mut found = None;
        let mut all = Vec::new();
        for service in users {
            let Source::Build(build) = &service.source else {
                continue;
            };
            found = Some(build);
            all.push(User::new(stack, service)?);
        }
        found.map(|build| Self { build, users: all })
    }

    /// Whether an absolute path does not count. The Dockerfile and what ignores files always do.
    pub fn leaves_out(&self, path: &Utf8Path) -> bool {
        !makes_image(self.build, path) && self.users.iter().all(|user| user.sees(path))
    }

    /// The same of a path that need not be text.
    pub fn leaves_out_path(&self, path: &std::path::Path) -> bool {
        match Utf8Path::from_path(path) {
            Some(path) => self.leaves_out(path),
            None => self.leaves_out(Utf8Path::new(&path.to_string_lossy())),
        }
    }
}

impl<'a> User<'a> {
    /// `None` where it mounts nothing.
    fn new(stack: &Stack, service: &'a Service) -> Option<Self> {
        let mounts: Vec<Utf8PathBuf> = service
            .mounts
            .iter()
            .filter_map(|mount| match mount {
                Mount::Bind { source, .. } => Some(clean(source)),
                Mount::Volume { .. }
                | Mount::Tmpfs { .. }
                | Mount::Anonymous { .. }
                | Mount::Image { .. } => None,
            })
            .collect();
        let rebuilds = service
            .watch
            .iter()
            .filter(|rule| rule.action == WatchAction::Rebuild)
            .map(|rule| Rule::new(&stack.dir, rule));
        (!mounts.is_empty()).then(|| Self {
            mounts,
            rebuilds: rebuilds.collect(),
        })
    }

    fn sees(&self, path: &Utf8Path) -> bool {
        self.mounts.iter().any(|mount| path.starts_with(mount))
            && !self.rebuilds.iter().any(|rule| rule.covers(path))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{build, rule, service, stack};
    use super::*;

    fn mounting(name: &str, sources: &[&str]) -> Service {
        let bind = |source: &&str| Mount::Bind {
            source: Utf8PathBuf::from(*source),
            target: "/code".to_owned(),
            read_only: false,
        };
        Service {
            mounts: sources.iter().map(bind).collect(),
            ..service(name, build(), Vec::new())
        }
    }

    fn left_out(services: Vec<Service>, path: &str) -> bool {
        let stack = stack(services);
        let tag = image_tag(&stack, "api").unwrap();
        Mounted::of(&stack, &tag).is_some_and(|mounted| mounted.leaves_out(Utf8Path::new(path)))
    }

    #[test]
    fn what_a_service_mounts_does_not_count_but_what_makes_the_image_does() {
        let api = || vec![mounting("api", &["/p/."])];
        assert!(left_out(api(), "/p/app.db") && left_out(api(), "/p/a/__pycache__/b.pyc"));
        for path in [
            "/p/Dockerfile",
            "/p/.dockerignore",
            "/p/Dockerfile.dockerignore",
        ] {
            assert!(!left_out(api(), path), "{path}");
        }
        assert!(!left_out(
            vec![mounting("api", &["/p/app"])],
            "/p/requirements.txt"
        ));
        assert!(!left_out(vec![mounting("api", &[])], "/p/app.db"));
    }

    #[test]
    fn one_that_shares_the_image_and_mounts_less_needs_the_rest_in_it() {
        let both = || vec![mounting("api", &["/p"]), mounting("work", &["/p/app"])];
        assert!(left_out(both(), "/p/app/a.py"));
        assert!(!left_out(both(), "/p/b.py"));
        assert!(!left_out(
            vec![mounting("api", &["/p"]), mounting("work", &[])],
            "/p/b.py"
        ));
    }

    #[test]
    fn a_rule_that_rebuilds_counts_although_it_is_mounted() {
        let mut api = mounting("api", &["/p"]);
        api.watch = vec![rule(&["requirements.txt"], WatchAction::Rebuild)];
        assert!(!left_out(vec![api.clone()], "/p/requirements.txt"));
        assert!(left_out(vec![api], "/p/app.db"));
    }
}
