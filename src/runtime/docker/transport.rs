//! The way to the engine: connections that are kept and used again, and the API version in every address.
//!
//! The client library opens a connection for each call and sends addresses without a version, so that an engine
//! newer than the library answers in a shape it does not know. Both are put right here, underneath it.

use std::future::Future;
use std::io::{self, BufReader};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::errors::Error;
use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use futures_util::Stream;
use http::{Request, Response, Uri};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::UnixStream;

use super::address::{Address, TlsFiles};
use super::version::ApiVersion;

/// The client library's request body.
pub(super) type Body =
    Either<Full<Bytes>, StreamBody<Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>>>;

/// Connections that nobody uses are closed after this time.
const IDLE: Duration = Duration::from_secs(30);
/// Kept open at most; a look uses eight at once.
const KEPT: usize = 12;

#[derive(Clone)]
pub(super) struct Transport {
    pool: Arc<Pool>,
    /// `None` only until the version is negotiated.
    version: Option<ApiVersion>,
}

enum Pool {
    Unix(Client<UnixConnector, Body>),
    Tcp(Client<HttpConnector, Body>),
    Tls(Client<HttpsConnector<HttpConnector>, Body>),
}

impl Transport {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// Certificate files that cannot be read, in words.
    pub fn new(address: &Address) -> Result<Self, String> {
        let pool = match address {
            Address::Unix(path) => Pool::Unix(pooled(UnixConnector {
                path: path.as_path().into(),
            })),
            Address::Tcp { tls: None, .. } => Pool::Tcp(pooled(http_connector())),
            Address::Tcp {
                tls: Some(files), ..
            } => {
                let config = tls_config(files)?;
                Pool::Tls(pooled(HttpsConnector::from((http_connector(), config))))
            }
        };
        Ok(Self {
            pool: Arc::new(pool),
            version: None,
        })
    }

    pub fn with_version(mut self, version: ApiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Scheme and host of addresses, as far as the pool tells connections apart by them.
    pub fn base(address: &Address) -> String {
        match address {
            Address::Unix(_) => "http://docker".to_owned(),
            Address::Tcp { host, tls: None } => format!("http://{host}"),
            Address::Tcp { host, tls: Some(_) } => format!("https://{host}"),
        }
    }

    /// Sends a request; ends when the answer's headers are there.
    pub fn send(
        &self,
        mut request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, Error>> + Send + use<> {
        let pool = self.pool.clone();
        let versioned = match self.version {
            Some(version) => add_version(request.uri(), version),
            None => Ok(request.uri().clone()),
        };
        async move {
            *request.uri_mut() = versioned?;
            let response = match &*pool {
                Pool::Unix(client) => client.request(request),
                Pool::Tcp(client) => client.request(request),
                Pool::Tls(client) => client.request(request),
            };
            Ok(response.await?)
        }
    }
}

/// `/containers/json` becomes `/v1.41/containers/json`.
fn add_version(uri: &Uri, version: ApiVersion) -> Result<Uri, Error> {
    let mut parts = uri.clone().into_parts();
    let path = parts
        .path_and_query
        .as_ref()
        .map_or("/", |path| path.as_str());
    parts.path_and_query = Some(format!("/v{version}{path}").parse()?);
    Ok(Uri::from_parts(parts)?)
}

fn pooled<C>(connector: C) -> Client<C, Body>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(KEPT)
        .build(connector)
}

fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

/// Trusts only the named authority, as the `docker` command does.
fn tls_config(files: &TlsFiles) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {error}", files.ca))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    match &files.client {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => {
            let private = PrivateKeyDer::from_pem_reader(open(key)?)
                .map_err(|error| format!("{key}: {error}"))?;
            builder
                .with_client_auth_cert(certificates(cert)?, private)
                .map_err(|error| format!("{cert}: {error}"))
        }
    }
}

fn certificates(path: &Utf8Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_reader_iter(open(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{path}: {error}"))
}

fn open(path: &Utf8Path) -> Result<BufReader<fs_err::File>, String> {
    Ok(BufReader::new(
        fs_err::File::open(path).map_err(|error| error.to_string())?,
    ))
}

#[derive(Clone)]
struct UnixConnector {
    path: Arc<Utf8Path>,
}

impl tower_service::Service<Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path: Utf8PathBuf = self.path.to_path_buf();
        Box::pin(async move { Ok(TokioIo::new(UnixStream::connect(&path).await?)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_gets_the_version() {
        let uri: Uri = "http://docker/containers/json?all=true".parse().unwrap();
        assert_eq!(
            add_version(&uri, ApiVersion::new(1, 41)).unwrap(),
            "http://docker/v1.41/containers/json?all=true"
        );
    }

    #[test]
    fn a_missing_certificate_is_named() {
        let address = Address::Tcp {
            host: "build:2376".into(),
            tls: Some(TlsFiles {
                ca: "/nowhere/ca.pem".into(),
                client: None,
            }),
        };
        let error = Transport::new(&address).err().unwrap();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
    }
}
