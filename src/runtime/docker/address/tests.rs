use super::*;

fn environment(variables: &[(&str, &str)], home: Option<&Utf8Path>) -> Environment {
    Environment {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        home: home.map(Utf8Path::to_owned),
    }
}

fn home() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

fn write_context(config: &Utf8Path, folder: &str, meta: &str) {
    let dir = config.join("contexts/meta").join(folder);
    fs_err::create_dir_all(&dir).unwrap();
    fs_err::write(dir.join("meta.json"), meta).unwrap();
}

#[test]
fn the_variable_is_the_only_address() {
    let found = candidates(&environment(
        &[
            ("DOCKER_HOST", "unix:///tmp/a.sock"),
            ("DOCKER_CONTEXT", "other"),
        ],
        None,
    ))
    .unwrap();
    assert_eq!(
        found,
        [Candidate {
            address: Address::Unix("/tmp/a.sock".into()),
            source: Source::Variable
        }]
    );
}

#[test]
fn tcp_gets_its_usual_port_and_tls_files() {
    let (_keep, home) = home();
    let dir = home.join("certs");
    fs_err::create_dir_all(&dir).unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        fs_err::write(dir.join(file), "").unwrap();
    }
    let plain = candidates(&environment(&[("DOCKER_HOST", "tcp://build")], None)).unwrap();
    assert_eq!(plain[0].address.to_string(), "tcp://build:2375");
    let secure = candidates(&environment(
        &[
            ("DOCKER_HOST", "tcp://build"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", dir.as_str()),
        ],
        None,
    ))
    .unwrap();
    assert_eq!(
        secure[0].address,
        Address::Tcp {
            host: "build:2376".into(),
            tls: Some(TlsFiles {
                ca: dir.join("ca.pem"),
                client: Some((dir.join("cert.pem"), dir.join("key.pem"))),
            })
        }
    );
}

#[test]
fn ssh_is_refused_with_a_way_out() {
    let error = candidates(&environment(&[("DOCKER_HOST", "ssh://me@host")], None)).unwrap_err();
    assert_eq!(error.0.class, FailureClass::NoEngine);
    assert!(error.0.message.contains("ssh://me@host (DOCKER_HOST)"));
    assert!(
        error
            .0
            .help
            .unwrap()
            .contains("/var/run/docker.sock me@host")
    );
}

#[test]
fn nonsense_is_refused() {
    for host in ["", "tcp://", "npipe:////./pipe/docker", "docker.sock"] {
        assert!(parse(host, None, &Source::Variable).is_err(), "{host}");
    }
}

#[test]
fn the_current_context_is_used() {
    let (_keep, home) = home();
    let config = home.join(".docker");
    write_context(
        &config,
        "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16",
        r#"{"Name":"colima","Metadata":{"Description":"colima"},"Endpoints":{"docker":{"Host":"unix:///x/docker.sock","SkipTLSVerify":false}}}"#,
    );
    fs_err::write(
        config.join("config.json"),
        r#"{"auths":{},"currentContext":"colima"}"#,
    )
    .unwrap();
    let found = candidates(&environment(&[], Some(&home))).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].address.to_string(), "unix:///x/docker.sock");
    assert_eq!(found[0].source.to_string(), "Docker context `colima`");

    let error = candidates(&environment(&[("DOCKER_CONTEXT", "gone")], Some(&home))).unwrap_err();
    assert_eq!(error.0.message, "there is no Docker context `gone`");

    let default = candidates(&environment(&[("DOCKER_CONTEXT", "default")], Some(&home))).unwrap();
    assert!(default.len() > 1);
}

#[test]
fn the_usual_sockets_come_in_order() {
    let found = candidates(&environment(
        &[("XDG_RUNTIME_DIR", "/run/user/7")],
        Some(Utf8Path::new("/home/me")),
    ))
    .unwrap();
    let found: Vec<String> = found.iter().map(|c| c.address.to_string()).collect();
    assert_eq!(
        found,
        [
            "unix:///var/run/docker.sock",
            "unix:///run/user/7/docker.sock",
            "unix:///home/me/.docker/run/docker.sock",
            "unix:///home/me/.docker/desktop/docker.sock",
            "unix:///home/me/.colima/default/docker.sock",
            "unix:///home/me/.orbstack/run/docker.sock",
            "unix:///run/user/7/podman/podman.sock",
            "unix:///run/podman/podman.sock",
        ]
    );
}

#[test]
fn a_broken_configuration_names_its_file() {
    let (_keep, home) = home();
    fs_err::create_dir_all(home.join(".docker")).unwrap();
    fs_err::write(home.join(".docker/config.json"), "{").unwrap();
    let error = candidates(&environment(&[], Some(&home))).unwrap_err();
    assert!(error.0.message.contains(".docker/config.json"), "{error}");
}
