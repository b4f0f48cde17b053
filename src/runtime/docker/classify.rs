//! From an engine's words to a class. Docker's and Podman's status codes are too coarse for it: a taken port, a full
//! disk and a missing mount are all 500.

use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;

/// Puts a fault into a sentence: "cannot `what`: …".
pub(super) fn failure(what: &str, fault: &Fault) -> RuntimeError {
    match fault {
        Fault::Late => RuntimeError::new(
            FailureClass::Engine,
            format!("cannot {what}: the engine does not answer in time"),
        )
        .help("it may be busy or stuck; `docker version` shows whether it answers at all"),
        Fault::Connection(cause) => RuntimeError::new(
            FailureClass::Engine,
            format!("cannot {what}: no connection to the engine ({cause})"),
        ),
        Fault::Nonsense(cause) => RuntimeError::new(
            FailureClass::Engine,
            format!("cannot {what}: the engine's answer makes no sense ({cause})"),
        ),
        Fault::Answer { status, words } => answer(what, *status, words),
    }
}

fn answer(what: &str, status: u16, words: &str) -> RuntimeError {
    let class = class_of(status, words);
    let (said, help) = match class {
        FailureClass::PortTaken => (
            match port_in(words) {
                Some(port) => format!("the host port {port} is taken"),
                None => "a host port is taken".to_owned(),
            },
            Some("free that port, or give the service another host port in the stack file"),
        ),
        FailureClass::DiskFull => (
            "no space left on the engine's disk".to_owned(),
            Some(
                "`docker system df` shows what takes the space; `docker builder prune` frees build caches",
            ),
        ),
        FailureClass::NameTaken => (
            "the name is taken".to_owned(),
            Some("remove what has it, or choose another name with `--name`"),
        ),
        _ => (first_sentence(words), help_for(words)),
    };
    let mut error = RuntimeError::new(class, format!("cannot {what}: {said}"));
    if said != words {
        error = error.detail(words.lines().map(str::to_owned).collect());
    }
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The class of an error answer. `status` is 0 inside a stream, where there is none.
pub(super) fn class_of(status: u16, words: &str) -> FailureClass {
    let lower = words.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["no space left on device", "disk quota exceeded"]) {
        FailureClass::DiskFull
    } else if has(&[
        "port is already allocated",
        "address already in use",
        "ports are not available",
        "conflicts with existing port",
    ]) {
        FailureClass::PortTaken
    } else if has(&[
        "container name",
        "network with name",
        "volume name",
        "the name",
    ]) && has(&["is already in use", "already exists", "is in use"])
        || (status == 409 && has(&["already exists"]))
    {
        FailureClass::NameTaken
    } else if has(&[
        "no such image",
        "image not known",
        "pull access denied",
        "manifest unknown",
        "manifest for ",
        "no matching manifest",
        "repository does not exist",
        "failed to resolve reference",
        "unable to find image",
    ]) {
        FailureClass::ImageMissing
    } else if status == 503
        || has(&[
            "context deadline exceeded",
            "cannot connect to the docker daemon",
            // Two networks of one name: the next look takes one of them away.
            "is ambiguous",
            // It went between the look and the call: the next look plans without it.
            "marked for removal",
        ])
        || is_gone(status, &lower)
    {
        FailureClass::Engine
    } else {
        FailureClass::Other
    }
}

/// Whether the answer is that there is no such container. `words` are in lower case.
fn is_gone(status: u16, words: &str) -> bool {
    let says = |part| words.contains(part);
    status == 404 && (says("no such container") || says("no container with name or id"))
}

/// Help for failures that have no class of their own and that newcomers meet.
fn help_for(words: &str) -> Option<&'static str> {
    let lower = words.to_lowercase();
    let table: &[(&[&str], &str)] = &[
        (
            &[
                "executable file not found",
                "no such file or directory: unknown",
            ],
            "the image does not have that program: look at `command` and `entrypoint` of the service",
        ),
        (
            &["bind source path does not exist"],
            "create that file or folder; with an engine elsewhere (devcontainer, virtual machine) the path has to exist there",
        ),
        (
            &[
                "non-overlapping ipv4 address pool",
                "all predefined address pools",
            ],
            "the engine has no address range left for another network: `docker network prune` frees those that nobody uses",
        ),
        (
            &["has active endpoints"],
            "other containers use that network: `docker network inspect` lists them; where it lists none, the engine has \
             miscounted, which its restart mends (the network does no harm: the next `dev up` uses it)",
        ),
        (
            &["permission denied"],
            "the engine was not allowed to do that: look at the file's owner, or at the engine's security options",
        ),
        (
            &["unable to find user", "no matching entries in passwd"],
            "the image does not know that user: give a number, or add the user in the Dockerfile",
        ),
    ];
    table
        .iter()
        .find(|(parts, _)| parts.iter().any(|part| lower.contains(part)))
        .map(|(_, help)| *help)
}

/// One line, without what the engine wraps around the cause.
fn first_sentence(words: &str) -> String {
    let line = words.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("the engine gives no reason").trim();
    let line = line
        .strip_prefix("Error response from daemon: ")
        .unwrap_or(line);
    line.strip_suffix(": unknown").unwrap_or(line).to_owned()
}

/// `127.0.0.1:8000` out of the words about a taken port.
///
/// Docker 20 writes `listen tcp4 127.0.0.1:8000: bind: …` or `Bind for 127.0.0.1:8000 failed`, current ones
/// `failed to bind host port for 127.0.0.1:8000:172.18.0.2:80/tcp: …`; Podman like the first.
pub(super) fn port_in(words: &str) -> Option<std::net::SocketAddr> {
    let after = [
        "listen tcp4 ",
        "listen tcp6 ",
        "listen tcp ",
        "listen udp4 ",
        "listen udp6 ",
        "listen udp ",
        "Bind for ",
        "bind for ",
        "host port for ",
        "host port ",
    ]
    .iter()
    .find_map(|mark| words.split_once(mark))?
    .1;
    let token = after.split([' ', ',']).next()?.trim_end_matches(':');
    let token = token.split('/').next()?;
    if let Some(rest) = token.strip_prefix('[') {
        let (ip, rest) = rest.split_once("]:")?;
        let port = rest.split(':').next()?;
        return Some((ip.parse::<std::net::IpAddr>().ok()?, port.parse().ok()?).into());
    }
    let mut parts = token.split(':');
    let (ip, port) = (parts.next()?, parts.next()?);
    let ip = if ip.is_empty() { "0.0.0.0" } else { ip };
    Some((ip.parse::<std::net::IpAddr>().ok()?, port.parse().ok()?).into())
}

#[cfg(test)]
mod tests;
