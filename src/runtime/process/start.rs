//! Begins a life.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;
use fs_err as fs;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, sleep, timeout};

use super::launch::{Launch, Reply};
use super::record::Record;
use super::supervisor::SUPERVISE;
use super::{ProcessWorld, failed, trouble};
use crate::engine::event::FailureClass;
use crate::plan::desired::{PROCESS_ID, PortSpec, ProcessSpec};
use crate::plan::observed::{ObservedContainer, Status};
use crate::runtime::RuntimeError;
use crate::runtime::ring::DEFAULT_LIMIT;
use crate::runtime::sockets::owner;
use crate::stack::Protocol;

/// A supervisor that has not answered by then does not.
const ANSWER: Duration = Duration::from_secs(10);
/// A port may be in use for this long by what is just ending.
const PORT: Duration = Duration::from_millis(300);
const PORT_PAUSE: Duration = Duration::from_millis(20);

impl ProcessWorld {
    /// Starts a process; one of the same configuration that runs already is taken as it is.
    pub(super) async fn start(
        &self,
        spec: &ProcessSpec,
    ) -> Result<ObservedContainer, RuntimeError> {
        let id = spec.id();
        let name = id.strip_prefix(PROCESS_ID).unwrap_or(&id).to_owned();
        if let Some(record) = self.place.read(&name)
            && matches!(
                self.place.status(&name, &record),
                Status::Running | Status::Restarting
            )
            && record.config == spec.hash
        {
            return Ok(self.observed(&name, &record));
        }
        let what = format!("start {}", spec.name);
        for folder in [&self.place.records, &self.place.logs] {
            fs::create_dir_all(folder).map_err(|error| failed(&what, &error))?;
        }
        check_folder(&what, &spec.workdir)?;
        for port in &spec.ports {
            free_port(port, spec.movable).await?;
        }
        for left in [self.place.wish(&name), self.place.policy(&name)] {
            match fs::remove_file(&left) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(&what, &error));
                }
                _ => {}
            }
        }
        let launch = self.launch(spec, &name);
        let record = timeout(ANSWER, self.supervised(&launch)).await;
        let record = record
            .map_err(|_| trouble(format!("cannot {what}: its supervisor does not answer")))?;
        let record = record.map_err(|why| trouble(format!("cannot {what}: {why}")))?;
        Ok(self.observed(&name, &record))
    }

    fn launch(&self, spec: &ProcessSpec, name: &str) -> Launch {
        let texts = |values: &[crate::stack::resolve::Value]| -> Vec<String> {
            values.iter().map(|value| value.text.clone()).collect()
        };
        let env = spec.env.iter();
        Launch {
            name: name.to_owned(),
            record: Record {
                id: spec.id(),
                name: spec.name.clone(),
                service: spec.service.clone(),
                index: spec.index,
                config: spec.hash.clone(),
                started_at: String::new(),
                ports: spec.ports.iter().filter_map(listening).collect(),
                signal: spec.stop_signal.clone(),
                grace: u64::try_from(spec.stop_grace.as_millis()).unwrap_or(u64::MAX),
                supervisor: 0,
                pid: 0,
                born: String::new(),
                namespace: String::new(),
                restarting: false,
                exit: None,
                ended_at: 0,
            },
            command: spec.command.clone(),
            env: env
                .map(|(name, value)| (name.clone(), value.text.clone()))
                .collect(),
            workdir: spec.workdir.clone(),
            records: self.place.records.clone(),
            logs: self.place.logs.clone(),
            log_limit: spec.log_limit.map_or(DEFAULT_LIMIT, |limit| limit / 2),
            secrets: texts(&spec.secrets),
        }
    }

    /// # Errors
    /// In words.
    async fn supervised(&self, launch: &Launch) -> Result<Record, String> {
        let words = |error: std::io::Error| error.to_string();
        let mut child = tokio::process::Command::new(&self.program)
            // For people who look at what runs; the name says whose it is.
            .arg0("dev")
            .args([SUPERVISE, launch.record.name.as_str()])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(words)?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its supervisor cannot be spoken to".to_owned());
        };
        let text = serde_json::to_vec(launch).map_err(|error| error.to_string())?;
        stdin.write_all(&text).await.map_err(words)?;
        stdin.shutdown().await.map_err(words)?;
        drop(stdin);
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .await
            .map_err(words)?;
        match serde_json::from_str(&line) {
            Ok(Reply::Started(record)) => Ok(*record),
            Ok(Reply::Failed(why)) => Err(why),
            Err(_) => Err("its supervisor ended".to_owned()),
        }
    }
}

fn listening(port: &PortSpec) -> Option<(u16, Protocol, std::net::IpAddr, u16)> {
    Some((port.container, port.protocol, port.bind, port.host?))
}

fn check_folder(what: &str, folder: &Utf8Path) -> Result<(), RuntimeError> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(
        trouble(format!("cannot {what}: there is no folder {folder}"))
            .help("`workdir` is relative to the folder of the stack file"),
    )
}

/// Whether nobody listens where the process is going to: else a stranger would answer for it.
async fn free_port(port: &PortSpec, movable: bool) -> Result<(), RuntimeError> {
    let (Some(number), Protocol::Tcp) = (port.host, port.protocol) else {
        return Ok(());
    };
    let address = SocketAddr::new(port.bind, number);
    let late = Instant::now() + PORT;
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            // Whatever else is wrong with it, the process will say.
            _ => return Ok(()),
        }
        if Instant::now() >= late {
            break;
        }
        sleep(PORT_PAUSE).await;
    }
    let known = tokio::task::spawn_blocking(move || owner(address, Protocol::Tcp)).await;
    let owner = known
        .ok()
        .flatten()
        .unwrap_or_else(|| "something else".to_owned());
    let message = format!("the host port {address} is taken by {owner}");
    let error = RuntimeError::new(FailureClass::PortTaken, message);
    Err(match way_out(port, movable) {
        Some(help) => error.help(help),
        None => error,
    })
}

/// What stands in the way of another port; `None`: nothing does, and one is chosen.
fn way_out(port: &PortSpec, movable: bool) -> Option<String> {
    let PortSpec {
        name, container, ..
    } = port;
    match (port.auto, movable) {
        (true, _) => None,
        (false, true) => Some(format!(
            "end that, or write ports = {{ {name} = {container} }} without a fixed number: a free one is chosen then, and `env` tells the process already"
        )),
        (false, false) => Some(format!(
            "end that, or let another port be chosen, which the process is told in its `env`: PORT = \"${{self.{name}.port}}\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advised_is_not_there_already() {
        let port = |auto| PortSpec {
            name: "http".to_owned(),
            container: 3000,
            protocol: Protocol::Tcp,
            host: Some(3000),
            auto,
            bind: std::net::Ipv4Addr::LOCALHOST.into(),
            everywhere: false,
        };
        assert_eq!(way_out(&port(true), true), None);
        let untold = way_out(&port(false), false).unwrap();
        assert!(untold.contains("PORT = \"${self.http.port}\""), "{untold}");
        let fixed = way_out(&port(false), true).unwrap();
        assert!(fixed.contains("ports = { http = 3000 }"), "{fixed}");
        assert!(!fixed.contains("PORT"), "{fixed}");
    }
}
