//! A BuildKit session of our own: a connection on which the roles turn round, and the engine asks for files and
//! secrets by gRPC. Protocol: <https://github.com/moby/buildkit/tree/master/session>, over `POST /session` of the
//! Docker Engine, upgraded to h2c.

mod auth;
mod files;
mod follow;
mod health;
mod secrets;
mod sender;
mod ssh;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use bytes::Bytes;
use camino::Utf8PathBuf;
use http::Method;
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use crate::runtime::Environment;
use crate::runtime::docker::Docker;
use crate::runtime::docker::fault::Fault;

pub(super) use files::Sent;

/// The methods that the engine may call; it asks for no others.
const METHODS: [&str; 6] = [
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
    "/grpc.health.v1.Health/Check",
];
/// Include and exclude patterns come as headers.
const HEADERS_LIMIT: u32 = 4 << 20;
/// BuildKit asks for each file with a frame of ten bytes, faster than files are read. h2 takes many small frames that wait
/// for an attack and ends the connection, by a measure that grows with this window: at half of it, about 250 bytes each.
/// A stream's own window of a mebibyte lets no more than 100,000 of them wait.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// What a session serves.
pub(super) struct Offer {
    /// Absolute.
    pub context: Utf8PathBuf,
    /// Further folders, absolute, by what the engine calls them.
    pub further: BTreeMap<String, Utf8PathBuf>,
    /// Absolute: where the Dockerfile lies.
    pub dockerfile_folder: Utf8PathBuf,
    pub secrets: Vec<(String, Vec<u8>)>,
    /// Sockets of SSH agents, by id.
    pub agents: Vec<(String, Utf8PathBuf)>,
    /// Where the credentials of registries are found.
    pub environment: Environment,
}

/// A served session. Dropping it ends it and everything that works for it.
pub(super) struct Session {
    pub id: String,
    pub sent: Arc<Sent>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Session {
    /// Opens a session and serves `offer` on it.
    ///
    /// # Errors
    /// A fault with status 404, 405 or 501: the engine knows no sessions.
    pub(super) async fn open(
        docker: &Docker,
        offer: Offer,
        within: Duration,
    ) -> Result<Self, Fault> {
        let id = random_id();
        let key = shared_key(&offer.context);
        let mut headers = vec![
            ("Connection", "Upgrade"),
            ("Upgrade", "h2c"),
            ("X-Docker-Expose-Session-Uuid", id.as_str()),
            ("X-Docker-Expose-Session-Name", "dev"),
            ("X-Docker-Expose-Session-Sharedkey", key.as_str()),
        ];
        headers.extend(METHODS.map(|method| ("X-Docker-Expose-Session-Grpc-Method", method)));
        let response = docker
            .raw(Method::POST, "/session", &headers, Bytes::new(), within)
            .await?;
        let upgraded = tokio::time::timeout(within, hyper::upgrade::on(response))
            .await
            .map_err(|_| Fault::Late)??;

        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let sent = Arc::new(Sent::default());
        let work = Work {
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let connection = hyper::server::conn::http2::Builder::new(work.clone())
            .max_header_list_size(HEADERS_LIMIT)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .serve_connection(upgraded, services(offer, &sent, &work));
        work.run(async move {
            // It ends when the engine is done with the build, or gone, which the build's own stream tells.
            let _ = connection.await;
        });
        Ok(Self {
            id,
            sent,
            tasks,
            stop: stop.drop_guard(),
        })
    }

    /// Ends the session and waits for what works for it.
    pub(super) async fn close(self) {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

type Services = TowerToHyperService<Routes>;

fn services(offer: Offer, sent: &Arc<Sent>, work: &Work) -> Services {
    let files = files::Files {
        context: offer.context,
        further: offer.further,
        dockerfile_folder: offer.dockerfile_folder,
        sent: Arc::clone(sent),
        work: work.clone(),
    };
    let secrets = secrets::Secrets {
        values: offer.secrets,
    };
    let routes = Routes::new(FileSyncServer::new(files))
        .add_service(SecretsServer::new(secrets))
        .add_service(SshServer::new(ssh::Agents {
            sockets: offer.agents,
            work: work.clone(),
        }))
        .add_service(AuthServer::new(auth::Auth {
            environment: offer.environment,
        }))
        .add_service(HealthServer::new(health::Alive));
    TowerToHyperService::new(routes)
}

/// Runs the session's tasks; all of them end with it.
#[derive(Debug, Clone)]
pub(super) struct Work {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Work {
    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// For work that reads files: it has to end by itself when nobody takes its output.
    fn run_blocking(&self, task: impl FnOnce() + Send + 'static) {
        self.tasks.spawn_blocking(task);
    }
}

impl<F> hyper::rt::Executor<F> for Work
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.run(async move {
            task.await;
        });
    }
}

/// 32 hex characters that nobody guesses: who knows a session's id can use it.
pub(super) fn random_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::time::SystemTime::now());
    format!("{:016x}{:016x}", half(), half())
}

/// Under this key BuildKit keeps a copy of the context, and asks next time only for what differs by size, time or mode.
/// So it names one folder on one machine.
fn shared_key(context: &Utf8PathBuf) -> String {
    use std::os::unix::fs::MetadataExt;
    let machine = fs_err::read("/etc/machine-id").unwrap_or_default();
    let host = fs_err::read("/proc/sys/kernel/hostname").unwrap_or_default();
    let folder = fs_err::metadata(context).map_or((0, 0), |m| (m.dev(), m.ino()));
    let mut hasher = blake3::Hasher::new();
    for part in [
        machine.as_slice(),
        &host,
        context.as_str().as_bytes(),
        format!("{folder:?}").as_bytes(),
    ] {
        hasher.update(part).update(&[0]);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
