//! The same file makes the same containers, networks and volumes.

use serde_json::{Map, Value, json};

use crate::engine::{containers, networks, text, volumes};
use crate::tool::{Project, Tool};

/// Labels that say who made it, when, or from what.
const OF_THE_MAKER: &[&str] = &[
    "com.docker.compose.config-hash",
    "com.docker.compose.version",
    "com.docker.compose.image",
    "com.docker.compose.project.config_files",
    "com.docker.compose.project.working_dir",
    "com.docker.compose.project.environment_file",
    "com.docker.compose.replace",
];

/// What the engine says of everything of a project, without what differs each time.
fn picture(project: &Project) -> Value {
    let shown = json!({
        "containers": containers(&project.name).iter().map(container).collect::<Vec<_>>(),
        "networks": networks(&project.name).iter().map(|n| json!({
            "name": n["Name"], "driver": n["Driver"], "internal": n["Internal"], "options": n["Options"],
            "attachable": n["Attachable"], "labels": labels(&n["Labels"]),
        })).collect::<Vec<_>>(),
        "volumes": volumes(&project.name).iter().map(|v| json!({
            "name": v["Name"], "driver": v["Driver"], "options": v["Options"], "labels": labels(&v["Labels"]),
        })).collect::<Vec<_>>(),
    });
    let text = shown.to_string();
    let text = text.replace(project.dir.to_string_lossy().as_ref(), "DIR");
    let text = text
        .replace(&project.name, "NAME")
        .replace(&project.port.to_string(), "PORT");
    serde_json::from_str(&text).expect("the same as before")
}

fn labels(labels: &Value) -> Value {
    let labels = labels.as_object().cloned().unwrap_or_default();
    let kept = labels
        .into_iter()
        .filter(|(name, _)| !OF_THE_MAKER.contains(&name.as_str()) && !name.starts_with("dev."));
    Value::Object(kept.collect())
}

fn container(found: &Value) -> Value {
    let (config, host) = (&found["Config"], &found["HostConfig"]);
    let mut env: Vec<&str> = config["Env"]
        .as_array()
        .into_iter()
        .flatten()
        .map(text)
        .collect();
    env.sort_unstable();
    let keys = [
        "Image",
        "Domainname",
        "User",
        "Tty",
        "OpenStdin",
        "Cmd",
        "Entrypoint",
        "WorkingDir",
        "StopSignal",
        "ExposedPorts",
    ];
    let mut shown: Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), config[*key].clone()))
        .collect();
    shown.insert("Name".into(), found["Name"].clone());
    shown.insert("Status".into(), found["State"]["Status"].clone());
    shown.insert("Env".into(), json!(env));
    shown.insert("Labels".into(), labels(&config["Labels"]));
    shown.insert("Test".into(), config["Healthcheck"]["Test"].clone());
    shown.insert("Interval".into(), config["Healthcheck"]["Interval"].clone());
    shown.insert("Host".into(), of_host(host));
    shown.insert("Mounts".into(), mounts(&found["Mounts"]));
    shown.insert(
        "Networks".into(),
        endpoints(&found["NetworkSettings"]["Networks"]),
    );
    Value::Object(shown)
}

/// Without what means nothing either way, and without what a mount is called.
fn of_host(host: &Value) -> Value {
    let host = host.as_object().cloned().unwrap_or_default();
    let means_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
    };
    let mut kept: Map<String, Value> = host
        .into_iter()
        .filter(|(key, value)| {
            // The engine's policy is `no` until the last is ready, and then the file's: see `runs`.
            !["Mounts", "Binds", "NetworkMode", "RestartPolicy"].contains(&key.as_str())
                && !means_nothing(value)
        })
        .collect();
    if let Some(Value::Array(hosts)) = kept.get_mut("ExtraHosts") {
        // A container of `dev` reaches the host under this name everywhere.
        hosts.retain(|host| host != "host.docker.internal:host-gateway");
        if hosts.is_empty() {
            kept.remove("ExtraHosts");
        }
    }
    // One name, with and without its prefix.
    for key in ["CapAdd", "CapDrop"] {
        let names = kept.get_mut(key).and_then(Value::as_array_mut);
        for name in names.into_iter().flatten() {
            *name = json!(text(name).trim_start_matches("CAP_"));
        }
    }
    if let Some(Value::Array(limits)) = kept.get_mut("Ulimits") {
        limits.sort_by_key(|limit| text(&limit["Name"]).to_owned());
    }
    for ports in kept
        .get_mut("PortBindings")
        .and_then(Value::as_object_mut)
        .into_iter()
    {
        ports.retain(|_, bindings| !bindings.is_null());
    }
    Value::Object(kept)
}

