//! Disks and file events.

use camino::Utf8Path;

use crate::view::doctor::Check;

/// Images of a small stack; with less, a build or a pull ends in the middle.
const LITTLE: u64 = 5 << 30;
/// A database stops writing with less.
const NOTHING: u64 = 200 << 20;
/// What systems had before they counted by memory: one large `node_modules` uses it up.
const FEW_WATCHES: u64 = 16_384;
const FEW_INSTANCES: u64 = 64;

/// What a disk has left.
pub struct Space {
    pub bytes: u64,
}

pub fn checks(dir: &Utf8Path) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(Space { bytes }) = free(dir) {
        checks.push(space("disk", bytes));
    }
    let limit = |name: &str| {
        let text = fs_err::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let limits = limit("max_user_watches").zip(limit("max_user_instances"));
    if let Some((watches, instances)) = limits {
        checks.push(inotify(watches, instances));
    }
    checks
}

/// Of the file system that a folder is on.
pub fn free(dir: &Utf8Path) -> Option<Space> {
    let found = rustix::fs::statvfs(dir.as_std_path()).ok()?;
    let bytes = found.f_bavail.checked_mul(found.f_frsize)?;
    Some(Space { bytes })
}

pub fn space(check: &'static str, bytes: u64) -> Check {
    const HELP: &str = "`docker system df` shows what images, volumes and builds take, `docker builder prune` and `docker image prune` \
        give some of it back";
    let found = format!(
        "{}.{} GB free",
        bytes / 1_000_000_000,
        bytes / 100_000_000 % 10
    );
    match bytes {
        ..NOTHING => Check::failed(check, found, HELP),
        NOTHING..LITTLE => Check::warning(check, found, HELP),
        _ => Check::ok(check, found),
    }
}

fn inotify(watches: u64, instances: u64) -> Check {
    const CHECK: &str = "file events";
    let found = format!("inotify: {watches} folders and {instances} programs at once");
    if watches < FEW_WATCHES {
        let help = "where folders are many, not all can be watched: `sudo sysctl fs.inotify.max_user_watches=524288`";
        return Check::warning(CHECK, found, help);
    }
    if instances < FEW_INSTANCES {
        let help =
            "editors and servers share them: `sudo sysctl fs.inotify.max_user_instances=1024`";
        return Check::warning(CHECK, found, help);
    }
    Check::ok(CHECK, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::doctor::Verdict;

    #[test]
    fn little_space_is_a_warning_and_none_a_failure() {
        let verdict = |bytes| space("disk", bytes).verdict;
        assert_eq!(verdict(100 << 20), Verdict::Failed);
        assert_eq!(verdict(1 << 30), Verdict::Warning);
        assert_eq!(verdict(50 << 30), Verdict::Ok);
        assert_eq!(space("disk", 12_345_678_901).found, "12.3 GB free");
    }

    #[test]
    fn limits_that_are_soon_used_up_are_named() {
        assert_eq!(inotify(524_288, 128).verdict, Verdict::Ok);
        let few = inotify(8192, 128);
        assert!(few.help.unwrap().contains("max_user_watches"));
        let few = inotify(524_288, 16);
        assert!(few.help.unwrap().contains("max_user_instances"));
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_disk() {
        assert!(free(Utf8Path::new("/nowhere/at/all")).is_none());
        assert!(free(Utf8Path::new("/")).is_some());
    }
}
