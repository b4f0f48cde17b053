//! Options of networks and volumes that change between two `up`s.

use crate::engine::{containers, networks, text, volumes};
use crate::tool::{BOTH, Project, Tool};

const FILE: &str = "
services:
  a:
    image: dev.local/busybox
    command: sh -c 'echo $$(hostname) >>/data/lives; exec sleep 1000'
    stop_grace_period: 0s
    volumes: [data:/data]
    networks: {inner: {ipv4_address: 10.213.SUBNET.10}}
  b:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 0s
networks:
  inner: {labels: {of.this: LABEL}, ipam: {config: [{subnet: 10.213.SUBNET.0/24}]}}
volumes:
  data: {labels: {of.this: LABEL}}
";

fn file(subnet: &str, label: &str) -> String {
    FILE.replace("SUBNET", subnet).replace("LABEL", label)
}

fn subnet(project: &Project) -> String {
    let found = networks(&project.name);
    let of = |name: &&serde_json::Value| text(&name["Name"]).ends_with("_inner");
    let inner = found.iter().find(of).expect("the network");
    text(&inner["IPAM"]["Config"][0]["Subnet"]).to_owned()
}

fn started(project: &Project, service: &str) -> String {
    let name = format!("-{service}-1");
    let found = containers(&project.name);
    let of = |found: &&serde_json::Value| text(&found["Name"]).ends_with(&name);
    let found = found.iter().find(of).expect("the container");
    text(&found["State"]["StartedAt"]).to_owned()
}

#[test]
fn a_network_of_other_options_is_made_anew_and_a_volume_keeps_its_data() {
    // Two tools one after the other, so that nobody else has the addresses.
    for (tool, number) in BOTH.into_iter().zip([31, 33]) {
        let (first, second) = (number.to_string(), (number + 1).to_string());
        let project = Project::new(&file(&first, "before"));
        project.up(tool);
        assert_eq!(subnet(&project), format!("10.213.{first}.0/24"));
        let b = started(&project, "b");

        project.write("compose.yaml".as_ref(), &file(&second, "after"));
        // Compose asks whether the volume may go, and takes silence as a no.
        let ended = project.run_with(tool, "n\n", &["up", "-d"]);
        assert_eq!(ended.code, 0, "{tool:?}: {ended:?}");
        assert_eq!(subnet(&project), format!("10.213.{second}.0/24"));
        let address = project.inside("a", &["hostname", "-i"]);
        assert!(
            address.contains(&format!("10.213.{second}.10")),
            "{address}"
        );
        let lives = project.inside("a", &["cat", "/data/lives"]);
        assert_eq!(lives.lines().count(), 2, "{lives}");
        assert_eq!(started(&project, "b"), b, "what is not on it goes on");
        let found = volumes(&project.name);
        assert_eq!(text(&found[0]["Labels"]["of.this"]), "before");
        if tool == Tool::Dev {
            let said = format!("{}{}", ended.printed, ended.said);
            let volume = format!("volume {}_data was made with other options", project.name);
            assert!(said.contains(&volume), "{said}");
        }
    }
}
