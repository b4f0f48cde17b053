//! A registry on loopback with one image that runs, which can be pushed anew. Source: OCI Distribution Specification,
//! "Pulling manifests", "Pulling blobs".

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub struct Registry {
    /// `127.0.0.1:40000/app:1`
    pub reference: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// By path.
    files: BTreeMap<String, Vec<u8>>,
    /// How often somebody asked for the tag.
    asked: usize,
}

impl Registry {
    /// What it serves is `dev.local/busybox` with `VERSION=…` in its environment.
    pub fn start(version: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let registry = Self {
            reference: format!("{address}/app:1"),
            shared: Arc::default(),
        };
        registry.push(version);
        let shared = Arc::clone(&registry.shared);
        // It ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        registry
    }

    pub fn push(&self, version: &str) {
        let saved = saved("dev.local/busybox");
        let index: Value = serde_json::from_slice(&saved["manifest.json"]).expect("a manifest");
        let of = |path: &Value| saved[path.as_str().expect("a path")].clone();
        let mut config: Value = serde_json::from_slice(&of(&index[0]["Config"])).expect("a config");
        config["config"]["Env"] = json!([format!("VERSION={version}"), "PATH=/bin:/usr/bin"]);
        let config = config.to_string().into_bytes();
        let layers = index[0]["Layers"].as_array().expect("layers").iter();
        let layers: Vec<Vec<u8>> = layers.map(of).collect();
        let described = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
        let layer = |bytes: &Vec<u8>| {
            let is_zipped = bytes.starts_with(&[0x1f, 0x8b]);
            let end = if is_zipped { "+gzip" } else { "" };
            described(
                &format!("application/vnd.oci.image.layer.v1.tar{end}"),
                bytes,
            )
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described("application/vnd.oci.image.config.v1+json", &config),
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        });
        let manifest = manifest.to_string().into_bytes();
        let mut shared = self.shared.lock().expect("nobody else failed");
        let files = &mut shared.files;
        files.insert("/v2/".to_owned(), Vec::new());
        for blob in layers.into_iter().chain([config]) {
            files.insert(format!("/v2/app/blobs/{}", digest(&blob)), blob);
        }
        files.insert(
            format!("/v2/app/manifests/{}", digest(&manifest)),
            manifest.clone(),
        );
        files.insert("/v2/app/manifests/1".to_owned(), manifest);
    }

    /// How often somebody asked for the tag since the last time that this was asked.
    pub fn asked(&self) -> usize {
        std::mem::take(&mut self.shared.lock().expect("nobody else failed").asked)
    }
}

/// The files of an image as `docker save` writes them.
fn saved(image: &str) -> BTreeMap<String, Vec<u8>> {
    let output = Command::new("docker").args(["save", image]).output();
    let output = output.expect("docker");
    assert!(output.status.success(), "{output:?}");
    let mut archive = tar::Archive::new(output.stdout.as_slice());
    let entries = archive.entries().expect("an archive");
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its content");
        (path, bytes)
    };
    entries.map(read).collect()
}

fn digest(bytes: &[u8]) -> String {
    let mut program = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum");
    let mut stdin = program.stdin.take().expect("its input");
    stdin.write_all(bytes).expect("it reads");
    drop(stdin);
    let output = program.wait_with_output().expect("it ends").stdout;
    let text = String::from_utf8(output).expect("text");
    format!("sha256:{}", text.split_whitespace().next().expect("a sum"))
}

/// One request a connection.
fn serve(stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream);
    let Ok(begin) = reader.fill_buf() else { return };
    // Current engines try TLS first, and go on without it after an answer in plain HTTP.
    let is_tls = begin.first() == Some(&0x16);
    let mut request = String::new();
    let mut line = String::new();
    while !is_tls && reader.read_line(&mut line).is_ok_and(|size| size > 2) {
        if request.is_empty() {
            request.clone_from(&line);
        }
        line.clear();
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let found = {
        let mut shared = shared.lock().expect("nobody else failed");
        shared.asked += usize::from(path.ends_with("/manifests/1"));
        shared.files.get(path).cloned()
    };
    let status = match (&found, is_tls) {
        (_, true) => "400 Bad Request",
        (Some(_), _) => "200 OK",
        (None, _) => "404 Not Found",
    };
    let bytes = found.unwrap_or_default();
    let kind = match path.contains("/manifests/") {
        true => format!("{MANIFEST}\r\nDocker-Content-Digest: {}", digest(&bytes)),
        false => "application/octet-stream".to_owned(),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    let mut stream = reader.into_inner();
    // Whoever goes away has heard enough.
    let _gone = stream.write_all(head.as_bytes());
    if method != "HEAD" {
        let _gone = stream.write_all(&bytes);
    }
}
