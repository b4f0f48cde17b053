//! The start of PostgreSQL's protocol 3.0: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{FOREIGN, clean};
use super::tcp::reason;
use super::{Address, Answer};

const VERSION_3: u32 = 196_608;
/// No message of a start-up is longer; a longer one is no PostgreSQL.
const LIMIT: u32 = 16 * 1024;
/// Messages between "let in" and "ready for a query".
const MESSAGES: usize = 64;
const AUTHENTICATION_OK: u32 = 0;

/// Passes when the server asks for a password or lets in; else tells the server's own words.
pub(super) async fn probe(address: Address, user: &str, database: &str) -> Answer {
    match attempt(address, user, database).await {
        Ok(answer) => answer,
        Err(error) => Answer::Failed(format!("postgres: {}", reason(&error))),
    }
}

async fn attempt(address: Address, user: &str, database: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address.socket).await?;
    stream.write_all(&startup(user, database)).await?;
    for _ in 0..MESSAGES {
        let (kind, body) = message(&mut stream).await?;
        match kind {
            b'R' if code(&body) == Some(AUTHENTICATION_OK) => {}
            // It asks for a password. Closing now is what it is used to, and logs nothing; a goodbye would be an error.
            b'R' => return Ok(Answer::Passed("postgres: accepts connections".to_owned())),
            b'Z' => {
                let _gone = stream.write_all(&[b'X', 0, 0, 0, 4]).await;
                return Ok(Answer::Passed("postgres: ready for queries".to_owned()));
            }
            b'E' => return Ok(Answer::Failed(format!("postgres: {}", error_text(&body)))),
            // Parameters, the cancellation key, notices.
            b'S' | b'K' | b'N' | b'v' => {}
            _ => return Err(io::Error::other("this is no PostgreSQL")),
        }
    }
    Err(io::Error::other(
        "the server does not get ready for queries",
    ))
}

fn startup(user: &str, database: &str) -> Vec<u8> {
    let mut body = VERSION_3.to_be_bytes().to_vec();
    for (name, value) in [
        ("user", user),
        ("database", database),
        ("application_name", "dev"),
    ] {
        for text in [name, value] {
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        }
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [length.to_be_bytes().to_vec(), body].concat()
}

async fn message(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    let length = stream.read_u32().await?;
    if !(4..=LIMIT).contains(&length) {
        return Err(io::Error::other("this is no PostgreSQL"));
    }
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn code(body: &[u8]) -> Option<u32> {
    body.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// `the database system is starting up (57P03)`
fn error_text(body: &[u8]) -> String {
    let (mut message, mut state) = (String::new(), String::new());
    for field in body.split(|byte| *byte == 0) {
        let Some((kind, text)) = field.split_first() else {
            continue;
        };
        let text = || clean(&String::from_utf8_lossy(text), FOREIGN);
        match kind {
            b'M' => message = text(),
            b'C' => state = text(),
            _ => {}
        }
    }
    match (message.is_empty(), state.is_empty()) {
        (false, false) => format!("{message} ({state})"),
        (false, true) => message,
        _ => format!("refused ({state})"),
    }
}
