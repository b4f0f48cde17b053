//! What of the engine itself a container gets: its socket, and the names of devices.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::engine::{containers, minor_version};
use crate::tool::{BOTH, Project, Tool, same};

/// Asks the engine at the usual place how it is, and reads what it was given to log in with.
const ASKS: &str = r#"
services:
  web:
    image: dev.local/python:3.11
    init: true
    stop_grace_period: 1s
    command: [sleep, "1000"]
    use_api_socket: true
"#;

const ASK: &str = "
import http.client, json, os, socket
c = http.client.HTTPConnection('x')
c.sock = socket.socket(socket.AF_UNIX)
c.sock.connect('/var/run/docker.sock')
c.request('GET', '/_ping')
print(c.getresponse().read().decode())
kept = json.load(open(os.environ['DOCKER_CONFIG'] + '/config.json'))
print(json.dumps(kept['auths'], sort_keys=True))
";

/// A folder for `DOCKER_CONFIG` with a password in it, and with the plugins that are in the usual one.
fn logged_in(at: &Path) {
    fs_err::create_dir_all(at).expect("a folder");
    let plugins = crate::tool::plugins();
    symlink(plugins, at.join("cli-plugins")).expect("a link");
    // me:hunter2
    let config = r#"{"auths": {"registry.example": {"auth": "bWU6aHVudGVyMg=="}}}"#;
    fs_err::write(at.join("config.json"), config).expect("a file");
}

#[test]
fn a_container_is_handed_the_socket_and_the_credentials() {
    // Docker Compose mounts the usual socket, whichever engine it was told to use, and the engine makes a folder of what is
    // not there: it is asked only where one listens.
    let has_usual = UnixStream::connect("/var/run/docker.sock").is_ok();
    let tools = if has_usual { &BOTH[..] } else { &[Tool::Dev] };
    for &tool in tools {
        let project = Project::new(ASKS);
        let config = project.dir.join("config");
        logged_in(&config);
        let project = project.with("DOCKER_CONFIG", &config.to_string_lossy());
        project.up(tool);
        let said = project.inside("web", &["python", "-c", ASK]);
        let inspected = format!("{:?}", containers(&project.name));
        assert!(!inspected.contains("bWU6aHVudGVyMg"), "{tool:?}");
        if tool == Tool::Dev {
            // Nothing is to be done for it again.
            assert_eq!(project.done(tool, &["plan"]), "nothing to do\n");
        }
        assert_eq!(
            said, "OK\n{\"registry.example\": {\"auth\": \"bWU6aHVudGVyMg==\"}}\n",
            "{tool:?}"
        );
    }
}

#[test]
fn a_device_is_called_as_the_file_says_or_an_engine_that_cannot_is_told_of() {
    let file = r#"
services:
  web:
    image: dev.local/busybox
    init: true
    stop_grace_period: 1s
    command: [sleep, "1000"]
    networks:
      default: {interface_name: lan0, aliases: [w]}
      back: {interface_name: lan1}
networks: {back: {}}
"#;
    if minor_version() >= 49 {
        let seen = same(file, |project, tool| {
            project.up(tool);
            project.inside("web", &["ls", "/sys/class/net"])
        });
        assert_eq!(seen, "lan0\nlan1\nlo\n");
        return;
    }
    let [ours, theirs] = [Tool::Dev, Tool::Compose].map(|tool| {
        let project = Project::new(file);
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]),
            Tool::Compose => project.run(tool, &["up", "-d"]),
        };
        assert!(containers(&project.name).is_empty());
        ended
    });
    assert_eq!((ours.code, theirs.code), (1, 1));
    for part in ["`interface_name: lan", "28.1", "(API 1.49)"] {
        assert!(ours.printed.contains(part), "{ours:?}");
    }
    assert!(theirs.said.contains("interface_name"), "{theirs:?}");
}
