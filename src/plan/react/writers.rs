use camino::Utf8Path;

use crate::stack::path::clean;
use crate::stack::{Mount, Source, Stack};

/// Whether something of the stack could have written an absolute path of the host: a container that mounts it, or a
/// process on the host, which goes wherever its user may. Of the rest only a person or a tool of theirs can.
pub fn may_write(stack: &Stack, path: &Utf8Path) -> bool {
    stack.services.values().any(|service| {
        let mounts = service.mounts.iter().any(|mount| match mount {
            Mount::Bind {
                source, read_only, ..
            } => !read_only && path.starts_with(clean(source)),
            Mount::Volume { .. }
            | Mount::Tmpfs { .. }
            | Mount::Anonymous { .. }
            | Mount::Image { .. } => false,
        });
        mounts || matches!(service.source, Source::Run(_))
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{build, service, stack};
    use super::*;
    use crate::stack::Service;

    fn writes(source: Source, read_only: bool) -> [bool; 2] {
        let mounting = Service {
            mounts: vec![Mount::Bind {
                source: "/p/.".into(),
                target: "/code".to_owned(),
                read_only,
            }],
            ..service("tool", source, Vec::new())
        };
        let stack = stack(vec![service("api", build(), Vec::new()), mounting]);
        ["/p/app.py", "/q/app.py"].map(|path| may_write(&stack, Utf8Path::new(path)))
    }

    #[test]
    fn who_mounts_a_path_may_write_it_and_a_process_of_the_host_any() {
        let image = || Source::Image("tool".to_owned());
        assert_eq!(writes(image(), false), [true, false]);
        assert_eq!(writes(image(), true), [false, false]);
        assert_eq!(writes(Source::Run("tool".to_owned()), true), [true, true]);
    }
}
