//! Against real sockets on loopback; the servers here do what real ones do while they start.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

mod databases;
mod http;
mod inside;
mod pace;
mod tcp;

/// No test waits longer.
const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("the state never came")
}

/// A server that treats its n-th connection as `serve` says.
async fn server<F, S>(serve: F) -> (SocketAddr, JoinHandle<()>)
where
    F: Fn(usize, TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        for n in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(n, stream));
        }
    });
    (address, task)
}

/// Says `text` once it has been asked something, then closes.
async fn say(mut stream: TcpStream, text: impl AsRef<[u8]>) {
    let mut asked = [0; 1024];
    let _read = stream.read(&mut asked).await;
    let _gone = stream.write_all(text.as_ref()).await;
}

fn prober(kind: ProbeKind, target: Target) -> Prober {
    let mut probe = Probe::new(kind);
    probe.timeout = Duration::from_millis(400);
    probe.every = Duration::from_millis(30);
    Prober {
        probe,
        target,
        subject: Subject {
            service: "api".to_owned(),
            index: 1,
            generation: Generation {
                id: "abc".to_owned(),
                started_at: "now".to_owned(),
            },
        },
        lines: None,
        exec: Arc::new(|_, _| Box::pin(async { Err("no container".to_owned()) })),
        execs: Arc::new(Semaphore::new(1)),
        login: None,
        objection: None,
        answered: None,
    }
}

fn direct(address: SocketAddr) -> Target {
    Target {
        bridge: Some(address.ip()),
        ..Target::default()
    }
}

fn published(port: u16, address: SocketAddr) -> Target {
    Target {
        bridge: None,
        published: [(port, address)].into(),
        ..Target::default()
    }
}

fn http(address: SocketAddr) -> Prober {
    prober(
        ProbeKind::Http {
            port: address.port(),
            path: "/health".to_owned(),
        },
        direct(address),
    )
}

async fn ask(prober: Prober) -> Answer {
    within(prober.attempt()).await
}

fn pass(text: &str) -> Answer {
    Answer::Passed(text.to_owned())
}

fn fail(text: &str) -> Answer {
    Answer::Failed(text.to_owned())
}

/// The reports of a running prober.
fn run(
    prober: Prober,
) -> (
    mpsc::Receiver<ProbeReport>,
    CancellationToken,
    JoinHandle<()>,
) {
    let (sender, receiver) = mpsc::channel(4);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(prober.run(sender, cancel.clone()));
    (receiver, cancel, task)
}

async fn until(reports: &mut mpsc::Receiver<ProbeReport>, passed: bool) -> ProbeReport {
    loop {
        let report = within(reports.recv()).await.expect("the prober ended");
        if report.passed == passed {
            return report;
        }
    }
}
