use super::*;

fn inspected(json: &str) -> ObservedContainer {
    container(serde_json::from_str(json).unwrap()).unwrap()
}

/// As Docker 20.10 answers, shortened.
const RUNNING: &str = r#"{
  "Id": "ab12", "Created": "2024-01-02T03:04:05.6Z", "Name": "/gold-api-1", "Image": "sha256:1",
  "State": {"Status": "running", "Running": true, "Paused": false, "Restarting": false, "OOMKilled": false,
            "Dead": false, "Pid": 1, "ExitCode": 0, "Error": "",
            "StartedAt": "2024-01-02T03:04:06.7Z", "FinishedAt": "0001-01-01T00:00:00Z"},
  "HostConfig": {"RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}},
  "Config": {"StopTimeout": 60, "Labels": {
    "com.docker.compose.project": "gold", "com.docker.compose.service": "api",
    "com.docker.compose.container-number": "2", "dev.config": "hash", "dev.dir": "/src",
    "dev.networks": "gold_default,gold_back"}},
  "NetworkSettings": {
    "Ports": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18000"}], "9000/tcp": null, "7/sctp": null},
    "Networks": {"gold_default": {"Aliases": ["api", "ab12"], "IPAddress": "172.18.0.2", "GlobalIPv6Address": ""},
                 "gold_back": {"IPAddress": "", "GlobalIPv6Address": ""}}}
}"#;

#[test]
fn a_running_container() {
    let found = inspected(RUNNING);
    assert_eq!(
        found,
        ObservedContainer {
            id: "ab12".into(),
            name: "gold-api-1".into(),
            service: "api".into(),
            index: 2,
            config: Some("hash".into()),
            dir: Some("/src".into()),
            checkout: None,
            image_id: "sha256:1".into(),
            status: Status::Running,
            started_at: "2024-01-02T03:04:06.7Z".into(),
            ports: vec![(8000, Protocol::Tcp, [127, 0, 0, 1].into(), 18000)],
            aliases: [
                (
                    "gold_default".to_owned(),
                    ["api".to_owned(), "ab12".to_owned()].into()
                ),
                ("gold_back".to_owned(), [].into()),
            ]
            .into(),
            addresses: [("gold_default".to_owned(), [172, 18, 0, 2].into())].into(),
            finished_at: String::new(),
            restart_policy: "unless-stopped".into(),
            stop_grace: Some(std::time::Duration::from_secs(60)),
            anonymous_volumes: false,
            healthy: None,
            mounted: BTreeMap::new(),
        }
    );
}

#[test]
fn the_images_whose_files_it_has_are_told() {
    let labels = r#"{"dev.mounted":"r:5000/tool:1=sha256:a,other=sha256:b"}"#;
    let found = inspected(&format!(r#"{{"Id":"a","Config":{{"Labels":{labels}}}}}"#));
    let image = |name: &str, id: &str| (name.to_owned(), id.to_owned());
    let expected = [
        image("r:5000/tool:1", "sha256:a"),
        image("other", "sha256:b"),
    ];
    assert_eq!(found.mounted, expected.into());
}

#[test]
fn one_that_lacks_a_network_is_not_what_its_hash_says() {
    let found = inspected(&RUNNING.replace("\"gold_back\": {", "\"other\": {"));
    assert_eq!(found.config, None);
}

#[test]
fn states_are_told_apart() {
    let status = |status: &str, code: i64, oom: bool| {
        inspected(&format!(
            r#"{{"Id":"a","State":{{"Status":"{status}","ExitCode":{code},"OOMKilled":{oom}}}}}"#
        ))
        .status
    };
    assert_eq!(status("created", 0, false), Status::Created);
    assert_eq!(status("paused", 0, false), Status::Paused);
    assert_eq!(status("restarting", 1, false), Status::Restarting);
    assert_eq!(status("removing", 0, false), Status::Dead);
    assert_eq!(
        status("exited", 137, true),
        Status::Exited {
            code: 137,
            out_of_memory: true
        }
    );
}

#[test]
fn a_container_of_another_tool_has_no_hash() {
    let found = inspected(
        r#"{"Id":"a","Config":{"Labels":{"com.docker.compose.service":"db","com.docker.compose.project.working_dir":"/w"}}}"#,
    );
    assert_eq!(found.config, None);
    assert_eq!(found.dir.as_deref(), Some("/w"));
    assert_eq!(found.restart_policy, "no");
}

#[test]
fn the_healthcheck_of_an_image() {
    let read = |test: &str| {
        let json = format!(
            r#"{{"Id":"sha256:1","Config":{{"Healthcheck":{{"Test":{test},"Interval":5000000000,"Retries":3}}}}}}"#
        );
        image(serde_json::from_str(&json).unwrap()).unwrap()
    };
    let found = read(r#"["CMD-SHELL","true"]"#);
    assert_eq!(
        found.healthcheck,
        Some(ImageHealthcheck {
            test: vec!["CMD-SHELL".into(), "true".into()],
            interval: 5_000_000_000,
            retries: 3,
            ..ImageHealthcheck::default()
        })
    );
    assert_eq!(read(r#"["NONE"]"#).healthcheck, None);
    assert_eq!(read("[]").healthcheck, None);
}

#[test]
fn the_engines_own_check_counts_where_it_went_well_in_this_life() {
    let found = |health: &str, started: &str, code: i64| {
        inspected(&format!(
            r#"{{"Id": "a", "Config": {{"Healthcheck": {{"Test": ["CMD", "ok"]}}}}, "State": {{
              "Status": "running", "StartedAt": "2024-01-02T03:04:{started}Z",
              "Health": {{"Status": "{health}", "FailingStreak": 0, "Log": [
                {{"Start": "2024-01-02T03:04:01Z", "End": "2024-01-02T03:04:02Z", "ExitCode": 1, "Output": ""}},
                {{"Start": "2024-01-02T04:04:08+01:00", "End": "2024-01-02T04:04:09.5+01:00", "ExitCode": {code}, "Output": ""}}
              ]}}}}}}"#
        ))
        .healthy
    };
    let healthy = Healthy {
        test: vec!["CMD".to_owned(), "ok".to_owned()],
        at: 1_704_164_649_500,
    };
    assert_eq!(found("healthy", "00", 0), Some(healthy));
    assert_eq!(found("healthy", "08.5", 0), None, "of an earlier life");
    assert_eq!(found("healthy", "00", 1), None, "it has failed since");
    assert_eq!(found("unhealthy", "00", 0), None);
    assert_eq!(found("starting", "00", 0), None);
    assert_eq!(inspected(r#"{"Id": "a"}"#).healthy, None);
}
