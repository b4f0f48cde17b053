//! Finding the engine and agreeing on a version.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;

use super::address::{Address, Candidate, Source, candidates, no_engine};
use super::fault::Fault;
use super::named::Named;
use super::transport::{Body, Transport};
use super::version::ApiVersion;
use super::{Docker, Inner};
use crate::runtime::{Environment, RuntimeError};

/// An engine that does not answer a ping within this time is none.
pub const DEADLINE: Duration = Duration::from_secs(5);

const HOW_TO_GET_ONE: &str = "start Docker (`systemctl start docker`, Docker Desktop, Colima, …) or Podman's socket \
     (`systemctl --user start podman.socket`), or name an engine with DOCKER_HOST";

/// What the engine's answer to a ping says.
struct Ping {
    version: ApiVersion,
    podman: bool,
}

impl Docker {
    /// Connects to the engine that the environment names, else to the first usual socket that answers.
    ///
    /// # Errors
    /// `NoEngine`, within [`DEADLINE`]: nothing answers, or it is too old. The detail says what was tried.
    pub async fn connect(environment: &Environment) -> Result<Self, RuntimeError> {
        Self::connect_within(environment, DEADLINE).await
    }

    /// Whether there is no engine: nobody listens on any of the sockets where one would. One that is silent, or far away, may
    /// have something.
    pub fn is_absent(environment: &Environment) -> bool {
        let unheard = |candidate: &Candidate| match &candidate.address {
            Address::Unix(path) => std::os::unix::net::UnixStream::connect(path).is_err(),
            _ => false,
        };
        candidates(environment).is_ok_and(|all| all.iter().all(unheard))
    }

    async fn connect_within(
        environment: &Environment,
        deadline: Duration,
    ) -> Result<Self, RuntimeError> {
        let candidates = candidates(environment)?;
        let end = tokio::time::Instant::now() + deadline;
        let mut tried = Vec::new();
        for candidate in &candidates {
            match tokio::time::timeout_at(end, try_one(candidate, environment)).await {
                Ok(Ok(docker)) => return docker,
                Ok(Err(why)) => tried.push(format!("{}: {why}", candidate.address)),
                Err(_) => {
                    tried.push(format!(
                        "{}: no answer within {deadline:?}",
                        candidate.address
                    ));
                    return Err(silent(candidate, tried));
                }
            }
        }
        Err(unreachable_engine(&candidates, tried))
    }
}

/// `Err`: nothing there. `Ok(Err)`: an engine, but not one to work with.
async fn try_one(
    candidate: &Candidate,
    environment: &Environment,
) -> Result<Result<Docker, RuntimeError>, String> {
    if let Address::Unix(path) = &candidate.address
        && !path.exists()
    {
        return Err("no such socket".to_owned());
    }
    let transport = Transport::new(&candidate.address)?;
    let ping = ping(&transport, &candidate.address).await?;
    if ping.version < ApiVersion::MINIMUM {
        return Ok(Err(no_engine(format!(
            "the engine at {} is too old: it speaks version {} of the API, dev needs {}",
            candidate.address,
            ping.version,
            ApiVersion::MINIMUM
        ))
        .help(
            "Docker 19.03 and later, and Podman 4 and later, are new enough",
        )));
    }
    let version = ping.version.min(ApiVersion::NEWEST);
    let transport = transport.with_version(version);
    let client = client(&transport, &candidate.address).map_err(|error| error.to_string())?;
    Ok(Ok(Docker {
        inner: Arc::new(Inner {
            terminals: Mutex::default(),
            named: Named::default(),
            tidying: tokio_util::task::TaskTracker::new(),
            address: candidate.address.clone(),
            version,
            podman: ping.podman,
            client,
            transport,
            environment: environment.clone(),
        }),
        owner: None,
    }))
}

async fn ping(transport: &Transport, address: &Address) -> Result<Ping, String> {
    let request = Request::builder()
        .uri(format!("{}/_ping", Transport::base(address)))
        .body(Body::Left(Full::new(Bytes::new())))
        .map_err(|error| error.to_string())?;
    let response = transport
        .send(request)
        .await
        .map_err(|error| match Fault::from(error) {
            Fault::Connection(cause) => cause,
            other => format!("{other:?}"),
        })?;
    if !response.status().is_success() {
        return Err(format!(
            "answers with status {}",
            response.status().as_u16()
        ));
    }
    read_ping(response.headers()).ok_or_else(|| "answers, but is no container engine".to_owned())
}

fn read_ping(headers: &HeaderMap) -> Option<Ping> {
    let version = headers.get("Api-Version")?.to_str().ok()?.parse().ok()?;
    Some(Ping {
        version,
        podman: headers.contains_key("Libpod-Api-Version"),
    })
}

fn client(
    transport: &Transport,
    address: &Address,
) -> Result<bollard::Docker, bollard::errors::Error> {
    /// Seconds; the library's own limit covers uploads and builds as well, so each call here has its own instead.
    const NO_LIMIT: u64 = 24 * 60 * 60;
    let transport = transport.clone();
    bollard::Docker::connect_with_custom_transport(
        move |request| transport.send(request),
        Some(Transport::base(address)),
        NO_LIMIT,
        bollard::API_DEFAULT_VERSION,
    )
}

fn silent(candidate: &Candidate, tried: Vec<String>) -> RuntimeError {
    no_engine(format!(
        "the container engine at {} does not answer",
        candidate.address
    ))
    .detail(tried)
    .help("it may be stuck: restart it, or name another one with DOCKER_HOST")
}

fn unreachable_engine(candidates: &[Candidate], tried: Vec<String>) -> RuntimeError {
    let message = match candidates {
        [Candidate { address, source }] if *source != Source::Usual => {
            format!("no container engine answers at {address} ({source})")
        }
        _ => "no container engine answers".to_owned(),
    };
    let denied = tried
        .iter()
        .any(|line| line.to_lowercase().contains("permission denied"));
    no_engine(message).detail(tried).help(if denied {
        "there is a socket, but this user may not use it: join its group \
         (`sudo usermod -aG docker $USER`, then log in again), or use a rootless engine"
    } else {
        HOW_TO_GET_ONE
    })
}

#[cfg(test)]
mod tests;
