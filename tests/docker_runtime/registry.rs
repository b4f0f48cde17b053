//! A registry with one image, for one user. Source: OCI Distribution Specification, "Pulling manifests", "Pulling blobs".

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// base64 of `me:secret`
pub const LOGIN: &str = "bWU6c2VjcmV0";

pub struct Registry {
    pub address: String,
    serving: JoinHandle<()>,
}

struct Content {
    /// By path: its type and its bytes.
    files: HashMap<String, (&'static str, Vec<u8>)>,
}

impl Registry {
    /// Serves `ADDRESS/NAME:1`.
    pub async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let content = Arc::new(content(name));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, content.clone()));
            }
        });
        Self { address, serving }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn content(name: &str) -> Content {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let text = name.as_bytes();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append_data(&mut header, "name.txt", text).unwrap();
    let layer = builder.into_inner().unwrap();
    let layer_digest = digest(&layer);
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","config":{{"Healthcheck":{{"Test":["CMD","true"]}}}},"rootfs":{{"type":"layers","diff_ids":["{layer_digest}"]}}}}"#,
        if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
    )
    .into_bytes();
    let config_digest = digest(&config);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer_digest}","size":{}}}]}}"#,
        config.len(),
        layer.len()
    )
    .into_bytes();
    let manifest_digest = digest(&manifest);
    let blob = |digest: &str| format!("/v2/{name}/blobs/{digest}");
    let files = [
        ("/v2/".to_owned(), ("text/plain", Vec::new())),
        (
            format!("/v2/{name}/manifests/1"),
            (MANIFEST, manifest.clone()),
        ),
        (
            format!("/v2/{name}/manifests/{manifest_digest}"),
            (MANIFEST, manifest),
        ),
        (blob(&config_digest), ("application/octet-stream", config)),
        (blob(&layer_digest), ("application/octet-stream", layer)),
    ];
    Content {
        files: files.into(),
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut program = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = program.wait_with_output().unwrap().stdout;
    let text = String::from_utf8(output).unwrap();
    format!("sha256:{}", text.split_whitespace().next().unwrap())
}

/// One request a connection.
async fn serve(stream: TcpStream, content: Arc<Content>) {
    let mut stream = BufReader::new(stream);
    // Current engines try TLS first, and go on without it after an answer in plain HTTP.
    if stream
        .fill_buf()
        .await
        .is_ok_and(|bytes| bytes.first() == Some(&0x16))
    {
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
        let _ = stream.shutdown().await;
        return;
    }
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(size) if size > 0 && !line.trim().is_empty() => lines.push(line.trim().to_owned()),
            Ok(size) if size > 0 => break,
            _ => return,
        }
    }
    let mut request = lines[0].split(' ');
    let (method, path) = (request.next().unwrap(), request.next().unwrap());
    let login = format!("authorization: basic {LOGIN}").to_lowercase();
    let allowed = lines.iter().any(|line| line.to_lowercase() == login);
    let (status, extra, kind, bytes) = match content.files.get(path) {
        _ if !allowed => (
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"test\"\r\n",
            "text/plain",
            &Vec::new(),
        ),
        Some((kind, bytes)) => ("200 OK", "", *kind, bytes),
        None => ("404 Not Found", "", "text/plain", &Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{extra}Content-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    if method != "HEAD" {
        let _ = stream.write_all(bytes).await;
    }
    let _ = stream.shutdown().await;
}
