use camino::Utf8PathBuf;

use super::*;

fn parsed(json: &str) -> ConfigFile {
    serde_json::from_str(json).unwrap()
}

fn shown(credentials: Option<Credentials>) -> String {
    credentials.map_or_else(|| "none".to_owned(), |c| serde_json::to_string(&c).unwrap())
}

#[test]
fn a_reference_names_its_registry() {
    for (reference, expected) in [
        ("postgres:14", HUB),
        ("library/postgres", HUB),
        ("docker.io/library/postgres", HUB),
        ("ghcr.io/me/app:1", "ghcr.io"),
        ("localhost:5000/app", "localhost:5000"),
        ("localhost/app", "localhost"),
    ] {
        assert_eq!(registry(reference), expected, "{reference}");
    }
}

#[test]
fn credentials_in_the_file_are_decoded() {
    let config = parsed(
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cGE6c3M="},"https://ghcr.io/v2/":{"identitytoken":"t"},"quay.io":{}}}"#,
    );
    assert_eq!(
        shown(in_file(&config, HUB)),
        r#"{"username":"me","password":"pa:ss","serveraddress":"https://index.docker.io/v1/"}"#
    );
    assert_eq!(
        shown(in_file(&config, "ghcr.io")),
        r#"{"username":"","password":"","serveraddress":"ghcr.io","identitytoken":"t"}"#
    );
    assert_eq!(shown(in_file(&config, "quay.io")), "none");
    assert_eq!(shown(in_file(&config, "gcr.io")), "none");
}

#[test]
fn the_header_uses_the_alphabet_for_addresses() {
    let credentials = Credentials {
        password: "ÿÿÿ???>>>".into(),
        ..Credentials::default()
    };
    let header = credentials.header().unwrap();
    assert!(!header.contains(['+', '/']), "{header}");
}

#[tokio::test]
async fn a_helper_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let helper = path.join("docker-credential-test");
    let script = "#!/bin/sh\nread -r registry || true\ncase $registry in *ghcr*) echo \"{\\\"Username\\\":\\\"me\\\",\\\"Secret\\\":\\\"for $registry\\\"}\";; *) exit 1;; esac\n";
    // Written by another process: a program that is open for writing here could not be run.
    let written = std::process::Command::new("sh")
        .args([
            "-c",
            "printf '%s' \"$1\" > \"$0\"; chmod 755 \"$0\"",
            helper.as_str(),
            script,
        ])
        .status();
    assert!(written.unwrap().success());
    fs_err::write(path.join("config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let environment = Environment {
        variables: [
            ("DOCKER_CONFIG".to_owned(), path.to_string()),
            ("PATH".to_owned(), format!("{path}:/usr/bin:/bin")),
        ]
        .into(),
        home: None,
    };
    let found = of(&environment, "ghcr.io/me/app").await.unwrap();
    assert_eq!(
        shown(found),
        r#"{"username":"me","password":"for ghcr.io","serveraddress":"ghcr.io"}"#
    );
    assert_eq!(shown(of(&environment, "postgres").await.unwrap()), "none");
}
