//! The greeting of MySQL and MariaDB:
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>, and
//! <https://mariadb.com/kb/en/connection/>.

use std::io;
use std::time::Duration;

use ring::digest::{Context, Digest, SHA1_FOR_LEGACY_USE_ONLY};
use secrecy::{ExposeSecret, SecretString};
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
const OK: u8 = 0;
/// The command that ends a session.
const QUIT: u8 = 1;
const NATIVE: &[u8] = b"mysql_native_password";
/// Bytes of a challenge.
const CHALLENGE: usize = 20;
/// Who asks where the service says nothing of its users.
const NOBODY: &str = "dev-probe";
/// CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH
const CAPABILITIES: u32 = 0x200 | 0x8000 | 0x0008_0000;
const UTF8: u8 = 33;

/// Passes when the server greets; an error packet is told in the server's own words. `login`: as whom to leave in order.
pub(super) async fn probe(address: Address, login: Option<&(String, SecretString)>) -> Answer {
    match attempt(address, login).await {
        Ok(answer) => answer,
        Err(error) => Answer::Failed(format!("mysql: {}", reason(&error))),
    }
}

async fn attempt(address: Address, login: Option<&(String, SecretString)>) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address.socket).await?;
    let (_, greeting) = packet(&mut stream).await?;
    match greeting.split_first() {
        Some((&PROTOCOL_10, rest)) => {
            let version = rest.split(|byte| *byte == 0).next().unwrap_or_default();
            let version = clean(&String::from_utf8_lossy(version), 60);
            // MariaDB puts this before its own, for old replicas.
            let version = version.strip_prefix("5.5.5-").unwrap_or(&version);
            let who = Who::new(login, challenge(rest));
            let _late = tokio::time::timeout(GOODBYE, goodbye(&mut stream, &who)).await;
            Ok(Answer::Passed(format!(
                "mysql: {version} accepts connections"
            )))
        }
        Some((&ERROR, rest)) => Ok(Answer::Failed(format!("mysql: {}", error_text(rest)))),
        _ => Err(io::Error::other("this is no MySQL")),
    }
}

/// The two parts of what a client is to mix with its password, from what follows the version of the protocol. Empty where the
/// greeting is shorter.
fn challenge(rest: &[u8]) -> Vec<u8> {
    let after_version = rest
        .iter()
        .position(|byte| *byte == 0)
        .map_or(0, |at| at + 1);
    let fields = rest.get(after_version..).unwrap_or_default();
    // The connection's number; the first part; then capabilities, character set, status, lengths and reserved bytes.
    match (fields.get(4..12), fields.get(31..43)) {
        (Some(first), Some(second)) => [first, second].concat(),
        _ => Vec::new(),
    }
}

/// As whom the probe logs in.
struct Who<'a> {
    login: Option<&'a (String, SecretString)>,
    /// Of the greeting.
    challenge: Vec<u8>,
}

impl<'a> Who<'a> {
    fn new(login: Option<&'a (String, SecretString)>, challenge: Vec<u8>) -> Self {
        // A name that would end too early is nobody's.
        let login = login.filter(|(user, _)| !user.is_empty() && !user.contains('\0'));
        Self { login, challenge }
    }

    fn user(&self) -> &str {
        self.login.map_or(NOBODY, |(user, _)| user)
    }

    /// `SHA1(password) xor SHA1(challenge, SHA1(SHA1(password)))`, as mysql_native_password has it; nothing for who has none.
    fn answer(&self, challenge: &[u8]) -> Vec<u8> {
        let Some((_, password)) = self.login else {
            return Vec::new();
        };
        let password = password.expose_secret();
        if password.is_empty() || challenge.len() != CHALLENGE {
            return Vec::new();
        }
        let once = sha1(&[password.as_bytes()]);
        let twice = sha1(&[once.as_ref()]);
        let mixed = sha1(&[challenge, twice.as_ref()]);
        let bytes = once.as_ref().iter().zip(mixed.as_ref());
        bytes.map(|(one, other)| one ^ other).collect()
    }
}

fn sha1(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    context.finish()
}

/// Ends the connection phase in order: logged in, and out again; where nobody is known to the probe, by a login that is refused.
/// Who hangs up after the greeting counts as a failed handshake, and after 100 of those (`max_connect_errors`) the server blocks
/// the whole host; a refused login does not. MariaDB writes a warning for either.
async fn goodbye(stream: &mut TcpStream, who: &Who<'_>) -> io::Result<()> {
    let mut login = CAPABILITIES.to_le_bytes().to_vec();
    login.extend(16_777_216_u32.to_le_bytes());
    login.push(UTF8);
    login.extend([0; 23]);
    login.extend(who.user().as_bytes());
    login.push(0);
    // The answer to the challenge, then the method that it is for.
    let answer = who.answer(&who.challenge);
    login.push(u8::try_from(answer.len()).unwrap_or(0));
    login.extend(answer);
    login.extend(NATIVE);
    login.push(0);
    send(stream, 1, &login).await?;
    let (number, mut reply) = packet(stream).await?;
    if let Some((&SWITCH, method)) = reply.split_first() {
        // Of other methods it knows none, and says so by an empty answer.
        let challenge = method.strip_prefix(NATIVE).and_then(|rest| rest.get(1..));
        let answer = challenge.map(|challenge| {
            let whole = challenge.get(..CHALLENGE);
            who.answer(whole.unwrap_or_default())
        });
        send(stream, number.wrapping_add(1), &answer.unwrap_or_default()).await?;
        reply = packet(stream).await?.1;
    }
    if reply.first() == Some(&OK) {
        send(stream, 0, &[QUIT]).await?;
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
