use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{Address, Answer};

/// A connection through the engine's proxy has to live this long, or yield bytes, to count: without a listener behind
/// it the proxy ends it within a millisecond or so.
const PROOF: Duration = Duration::from_millis(50);

/// Passes when something listens.
pub(super) async fn probe(address: Address, port: u16) -> Answer {
    match attempt(address).await {
        Ok(()) => Answer::Passed(format!("tcp {port}: open")),
        Err(error) => Answer::Failed(format!("tcp {port}: {}", reason(&error))),
    }
}

async fn attempt(address: Address) -> io::Result<()> {
    let mut stream = TcpStream::connect(address.socket).await?;
    if !address.proxied {
        return Ok(());
    }
    let mut byte = [0];
    match tokio::time::timeout(PROOF, stream.read(&mut byte)).await {
        Err(_quiet) => Ok(()),
        Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error),
    }
}

/// An error of a connection in the words of a person who waits for a service.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe => "closed without an answer".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "no route to it".to_owned()
        }
        _ => error.to_string(),
    }
}
