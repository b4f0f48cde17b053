use std::io;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;
use secrecy::SecretString;
use tokio::process::Command;

use super::SecretError;

/// Key services on a network and agents that ask for a passphrase take their time.
const WITHIN: Duration = Duration::from_secs(30);

/// The value of `key` (`db.password` for a nested one, `list.0` for an element) in an encrypted file.
pub(super) async fn decrypt(
    program: &str,
    name: &str,
    file: &Utf8Path,
    key: &str,
) -> Result<SecretString, SecretError> {
    let mut command = Command::new(program);
    command
        .args(["--decrypt", "--extract", &extract(key)])
        .arg(file);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(WITHIN, command.output()).await {
        Err(_) => {
            return Err(SecretError::Slow {
                name: name.to_owned(),
                file: file.to_owned(),
                within: WITHIN,
            });
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SecretError::NoSops {
                name: name.to_owned(),
            });
        }
        Ok(Err(error)) => return Err(failed(name, file, error.to_string())),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        // What it says on stderr is about keys and files; stdout could hold a value.
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().map(str::trim).find(|line| !line.is_empty());
        return Err(failed(
            name,
            file,
            line.unwrap_or("it gave no reason")
                .chars()
                .take(300)
                .collect(),
        ));
    }
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(super::without_newline(text).into()),
        Err(_) => Err(failed(name, file, "the value is no text".to_owned())),
    }
}

fn failed(name: &str, file: &Utf8Path, message: String) -> SecretError {
    SecretError::Sops {
        name: name.to_owned(),
        file: file.to_owned(),
        message,
    }
}

/// The path of a key as `sops` wants it: `["db"]["password"]`.
fn extract(key: &str) -> String {
    if key.starts_with('[') {
        return key.to_owned();
    }
    let part = |part: &str| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!("[\"{}\"]", part.replace('"', "\\\"")),
    };
    key.split('.').map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_dotted_key_is_a_path() {
        assert_eq!(extract("jwt"), r#"["jwt"]"#);
        assert_eq!(
            extract("db.users.0.password"),
            r#"["db"]["users"][0]["password"]"#
        );
        assert_eq!(extract(r#"["with.dot"]"#), r#"["with.dot"]"#);
    }

    #[tokio::test]
    async fn its_answer_its_refusal_and_its_absence() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("sops");
        let script = "#!/bin/sh\n[ \"$3\" = '[\"jwt\"]' ] || { echo leaked; echo 'component not found' >&2; exit 1; }\necho s3cret\n";
        // Through a rename, so that no fork of another test holds it open for writing when it is run.
        std::fs::write(dir.path().join("new"), script).unwrap();
        std::fs::set_permissions(
            dir.path().join("new"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        let copied = std::process::Command::new("cp")
            .arg(dir.path().join("new"))
            .arg(&program)
            .status()
            .unwrap();
        assert!(copied.success());
        let program = program.to_str().unwrap();
        let file = Utf8Path::new("secrets.enc.yaml");
        let value = decrypt(program, "JWT", file, "jwt").await.unwrap();
        assert_eq!(value.expose_secret(), "s3cret");
        let refused = decrypt(program, "JWT", file, "other")
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(
            refused,
            "secret `JWT`: sops could not decrypt secrets.enc.yaml: component not found"
        );
        let missing = decrypt("/nowhere/sops", "JWT", file, "jwt")
            .await
            .unwrap_err();
        assert!(matches!(missing, SecretError::NoSops { .. }));
        assert!(missing.help().contains("getsops"));
    }
}