fn mounts(mounts: &Value) -> Value {
    let mounts = mounts.as_array().cloned().unwrap_or_default();
    let mut shown: Vec<String> = mounts
        .iter()
        .map(|mount| {
            let name = Some(text(&mount["Name"])).filter(|name| name.len() != 64);
            format!(
                "{} {} {} {} {}",
                text(&mount["Type"]),
                name.unwrap_or("anonymous"),
                match text(&mount["Type"]) {
                    "bind" => text(&mount["Source"]),
                    _ => "",
                },
                text(&mount["Destination"]),
                mount["RW"]
            )
        })
        .collect();
    shown.sort();
    json!(shown)
}

fn endpoints(networks: &Value) -> Value {
    let networks = networks.as_object().cloned().unwrap_or_default();
    let shown = networks.into_iter().map(|(name, endpoint)| {
        let aliases = endpoint["Aliases"].as_array().cloned().unwrap_or_default();
        let mut aliases: Vec<String> = aliases
            .iter()
            .map(|alias| text(alias).to_owned())
            // Its own id and name, by which the engine finds it anyway.
            .filter(|alias| alias.len() != 12 && !alias.starts_with("cf-"))
            .collect();
        aliases.sort();
        aliases.dedup();
        (
            name,
            json!({"aliases": aliases, "config": endpoint["IPAMConfig"]["IPv4Address"]}),
        )
    });
    Value::Object(shown.collect())
}

/// The first places where two pictures differ.
fn differences(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                );
                differences(&format!("{path}.{key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{path}: dev {ours}, docker compose {theirs}")),
    }
}

fn made_the_same(file: &str) {
    let pictures = [Tool::Dev, Tool::Compose].map(|tool| {
        let project = Project::new(file).with("TOKEN", "s3cret");
        project.up(tool);
        picture(&project)
    });
    let mut found = Vec::new();
    differences("", &pictures[0], &pictures[1], &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_service_with_ports_volumes_and_health() {
    made_the_same(
        r#"
services:
  web:
    image: dev.local/python:3.11
    command: python -m http.server 8000 --directory /srv
    ports: ["${PORT}:8000", "127.0.0.1:${PORT}:9000/udp"]
    expose: ["7000"]
    environment: {A: "1", B: "x$$y"}
    labels: {tier: front}
    volumes:
      - data:/data
      - ./site:/srv:ro
      - /cache
      - {type: tmpfs, target: /scratch, tmpfs: {size: 1m, mode: 0o1777}}
    healthcheck: {test: ["CMD", "true"], interval: 5s, timeout: 3s, retries: 2, start_period: 1s}
    depends_on: {db: {condition: service_healthy}}
  db:
    image: dev.local/redis:7
    hostname: store
    healthcheck: {test: redis-cli ping, interval: 3s}
    volumes: ["data:/data"]
volumes: {data: {labels: {kept: "yes"}}}
#### site/index.html
hello
"#,
    );
}

#[test]
fn what_only_compose_can_say() {
    made_the_same(
        r#"
services:
  a:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    stop_signal: SIGINT
    user: "1000:1000"
    working_dir: /tmp
    hostname: alpha
    domainname: example.test
    tty: true
    stdin_open: true
    cap_add: [NET_ADMIN]
    cap_drop: [CHOWN]
    group_add: ["2000"]
    security_opt: [no-new-privileges]
    sysctls: {net.core.somaxconn: "1024"}
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 512}
    shm_size: 32m
    read_only: true
    tmpfs: ["/run:size=1m", /scratch]
    dns: [10.1.2.3]
    dns_search: [example.test]
    dns_opt: ["ndots:2"]
    extra_hosts: ["elsewhere=10.9.8.7"]
    mem_limit: 64m
    memswap_limit: 128m
    mem_reservation: 32m
    cpus: 0.5
    cpu_shares: 512
    pids_limit: 100
    oom_score_adj: 100
    device_cgroup_rules: ["c 1:3 mr"]
    devices: ["/dev/null:/dev/nothing:rw"]
    ipc: shareable
    logging: {driver: json-file, options: {max-size: 1m}}
    networks:
      front: {aliases: [first, other], ipv4_address: 10.213.7.10}
      back: {}
  b:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    network_mode: none
    container_name: ${COMPOSE_PROJECT_NAME}_named
    deploy: {resources: {limits: {memory: 32m, cpus: "0.25", pids: 50}}}
  c:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    scale: 2
    uts: host
    networks: [back]
networks:
  front: {ipam: {config: [{subnet: 10.213.7.0/24, gateway: 10.213.7.1}]}}
  back: {internal: true, labels: {x: y}, driver_opts: {com.docker.network.bridge.enable_icc: "true"}}
"#,
    );
}
