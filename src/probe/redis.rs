//! `PING` in the protocol of Redis: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{FOREIGN, clean};
use super::tcp::reason;
use super::{Address, Answer};

/// No answer to `PING` is longer.
const LIMIT: usize = 1024;

/// Passes on `+PONG`, and on `-NOAUTH`: whoever asks for a password is there.
pub(super) async fn probe(address: Address) -> Answer {
    let line = match attempt(address).await {
        Ok(line) => line,
        Err(error) => return Answer::Failed(format!("redis: {}", reason(&error))),
    };
    let text = format!(
        "redis: {}",
        clean(line.get(1..).unwrap_or_default(), FOREIGN)
    );
    if line.starts_with("+PONG") || line.starts_with("-NOAUTH") {
        Answer::Passed(text)
    } else if line.starts_with(['+', '-']) {
        Answer::Failed(text)
    } else {
        Answer::Failed(format!(
            "redis: this is no Redis, but says `{}`",
            clean(&line, 60)
        ))
    }
}

async fn attempt(address: Address) -> io::Result<String> {
    let mut stream = TcpStream::connect(address.socket).await?;
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").await?;
    let mut bytes = Vec::new();
    while !bytes.contains(&b'\n') && bytes.len() < LIMIT {
        if stream.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}
