use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};

use crate::plan::react::{layer_files, literal_part};
use crate::stack::{Build, Job, Role, Service, Source, Stack};

/// Whether a path is left out: (absolute path, is it a folder). A folder that is left out is not entered.
pub type Exclude = Box<dyn Fn(&Path, bool) -> bool + Send>;

/// What is watched.
#[derive(Debug, Default)]
pub struct WatchSet {
    /// Folders with all that is in them, or single files; they need not exist yet.
    pub roots: Vec<Root>,
    /// Files by themselves, ignored or not; they need not exist yet.
    pub files: BTreeSet<PathBuf>,
}

/// A folder with what is in it, or a file.
pub struct Root {
    /// Absolute.
    pub path: PathBuf,
    /// Honour .gitignore: from the top of the checkout down, for what is beneath `path`. What a person names
    /// explicitly counts although it is ignored.
    pub gitignore: bool,
    /// What is left out besides: `.dockerignore`, `ignore` of a rule.
    pub exclude: Option<Exclude>,
}

impl Root {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            gitignore: true,
            exclude: None,
        }
    }

    pub fn exclude(mut self, exclude: impl Fn(&Path, bool) -> bool + Send + 'static) -> Self {
        self.exclude = Some(Box::new(exclude));
        self
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.path.display())
    }
}

impl WatchSet {
    /// Everything that a stack reacts to: the paths of watch rules, the inputs of jobs, Dockerfiles, build contexts where
    /// neither rules nor inputs say more closely what counts, or the build is `broken`, and the files of the stack itself.
    /// `dockerignore` makes the matcher of a build.
    pub fn of(
        stack: &Stack,
        scope: &BTreeSet<String>,
        broken: &BTreeSet<String>,
        mut dockerignore: impl FnMut(&Build) -> Option<Exclude>,
    ) -> Self {
        let mut set = Self {
            roots: Vec::new(),
            files: layer_files(stack).into_iter().map(Into::into).collect(),
        };
        for service in stack
            .services
            .values()
            .filter(|service| scope.contains(&service.name))
        {
            for rule in &service.watch {
                for base in bases(&stack.dir, &rule.paths) {
                    // Compose knows nothing of git.
                    let root = Root {
                        gitignore: !rule.as_dockerignore,
                        ..Root::new(base.clone())
                    };
                    let ignore = crate::plan::react::RuleIgnore::new(&stack.dir, &base, rule);
                    set.roots.push(root.exclude(move |path, _| {
                        Utf8Path::from_path(path).is_some_and(|path| ignore.ignores(path))
                    }));
                }
            }
            let inputs = match &service.role {
                Role::Job(Job {
                    inputs: Some(inputs),
                    ..
                }) => Some(inputs),
                _ => None,
            };
            if let Some(inputs) = inputs {
                set.roots
                    .extend(bases(&stack.dir, inputs).into_iter().map(Root::new));
            }
            if let Source::Build(build) = &service.source {
                set.files.extend(build.dockerfile_path().map(Into::into));
                if !names_files(service) || broken.contains(&service.name) {
                    let own = build.folder().map(|_| build.clone());
                    for build in own.into_iter().chain(build.further()) {
                        let root = Root::new(build.context.clone());
                        set.roots.push(Root {
                            exclude: dockerignore(&build),
                            ..root
                        });
                    }
                }
            }
        }
        set
    }
}

/// Whether rules or inputs say what of its build context counts.
pub fn names_files(service: &Service) -> bool {
    let has_inputs = matches!(&service.role, Role::Job(job) if job.inputs.is_some());
    has_inputs || !service.watch.is_empty()
}

/// The folders and files that patterns begin from.
fn bases(dir: &Utf8Path, patterns: &[String]) -> BTreeSet<Utf8PathBuf> {
    let positive = patterns.iter().filter(|pattern| !pattern.starts_with('!'));
    positive
        .map(|pattern| literal_part(&dir.join(pattern)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::react::fixture::{build, rule, service, stack};
    use crate::stack::WatchAction;

    #[test]
    fn a_dockerfile_is_always_watched_and_its_context_where_nothing_says_more_or_the_build_failed()
    {
        let rules = || vec![rule(&["requirements.txt"], WatchAction::Rebuild)];
        let watched = |watch, broken: &[&str]| {
            let stack = stack(vec![service("api", build(), watch)]);
            let broken = broken.iter().map(|&name| name.to_owned()).collect();
            let scope = BTreeSet::from(["api".to_owned()]);
            let set = WatchSet::of(&stack, &scope, &broken, |_| None);
            for file in [
                "/p/Dockerfile",
                "/p/.dockerignore",
                "/p/Dockerfile.dockerignore",
            ] {
                assert!(set.files.contains(Path::new(file)), "{file}");
            }
            set.roots.iter().any(|root| root.path == Path::new("/p"))
        };
        assert!(watched(Vec::new(), &[]));
        assert!(!watched(rules(), &[]) && !watched(rules(), &["web"]));
        assert!(watched(rules(), &["api"]));
    }
}
