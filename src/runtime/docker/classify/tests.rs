use super::*;

/// Words as engines wrote them: status, words, class.
const RECORDED: &[(u16, &str, FailureClass)] = &[
    // Docker 20.10
    (
        500,
        "driver failed programming external connectivity on endpoint gold-api-1 (4e0c): Error starting userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use",
        FailureClass::PortTaken,
    ),
    (
        500,
        "driver failed programming external connectivity on endpoint gold-api-1 (4e0c): Bind for 127.0.0.1:8000 failed: port is already allocated",
        FailureClass::PortTaken,
    ),
    (
        404,
        "No such image: dev.local/nothing:latest",
        FailureClass::ImageMissing,
    ),
    (
        404,
        "pull access denied for nothing, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        FailureClass::ImageMissing,
    ),
    (
        404,
        "manifest for busybox:nope not found: manifest unknown: manifest unknown",
        FailureClass::ImageMissing,
    ),
    (
        409,
        "Conflict. The container name \"/gold-api-1\" is already in use by container \"94af\". You have to remove (or rename) that container to be able to reuse that name.",
        FailureClass::NameTaken,
    ),
    (
        409,
        "network with name gold_default already exists",
        FailureClass::NameTaken,
    ),
    (
        500,
        "mkdir /var/lib/docker/overlay2/1b/merged: no space left on device",
        FailureClass::DiskFull,
    ),
    (
        0,
        "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
        FailureClass::DiskFull,
    ),
    (
        400,
        "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"nothing\": executable file not found in $PATH: unknown",
        FailureClass::Other,
    ),
    (
        400,
        "invalid mount config for type \"bind\": bind source path does not exist: /nowhere",
        FailureClass::Other,
    ),
    // What went between the look and the call
    (
        409,
        "container is marked for removal and cannot be started",
        FailureClass::Engine,
    ),
    (
        409,
        "Cannot update container 94af: Container is marked for removal and cannot be \"update\".",
        FailureClass::Engine,
    ),
    (404, "No such container: 94af", FailureClass::Engine),
    (
        404,
        "no container with name or ID \"94af\" found: no such container",
        FailureClass::Engine,
    ),
    // Docker 28 and later
    (
        500,
        "failed to set up container networking: driver failed programming external connectivity on endpoint gold-api-1 (4e0c): failed to bind host port for 127.0.0.1:8000:172.18.0.2:80/tcp: address already in use",
        FailureClass::PortTaken,
    ),
    (
        500,
        "failed to set up container networking: driver failed programming external connectivity on endpoint gold-api-1 (4e0c): Bind for 0.0.0.0:8000 failed: port is already allocated",
        FailureClass::PortTaken,
    ),
    (
        404,
        "failed to resolve reference \"docker.io/library/nothing:latest\": docker.io/library/nothing:latest: not found",
        FailureClass::ImageMissing,
    ),
    (
        0,
        "no matching manifest for linux/arm64/v8 in the manifest list entries: not found",
        FailureClass::ImageMissing,
    ),
    // Docker Desktop
    (
        500,
        "Ports are not available: exposing port TCP 127.0.0.1:8000 -> 0.0.0.0:0: listen tcp 127.0.0.1:8000: bind: address already in use",
        FailureClass::PortTaken,
    ),
    // Podman
    (
        500,
        "rootlessport listen tcp 127.0.0.1:8000: bind: address already in use",
        FailureClass::PortTaken,
    ),
    (
        404,
        "no such image: nothing: image not known",
        FailureClass::ImageMissing,
    ),
    (
        500,
        "creating container storage: the container name \"gold-api-1\" is already in use by 94af. You have to remove that container to be able to reuse that name: that name is already in use",
        FailureClass::NameTaken,
    ),
    (
        409,
        "network name gold_default already used: network already exists",
        FailureClass::NameTaken,
    ),
    // Not what they look like
    (
        409,
        "removal of container gold-api-1 is already in progress",
        FailureClass::Other,
    ),
    (404, "network gold_default not found", FailureClass::Other),
    (
        500,
        "network gold_default id 1b has active endpoints",
        FailureClass::Other,
    ),
];

#[test]
fn recorded_words_get_their_class() {
    for (status, words, class) in RECORDED {
        assert_eq!(class_of(*status, words), *class, "{words}");
    }
}

#[test]
fn the_taken_port_is_read_from_the_words() {
    let found: Vec<Option<String>> = RECORDED
        .iter()
        .filter(|(_, _, class)| *class == FailureClass::PortTaken)
        .map(|(_, words, _)| port_in(words).map(|address| address.to_string()))
        .collect();
    let expected = [
        "127.0.0.1:8000",
        "127.0.0.1:8000",
        "127.0.0.1:8000",
        "0.0.0.0:8000",
        "127.0.0.1:8000",
        "127.0.0.1:8000",
    ];
    assert_eq!(found, expected.map(|address| Some(address.to_owned())));
    assert_eq!(
        port_in("listen tcp6 [::1]:8000: bind: address already in use").map(|a| a.to_string()),
        Some("[::1]:8000".to_owned())
    );
}

#[test]
fn a_failure_is_one_sentence_with_the_engines_words_below() {
    let fault = Fault::Answer {
        status: 400,
        words: RECORDED[9].1.to_owned(),
    };
    let error = failure("start gold-api-1", &fault);
    assert!(
        error
            .0
            .message
            .starts_with("cannot start gold-api-1: OCI runtime create failed")
    );
    assert!(
        error
            .0
            .message
            .ends_with("executable file not found in $PATH")
    );
    assert_eq!(error.0.detail.len(), 1);
    assert!(error.0.help.unwrap().contains("`command`"));

    let late = failure("list containers", &Fault::Late);
    assert_eq!(late.0.class, FailureClass::Engine);
    assert_eq!(
        late.0.message,
        "cannot list containers: the engine does not answer in time"
    );
}

#[test]
fn a_network_in_use_comes_with_a_way_to_see_by_whom() {
    let fault = Fault::Answer {
        status: 403,
        words: "error while removing network: network x id 1b has active endpoints".to_owned(),
    };
    let help = failure("remove network x", &fault).0.help.unwrap();
    assert!(help.contains("docker network inspect"), "{help}");
}

#[test]
fn an_empty_answer_still_says_something() {
    let fault = Fault::Answer {
        status: 500,
        words: String::new(),
    };
    assert_eq!(
        failure("x", &fault).0.message,
        "cannot x: the engine gives no reason"
    );
}
