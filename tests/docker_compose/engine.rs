//! What the engine has, asked over its socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

/// The answer to a question such as `/containers/json`.
pub fn ask(path: &str) -> Value {
    let body = call("GET", path, "");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

/// Makes or removes something; whether the engine agrees is for later questions to tell.
pub fn call(method: &str, path: &str, body: &str) -> String {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    let mut stream = UnixStream::connect(socket).expect("an engine");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a limit");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("a question");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    body.to_owned()
}

fn of_project(project: &str) -> String {
    format!("%7B%22label%22%3A%5B%22com.docker.compose.project%3D{project}%22%5D%7D")
}

/// Every container of a project, inspected, by name.
pub fn containers(project: &str) -> Vec<Value> {
    let list = ask(&format!(
        "/containers/json?all=1&filters={}",
        of_project(project)
    ));
    let ids = list.as_array().expect("a list").iter();
    let mut found: Vec<Value> = ids
        .map(|container| ask(&format!("/containers/{}/json", text(&container["Id"]))))
        .collect();
    found.sort_by_key(|container| text(&container["Name"]).to_owned());
    found
}

pub fn networks(project: &str) -> Vec<Value> {
    let list = ask(&format!("/networks?filters={}", of_project(project)));
    let ids = list.as_array().expect("a list").iter();
    let mut found: Vec<Value> = ids
        .map(|network| ask(&format!("/networks/{}", text(&network["Id"]))))
        .collect();
    found.sort_by_key(|network| text(&network["Name"]).to_owned());
    found
}

pub fn volumes(project: &str) -> Vec<Value> {
    let list = ask(&format!("/volumes?filters={}", of_project(project)));
    let mut found = list["Volumes"].as_array().cloned().unwrap_or_default();
    found.sort_by_key(|volume| text(&volume["Name"]).to_owned());
    found
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// State, exit code, and when it was started, of a service's first container.
pub fn state(project: &str, service: &str) -> Option<(String, i64, String)> {
    let wanted = format!("/{project}-{service}-1");
    let found = containers(project);
    let container = found.iter().find(|c| text(&c["Name"]) == wanted)?;
    let state = &container["State"];
    Some((
        text(&state["Status"]).to_owned(),
        state["ExitCode"].as_i64().unwrap_or(-1),
        text(&state["StartedAt"]).to_owned(),
    ))
}

/// The names of a project's containers, without the project's.
pub fn names(project: &str) -> Vec<String> {
    let found = containers(project);
    let names = found.iter().map(|c| text(&c["Name"]));
    names.map(|name| name.replace(project, "P")).collect()
}

/// 41 of the API's version 1.41.
pub fn minor_version() -> u32 {
    let version = ask("/version");
    let minor = text(&version["ApiVersion"]).split('.').nth(1);
    minor
        .and_then(|minor| minor.parse().ok())
        .expect("a version")
}
