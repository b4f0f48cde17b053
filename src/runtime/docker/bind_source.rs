//! What is mounted from the host and is not there.

use camino::Utf8Path;

use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;

/// Makes a folder that is not there, as the person who runs `dev`: the engine would refuse it, and Compose would make one
/// that belongs to root. What is named like a file is none.
///
/// # Errors
/// `Other`: it is named like a file, or as another system names its files. `target`: where `service` has it.
pub(super) fn prepare(source: &Utf8Path, target: &str, service: &str) -> Result<(), RuntimeError> {
    if !source.is_absolute() {
        return Err(foreign(source, target, service));
    }
    if source.exists() || source.is_symlink() {
        return Ok(());
    }
    if is_named_like_a_file(source) || is_named_like_a_file(Utf8Path::new(target)) {
        return Err(missing(source, target, service));
    }
    // The engine says best what is wrong with a place where this fails.
    let _ = fs_err::create_dir_all(source);
    Ok(())
}

/// For what is not to be made.
///
/// # Errors
/// `Other`: it is not there.
pub(super) fn require(source: &Utf8Path, target: &str, service: &str) -> Result<(), RuntimeError> {
    match source.exists() || source.is_symlink() {
        true => Ok(()),
        false => Err(missing(source, target, service)),
    }
}

/// `nginx.conf`, `.env`; not `conf.d`, `.cache` or `data-1.2`.
fn is_named_like_a_file(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_ending = |ending: &str| ending != "d" && !ending.bytes().all(|b| b.is_ascii_digit());
    name == ".env" || path.extension().is_some_and(is_ending)
}

/// What begins with a drive is a path everywhere, though only Windows has such.
fn foreign(source: &Utf8Path, target: &str, service: &str) -> RuntimeError {
    let message = format!(
        "this machine has no path like {source}, which `volumes` of services.{service} mounts at {target}"
    );
    let help = format!(
        "one character and a colon are a drive of Windows; a volume of that name is mounted by {{ type: volume, source: …, target: {target} }}"
    );
    RuntimeError::new(FailureClass::Other, message).help(help)
}

fn missing(source: &Utf8Path, target: &str, service: &str) -> RuntimeError {
    let message = format!("there is no {source}, which services.{service} mounts at {target}");
    let meant = nearest(source).map(|name| format!("did you mean {name}? Else "));
    let help = format!(
        "{}make that file; if it is to be a folder: mkdir -p {source}",
        meant.unwrap_or_default()
    );
    RuntimeError::new(FailureClass::Other, message).help(help)
}

/// What lies beside it, or beside what is missing above it, under a name like its own.
fn nearest(source: &Utf8Path) -> Option<String> {
    let missing = source
        .ancestors()
        .take_while(|path| !path.exists())
        .last()?;
    let wrong = missing.file_name()?;
    let entries = missing.parent()?.read_dir_utf8().ok()?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_owned()));
    let limit = (wrong.chars().count() / 3).max(1);
    names
        .map(|name| (strsim::damerau_levenshtein(wrong, &name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| missing.with_file_name(name).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_of_another_system_is_told_and_not_made() {
        let error = prepare(Utf8Path::new("d:/a"), "/b", "web").unwrap_err();
        assert!(!Utf8Path::new("d:").exists());
        let message =
            "this machine has no path like d:/a, which `volumes` of services.web mounts at /b";
        assert_eq!(error.0.message, message);
        assert!(error.0.help.unwrap().contains("drive of Windows"));
    }

    #[test]
    fn a_file_that_is_missing_is_an_error_and_a_folder_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        fs_err::write(dir.join("ngnix.conf"), "").unwrap();
        let source = dir.join("nginx.conf");
        let error = prepare(&source, "/etc/nginx.conf", "web").unwrap_err();
        assert!(!source.exists());
        let message = format!("there is no {source}, which services.web mounts at /etc/nginx.conf");
        assert_eq!(error.0.message, message);
        let help = error.0.help.unwrap();
        assert!(
            help.contains(&format!("did you mean {dir}/ngnix.conf?")),
            "{help}"
        );
        assert!(help.contains(&format!("mkdir -p {source}")), "{help}");

        for name in ["data", "conf.d", ".cache", "data-1.2"] {
            prepare(&dir.join(name), "/data", "web").unwrap();
            assert!(dir.join(name).is_dir(), "{name}");
        }
        for name in ["ngnix.conf", "data"] {
            prepare(&dir.join(name), "/etc/x.conf", "web").unwrap();
        }
        for name in [".env", "a/b.pem"] {
            prepare(&dir.join(name), "/x", "web").unwrap_err();
            assert!(!dir.join(name).exists() && !dir.join("a").exists());
        }
        // What it is mounted as tells, too.
        prepare(&dir.join("settings"), "/app/settings.toml", "web").unwrap_err();
    }
}
