//! A registry on loopback that takes what is pushed and gives it back. Source: OCI Distribution Specification, "Pushing
//! blobs", "Pushing manifests", "Pulling".

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::docker;

/// By path: its type and its bytes.
type Files = Mutex<HashMap<String, (String, Vec<u8>)>>;

static UPLOADS: AtomicU64 = AtomicU64::new(0);

pub struct Registry {
    /// `127.0.0.1:40000`
    address: String,
}

impl Registry {
    /// It ends with the tests.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let files: Arc<Files> = Arc::default();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let files = Arc::clone(&files);
                std::thread::spawn(move || while serve(&stream, &files).is_some() {});
            }
        });
        Self { address }
    }

    /// Pushes an image of the engine's as `NAME`, and takes that name away there.
    pub fn push(&self, image: &str, name: &str) -> String {
        let reference = format!("{}/{name}", self.address);
        docker(["tag", image, &reference]);
        docker(["push", "--quiet", &reference]);
        docker(["image", "rm", &reference]);
        reference
    }
}

/// One request; `None`: there is none any more.
fn serve(mut stream: &TcpStream, files: &Files) -> Option<()> {
    let mut from = BufReader::new(stream);
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)
        .ok()
        .filter(|size| *size > 0)?;
    let line = String::from_utf8_lossy(&line);
    let is_http = |line: &str| line.trim_end().ends_with("HTTP/1.1");
    let Some((method, target)) = line.split_once(' ').filter(|_| is_http(&line)) else {
        // Who begins with TLS goes on without it when told so.
        let _gone = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        return None;
    };
    let target = target.split(' ').next()?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        from.read_line(&mut header).ok().filter(|size| *size > 0)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let body = body(&mut from, &headers)?;
    let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("digest="))
        .map(|digest| digest.replace("%3A", ":"));
    let upload = path.split_once("/blobs/uploads").map(|(name, _)| name);
    let (status, further, content) = match (method, upload, digest) {
        ("POST" | "PUT", Some(name), Some(digest)) => {
            let mut whole = files.remove(path).map_or(Vec::new(), |(_, begun)| begun);
            whole.extend(body);
            let kind = "application/octet-stream".to_owned();
            files.insert(format!("{name}/blobs/{digest}"), (kind, whole));
            (
                "201 Created",
                format!("Location: {name}/blobs/{digest}\r\n"),
                Vec::new(),
            )
        }
        ("POST", Some(name), None) => {
            let place = format!(
                "{name}/blobs/uploads/{}",
                UPLOADS.fetch_add(1, Ordering::Relaxed)
            );
            files.insert(place.clone(), (String::new(), Vec::new()));
            ("202 Accepted", format!("Location: {place}\r\n"), Vec::new())
        }
        ("PATCH", Some(_), None) => {
            let (_, begun) = files.entry(path.to_owned()).or_default();
            begun.extend(body);
            let end = begun.len().saturating_sub(1);
            (
                "202 Accepted",
                format!("Location: {path}\r\nRange: 0-{end}\r\n"),
                Vec::new(),
            )
        }
        ("PUT", ..) => {
            let kind = headers.get("content-type").cloned().unwrap_or_default();
            let digest = sha256(&body);
            if let Some((name, _)) = path.rsplit_once('/') {
                files.insert(format!("{name}/{digest}"), (kind.clone(), body.clone()));
            }
            files.insert(path.to_owned(), (kind, body));
            (
                "201 Created",
                format!("Docker-Content-Digest: {digest}\r\n"),
                Vec::new(),
            )
        }
        _ if path == "/v2/" => ("200 OK", String::new(), Vec::new()),
        _ => match files.get(path) {
            None => ("404 Not Found", String::new(), Vec::new()),
            Some((kind, bytes)) => {
                let digest = sha256(bytes);
                let further =
                    format!("Content-Type: {kind}\r\nDocker-Content-Digest: {digest}\r\n");
                ("200 OK", further, bytes.clone())
            }
        },
    };
    let size = content.len();
    let mut answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{further}\r\n").into_bytes();
    if method != "HEAD" {
        answer.extend(content);
    }
    stream.write_all(&answer).ok()
}

fn body(from: &mut impl BufRead, headers: &HashMap<String, String>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if headers
        .get("transfer-encoding")
        .is_some_and(|how| how == "chunked")
    {
        loop {
            let mut size = String::new();
            from.read_line(&mut size).ok()?;
            let size = u64::from_str_radix(size.trim(), 16).ok()?;
            from.by_ref().take(size).read_to_end(&mut body).ok()?;
            from.read_line(&mut String::new()).ok()?;
            if size == 0 {
                return Some(body);
            }
        }
    }
    let size = headers
        .get("content-length")
        .and_then(|size| size.parse().ok());
    from.by_ref()
        .take(size.unwrap_or(0))
        .read_to_end(&mut body)
        .ok()?;
    Some(body)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
