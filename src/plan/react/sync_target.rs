use camino::{Utf8Component, Utf8Path};

use crate::stack::path::clean;

/// Where a changed file appears in the container. `base` is what the rule names: the content of a folder goes into
/// `target`; a single file becomes `target`, or goes into it where it ends in `/`. A relative target starts from the
/// container's working folder. `None` for what would not end up in the target.
pub fn sync_target(
    path: &Utf8Path,
    base: &Utf8Path,
    target: &str,
    workdir: &str,
) -> Option<String> {
    let inside = path.strip_prefix(base).ok()?;
    if inside
        .components()
        .any(|part| !matches!(part, Utf8Component::Normal(_)))
    {
        return None;
    }
    let root = clean(&Utf8Path::new("/").join(workdir).join(target));
    let target = match inside.as_str() {
        "" if target.ends_with('/') || target.is_empty() => root.join(path.file_name()?),
        "" => root,
        inside => root.join(inside),
    };
    // Never the root of the file system itself.
    (target != Utf8Path::new("/")).then(|| target.into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str, base: &str, target: &str) -> Option<String> {
        sync_target(Utf8Path::new(path), Utf8Path::new(base), target, "/srv")
    }

    #[test]
    fn the_content_of_a_folder_goes_into_the_target() {
        assert_eq!(
            target("/p/app/a/b.py", "/p/app", "/code").as_deref(),
            Some("/code/a/b.py")
        );
        assert_eq!(
            target("/p/app/b.py", "/p/app", "/code/").as_deref(),
            Some("/code/b.py")
        );
        assert_eq!(
            target("/p/app/b.py", "/p/app", "code").as_deref(),
            Some("/srv/code/b.py")
        );
        assert_eq!(
            target("/p/app/b.py", "/p/app", "/").as_deref(),
            Some("/b.py")
        );
    }

    #[test]
    fn a_file_becomes_the_target_or_goes_into_it() {
        assert_eq!(
            target("/p/a.toml", "/p/a.toml", "/etc/app.toml").as_deref(),
            Some("/etc/app.toml")
        );
        assert_eq!(
            target("/p/a.toml", "/p/a.toml", "/etc/").as_deref(),
            Some("/etc/a.toml")
        );
        assert_eq!(
            target("/p/a.toml", "/p/a.toml", ".").as_deref(),
            Some("/srv")
        );
    }

    #[test]
    fn nothing_leaves_the_target() {
        assert_eq!(target("/p/app/../secret", "/p/app", "/code"), None);
        assert_eq!(target("/p/other", "/p/app", "/code"), None);
        assert_eq!(target("/p/app", "/p/app", "/code/../.."), None);
    }
}
