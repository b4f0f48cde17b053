//! `GET` over HTTP/1.1 (RFC 9112), as much of it as a health check needs.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{FOREIGN, clean};
use super::tcp::reason;
use super::{Address, Answer};

/// Bytes of an answer that are looked at, its head included.
const LIMIT: usize = 16 * 1024;
/// How long to wait for the body of a refusal once its head is there.
const BODY: Duration = Duration::from_millis(200);

/// Passes on status 200 to 399. A refusal is told with the first line of its body.
pub(super) async fn probe(address: Address, port: u16, path: &str) -> Answer {
    let path = encode(path);
    match attempt(address, port, &path).await {
        Ok(reply) => reply.answer(&path),
        Err(error) => Answer::Failed(format!("GET {path} → {}", reason(&error))),
    }
}

struct Reply {
    status: u16,
    phrase: String,
    body: String,
}

impl Reply {
    fn answer(self, path: &str) -> Answer {
        let mut text = format!("GET {path} → {}", self.status);
        if !self.phrase.is_empty() {
            let _infallible = write!(text, " {}", self.phrase);
        }
        if (200..400).contains(&self.status) {
            return Answer::Passed(text);
        }
        if !self.body.is_empty() {
            let _infallible = write!(text, ": {}", self.body);
        }
        Answer::Failed(text)
    }
}

async fn attempt(address: Address, port: u16, path: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address.socket).await?;
    // `localhost` is what development servers that check the host let in.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: dev-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(1024);
    loop {
        let end = head(&mut stream, &mut bytes).await?;
        let (status, phrase) = status_line(&bytes[..end])?;
        if (100..200).contains(&status) && status != 101 {
            // An interim answer: the real one follows.
            bytes.drain(..end);
            continue;
        }
        let body = if (200..400).contains(&status) {
            String::new()
        } else {
            body(&mut stream, bytes, end).await
        };
        return Ok(Reply {
            status,
            phrase,
            body,
        });
    }
}

/// Reads until the empty line that ends the head; where it ends.
async fn head(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        if let Some(end) = end_of_head(bytes) {
            return Ok(end);
        }
        // A server that is no HTTP server is known by its first bytes; there is no need to wait for more.
        let start = &bytes[..bytes.len().min(5)];
        if !b"HTTP/".starts_with(start) {
            return Err(no_http(bytes));
        }
        if bytes.len() >= LIMIT {
            return Err(io::Error::other("the head of the answer does not end"));
        }
        if stream.read_buf(bytes).await? == 0 {
            return Err(if bytes.is_empty() {
                io::ErrorKind::UnexpectedEof.into()
            } else {
                no_http(bytes)
            });
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let crlf = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4);
    let lf = bytes
        .windows(2)
        .position(|two| two == b"\n\n")
        .map(|at| at + 2);
    crlf.into_iter().chain(lf).min()
}

fn status_line(head: &[u8]) -> io::Result<(u16, String)> {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut parts = line.trim_end().splitn(3, ' ');
    let version = parts.next().unwrap_or_default();
    let status = parts
        .next()
        .and_then(|status| status.parse().ok())
        .filter(|status| (100..1000).contains(status));
    match status {
        Some(status) if version.starts_with("HTTP/") => {
            Ok((status, clean(parts.next().unwrap_or_default(), 60)))
        }
        _ => Err(no_http(head)),
    }
}

fn no_http(bytes: &[u8]) -> io::Error {
    let text = clean(&String::from_utf8_lossy(bytes), 60);
    io::Error::other(if text.is_empty() {
        "no HTTP".to_owned()
    } else {
        format!("no HTTP, but `{text}`")
    })
}

/// The first line of the body, as far as it comes soon.
async fn body(stream: &mut TcpStream, mut bytes: Vec<u8>, end: usize) -> String {
    let chunked = String::from_utf8_lossy(&bytes[..end])
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    let _late = tokio::time::timeout(BODY, async {
        while bytes.len() < LIMIT && stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let body = String::from_utf8_lossy(bytes.get(end..).unwrap_or_default()).into_owned();
    // The first chunk is preceded by a line with its size.
    let body = if chunked {
        body.split_once('\n').map_or("", |(_, rest)| rest)
    } else {
        &body
    };
    clean(body, FOREIGN)
}

/// A path that can stand in a request line, whatever the stack file says.
fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        out.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && byte != b'#' {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn a_path_cannot_break_out_of_the_request_line() {
        assert_eq!(encode("health"), "/health");
        assert_eq!(
            encode("/a b\r\nX: y?q=1&é"),
            "/a%20b%0D%0AX:%20y?q=1&%C3%A9"
        );
    }
}
