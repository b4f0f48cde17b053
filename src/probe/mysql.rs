//! The greeting of MySQL and MariaDB:
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{FOREIGN, clean};
use super::tcp::reason;
use super::{Address, Answer};

/// No packet of the connection phase that is read here is longer.
const LIMIT: usize = 4096;
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

const PROTOCOL_10: u8 = 10;
const ERROR: u8 = 0xff;
const SWITCH: u8 = 0xfe;
/// CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH
const CAPABILITIES: u32 = 0x200 | 0x8000 | 0x0008_0000;
const UTF8: u8 = 33;

/// Passes when the server greets; an error packet is told in the server's own words.
pub(super) async fn probe(address: Address) -> Answer {
    match attempt(address).await {
        Ok(answer) => answer,
        Err(error) => Answer::Failed(format!("mysql: {}", reason(&error))),
    }
}

async fn attempt(address: Address) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address.socket).await?;
    let (_, greeting) = packet(&mut stream).await?;
    match greeting.split_first() {
        Some((&PROTOCOL_10, rest)) => {
            let version = rest.split(|byte| *byte == 0).next().unwrap_or_default();
            let version = clean(&String::from_utf8_lossy(version), 60);
            // MariaDB puts this before its own, for old replicas.
            let version = version.strip_prefix("5.5.5-").unwrap_or(&version);
            let _late = tokio::time::timeout(GOODBYE, goodbye(&mut stream)).await;
            Ok(Answer::Passed(format!(
                "mysql: {version} accepts connections"
            )))
        }
        Some((&ERROR, rest)) => Ok(Answer::Failed(format!("mysql: {}", error_text(rest)))),
        _ => Err(io::Error::other("this is no MySQL")),
    }
}

/// Ends the connection phase in order, with a login that is refused. Who hangs up after the greeting counts as a failed
/// handshake, and after 100 of those (`max_connect_errors`) the server blocks the whole host; a refused login does not.
async fn goodbye(stream: &mut TcpStream) -> io::Result<()> {
    let mut login = CAPABILITIES.to_le_bytes().to_vec();
    login.extend(16_777_216_u32.to_le_bytes());
    login.push(UTF8);
    login.extend([0; 23]);
    login.extend(b"dev-probe\0");
    // An empty answer to the challenge, then the method that it would be for.
    login.push(0);
    login.extend(b"mysql_native_password\0");
    send(stream, 1, &login).await?;
    let (number, reply) = packet(stream).await?;
    if reply.first() == Some(&SWITCH) {
        send(stream, number.wrapping_add(1), &[]).await?;
        packet(stream).await?;
    }
    Ok(())
}

async fn send(stream: &mut TcpStream, number: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let mut bytes = vec![length[0], length[1], length[2], number];
    bytes.extend(payload);
    stream.write_all(&bytes).await
}

pub(super) async fn packet(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
    if length == 0 || length > LIMIT {
        return Err(io::Error::other("this is no MySQL"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((header[3], payload))
}

/// `Too many connections (1040)`
fn error_text(rest: &[u8]) -> String {
    let Some((code, text)) = rest.split_first_chunk() else {
        return "refused".to_owned();
    };
    let text = match text {
        // SQL state, once the protocol is agreed on.
        [b'#', _, _, _, _, _, text @ ..] => text,
        text => text,
    };
    format!(
        "{} ({})",
        clean(&String::from_utf8_lossy(text), FOREIGN),
        u16::from_le_bytes(*code)
    )
}
