use std::time::Duration;

use super::*;
use crate::stack::resolve::Value;

fn value(text: &str, secret: bool) -> Value {
    Value {
        text: text.to_owned(),
        secret,
    }
}

fn spec() -> ContainerSpec {
    let port = |container, host, protocol| PortSpec {
        name: "http".into(),
        container,
        protocol,
        host,
        auto: true,
        bind: [127, 0, 0, 1].into(),
        everywhere: false,
    };
    let network = |name: &str| NetworkAttachment {
        network: name.to_owned(),
        aliases: vec!["api".to_owned()],
        endpoint: crate::stack::Endpoint::default(),
        links: Vec::new(),
    };
    ContainerSpec {
        service: "api".into(),
        index: 1,
        name: "gold-api-1".into(),
        image: "gold-api".into(),
        job: false,
        command: Some(vec![value("serve", false)]),
        entrypoint: None,
        env: vec![("PASSWORD".into(), value("p", true))],
        user: Some("1000".into()),
        workdir: None,
        ports: vec![
            port(8000, Some(18000), Protocol::Tcp),
            port(9000, None, Protocol::Tcp),
            port(53, Some(53), Protocol::Udp),
        ],
        mounts: vec![
            MountSpec {
                mount: stack::Mount::Volume {
                    key: "data".into(),
                    target: "/data".into(),
                    read_only: false,
                },
                volume: Some("gold_data".into()),
            },
            MountSpec {
                mount: stack::Mount::Bind {
                    source: "/src".into(),
                    target: "/app".into(),
                    read_only: true,
                },
                volume: None,
            },
            MountSpec {
                mount: stack::Mount::Image {
                    reference: "tool:1".to_owned(),
                    target: "/tool".to_owned(),
                    read_only: true,
                },
                volume: None,
            },
            MountSpec {
                mount: stack::Mount::Tmpfs {
                    target: "/tmp".into(),
                },
                volume: None,
            },
        ],
        networks: vec![network("gold_default"), network("gold_back")],
        host_network: false,
        host_pid: false,
        labels: vec![("com.docker.compose.project".into(), "gold".into())],
        restart: Restart::Always,
        stop_signal: Some("SIGINT".into()),
        stop_grace: Duration::from_millis(1500),
        memory: Some(64 << 20),
        cpu_millis: Some(500),
        pids: Some(50),
        hash: "abc".into(),
        options: crate::plan::desired::OptionsSpec::default(),
    }
}

fn on(major: u32, minor: u32) -> Engine {
    Engine {
        version: ApiVersion::new(major, minor),
        podman: false,
    }
}

fn json(spec: &ContainerSpec, engine: Engine) -> serde_json::Value {
    serde_json::to_value(body(spec, "sha256:1", engine).0).unwrap()
}

#[test]
fn the_whole_body() {
    let text = serde_json::to_string_pretty(&json(&spec(), on(1, 41))).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_mount_with_a_label_is_told_in_the_older_way() {
    let mount = |mount| MountSpec {
        mount,
        volume: Some("gold_data".to_owned()),
    };
    let bind = |target: &str, read_only| stack::Mount::Bind {
        source: "/src".into(),
        target: target.to_owned(),
        read_only,
    };
    let volume = stack::Mount::Volume {
        key: "data".to_owned(),
        target: "/data".to_owned(),
        read_only: false,
    };
    let mut spec = spec();
    spec.mounts = [
        bind("/a", true),
        bind("/b", true),
        bind("/c", false),
        volume,
    ]
    .map(mount)
    .into();
    let label = |label: &str| stack::MountOptions {
        selinux: Some(label.to_owned()),
        ..stack::MountOptions::default()
    };
    let propagated = stack::MountOptions {
        propagation: Some("rslave".to_owned()),
        ..label("Z")
    };
    let below = stack::MountOptions {
        read_only_below: true,
        ..label("z")
    };
    let no_copy = stack::MountOptions {
        no_copy: true,
        ..label("z")
    };
    let given = [
        ("/a", propagated),
        ("/b", below),
        ("/c", label("z")),
        ("/data", no_copy),
    ];
    spec.options.given.mounts = given.map(|(at, given)| (at.to_owned(), given)).into();
    let host = &json(&spec, on(1, 44))["HostConfig"];
    let binds = [
        "/src:/a:ro,Z,rslave",
        "/src:/c:rw,z",
        "gold_data:/data:rw,z,nocopy",
    ];
    assert_eq!(host["Binds"], serde_json::json!(binds));
    let mounts = host["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 1);
    assert_eq!(mounts[0]["Target"], "/b");
    assert_eq!(mounts[0]["BindOptions"]["ReadOnlyForceRecursive"], true);
}

#[test]
fn old_engines_get_one_network_at_a_time() {
    let spec = spec();
    let (_, later) = body(&spec, "i", on(1, 41));
    assert_eq!(later, &spec.networks[1..]);
    let (all, later) = body(&spec, "i", on(1, 44));
    assert!(later.is_empty());
    let networks = all.networking_config.unwrap().endpoints_config.unwrap();
    assert_eq!(networks.len(), 2);
}

#[test]
fn on_the_hosts_network_nothing_is_published_or_attached() {
    let mut spec = spec();
    spec.host_network = true;
    let json = json(&spec, on(1, 44));
    assert_eq!(json["HostConfig"]["NetworkMode"], "host");
    assert!(json["HostConfig"].get("PortBindings").is_none());
    assert!(json.get("NetworkingConfig").is_none());
    assert_eq!(
        json["HostConfig"]["ExtraHosts"][0],
        "host.docker.internal:127.0.0.1"
    );
}

#[test]
fn a_folder_of_an_image_is_mounted_and_memory_may_be_for_reading_only() {
    let mut spec = spec();
    let options = stack::MountOptions {
        subpath: Some("bin".to_owned()),
        ..stack::MountOptions::default()
    };
    let mounts = &mut spec.options.given.mounts;
    mounts.insert("/tool".to_owned(), options);
    let closed = stack::MountOptions {
        read_only: true,
        ..stack::MountOptions::default()
    };
    mounts.insert("/tmp".to_owned(), closed);
    let json = json(&spec, on(1, 48));
    assert_eq!(json["HostConfig"]["Mounts"][3]["ReadOnly"], true);
    let expected = serde_json::json!({
        "Type": "image", "Source": "tool:1", "Target": "/tool", "ReadOnly": true,
        "ImageOptions": { "Subpath": "bin" },
    });
    assert_eq!(json["HostConfig"]["Mounts"][2], expected);
}

#[test]
fn times_are_rounded_up_to_seconds() {
    assert_eq!(seconds(Duration::ZERO), 0);
    assert_eq!(seconds(Duration::from_millis(1)), 1);
    assert_eq!(seconds(Duration::from_secs(10)), 10);
}

#[test]
fn the_pace_of_a_start_goes_to_engines_that_know_one() {
    let mut spec = spec();
    spec.options.given.health = Some(stack::Healthcheck::Asked {
        test: Some(vec!["CMD".to_owned(), "true".to_owned()]),
        interval: Some(60),
        timeout: None,
        retries: None,
        start_period: Some(30),
        start_interval: Some(7),
    });
    let start = |minor| {
        let engine = Engine {
            version: ApiVersion::new(1, minor),
            podman: false,
        };
        let check = body(&spec, "sha256:a", engine).0.healthcheck;
        let check = check.expect("a health check");
        assert_eq!((check.interval, check.start_period), (Some(60), Some(30)));
        check.start_interval
    };
    assert_eq!((start(43), start(44)), (None, Some(7)));
}
