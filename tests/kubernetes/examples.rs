//! The examples, promoted as they are, in a namespace that takes only pods that pass the `restricted` Pod Security Standard.
//! Each has one check from outside, `e2e`, which is the same that a stack on Docker passes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Stack, until};

pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

/// What is built under a stack's name goes with it, on the engine and in the cluster's containerd.
pub struct Images<'a>(pub &'a str);

impl Drop for Images<'_> {
    fn drop(&mut self) {
        let built = format!("{}-", self.0);
        let docker = ["docker", "image"].map(str::to_owned);
        remove(
            &docker,
            &["ls", "--format={{.Repository}}:{{.Tag}}"],
            &built,
        );
        if let Ok(address) = std::env::var("CONTAINERD_ADDRESS") {
            let ctr = [
                "ctr",
                "--address",
                &address,
                "--namespace",
                "k8s.io",
                "images",
            ];
            remove(&ctr.map(str::to_owned), &["ls", "--quiet"], &built);
        }
    }
}

fn remove(program: &[String], list: &[&str], built: &str) {
    let run = |arguments: &[&str]| {
        let (first, rest) = program.split_first()?;
        let output = Command::new(first).args(rest).args(arguments).output();
        Some(String::from_utf8_lossy(&output.ok()?.stdout).into_owned())
    };
    let all = run(list).unwrap_or_default();
    for name in all.lines().filter(|name| name.contains(built)) {
        let _gone = run(&["rm", name]);
    }
}

/// Serves the Ingress objects that there are now; where, `198.51.100.1:80`.
#[track_caller]
fn ingress(stack: &Stack) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/cluster");
    let served = Command::new(script).arg("ingress").status();
    assert!(served.is_ok_and(|served| served.success()), "the ingress");
    let path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}";
    let address = stack.kubectl(&["get", "nodes", "--output", path]);
    format!("{}:80", address.trim())
}

/// The status line and the rest of an answer; nothing where there is none.
fn get(address: &str, host: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn two_people_exchange_a_message_through_the_ingress() {
    let stack = Stack::copy_of(&example("secumsg"));
    let _images = Images(&stack.name);
    stack.kubectl(&["create", "namespace", &stack.name]);
    let strict = "pod-security.kubernetes.io/enforce=restricted";
    stack.kubectl(&["label", "namespace", &stack.name, strict]);
    stack.dev(&["promote", "--env", "offline"]).expect(0);

    exchanged(&stack, "secumsg.localhost");

    let again = stack.dev(&["promote", "--env", "offline"]).expect(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
}

/// Two people exchange a message through the ingress, with what `e2e` of the example says.
#[track_caller]
pub fn exchanged(stack: &Stack, host: &str) {
    let address = ingress(stack);
    until("the ingress passes requests on", || {
        get(&address, host, "/health").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    });
    let url = format!("http://{host}");
    let mut e2e = Command::new(stack.path("e2e"));
    let checked = e2e.args(["--connect", &address, &url]).output();
    let checked = checked.expect("python3 runs it");
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}
