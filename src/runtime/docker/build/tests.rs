use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::mpsc::channel;

use super::{BuildOptions, Builder, BuiltImage, Deadlines, pairs};
use crate::engine::event::FailureClass;
use crate::plan::desired::BuildSpec;
use crate::runtime::docker::Docker;
use crate::runtime::{Environment, RuntimeError};
use crate::stack::resolve::Value;

/// What a fake engine does with a connection, by the path that is asked for.
#[derive(Clone, Copy)]
enum Does {
    Answer(&'static str),
    /// Sends this, and nothing more; the connection stays open.
    Hang(&'static str),
}

struct Fake {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
    docker: Docker,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const PONG: &str =
    "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
const NO_SUCH_PAGE: &str =
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Fake {
    async fn new(does: fn(&str) -> Does) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        std::fs::create_dir(dir.join("context")).expect("a folder");
        std::fs::write(dir.join("context/Dockerfile"), "FROM scratch\n").expect("a file");
        let listener = UnixListener::bind(dir.join("engine.sock")).expect("a socket");
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut request = vec![0; 64 << 10];
                    let length = stream.read(&mut request).await.unwrap_or(0);
                    let text = String::from_utf8_lossy(&request[..length]).into_owned();
                    let path = text.split_whitespace().nth(1).unwrap_or_default();
                    let asked = match path {
                        // Connecting asks without a version.
                        "/_ping" => Does::Answer(PONG),
                        path => does(path.strip_prefix("/v1.41").unwrap_or(path)),
                    };
                    let (answer, stays) = match asked {
                        Does::Answer(text) => (text, false),
                        Does::Hang(text) => (text, true),
                    };
                    let _ = stream.write_all(answer.as_bytes()).await;
                    // Takes what still comes: a stream that is cut off would be another fault.
                    while stays || answer.is_empty() {
                        if stream.read(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    while let Ok(Ok(1..)) =
                        tokio::time::timeout(Duration::from_millis(100), stream.read(&mut request))
                            .await
                    {}
                });
            }
        });
        let environment = Environment {
            variables: [(
                "DOCKER_HOST".to_owned(),
                format!("unix://{dir}/engine.sock"),
            )]
            .into(),
            home: None,
        };
        let docker = Docker::connect(&environment)
            .await
            .expect("the fake answers");
        Self {
            _folder: folder,
            dir,
            docker,
            server,
        }
    }

    fn spec(&self) -> BuildSpec {
        BuildSpec {
            tag: "gold-api".to_owned(),
            services: vec!["api".to_owned()],
            context: self.dir.join("context"),
            dockerfile: self.dir.join("context/Dockerfile"),
            target: Some("dev".to_owned()),
            args: vec![(
                "A".to_owned(),
                Value {
                    text: "x y".to_owned(),
                    secret: false,
                },
            )],
            secrets: Vec::new(),
            cache_from: vec!["gold-api:cache".to_owned()],
            platforms: vec!["linux/amd64".to_owned()],
            bases: Vec::new(),
            labels: vec![("a".to_owned(), "b".to_owned())],
            files: Some("def".to_owned()),
            hash: "abc".to_owned(),
            options: crate::stack::BuildOptions::default(),
        }
    }

    async fn build(&self, builder: Builder) -> Result<BuiltImage, RuntimeError> {
        let deadlines = Deadlines {
            silence: Duration::from_millis(300),
            answer: Duration::from_millis(300),
        };
        let (progress, _lines) = channel(10);
        let options = BuildOptions { builder, deadlines };
        let started = Instant::now();
        let result = self
            .docker
            .build_with(&self.spec(), options, Some(&progress))
            .await;
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
        result
    }
}

#[test]
fn a_source_of_layers_is_an_image_however_it_is_written() {
    let image = |source| super::cache_image(source);
    for source in [
        "shop:cache",
        "type=registry,ref=shop:cache",
        "ref=shop:cache",
    ] {
        assert_eq!(image(source), Some("shop:cache"), "{source}");
    }
    for source in [
        "type=local,src=/tmp/cache",
        "type=gha,ref=shop:cache",
        "type=registry",
    ] {
        assert_eq!(image(source), None, "{source}");
    }
}

fn class(result: Result<BuiltImage, RuntimeError>) -> FailureClass {
    result.expect_err("no image").0.class
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_gone_in_time() {
    let fake = Fake::new(|_| Does::Hang("")).await;
    assert_eq!(class(fake.build(Builder::Best).await), FailureClass::Engine);
}

#[tokio::test]
async fn no_engine_is_said_at_once() {
    let fake = Fake::new(|_| Does::Hang("")).await;
    std::fs::remove_file(fake.dir.join("engine.sock")).expect("there");
    assert_eq!(class(fake.build(Builder::Best).await), FailureClass::Engine);
}

#[tokio::test]
async fn an_engine_that_hangs_while_it_builds_is_gone_in_time() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PINGS: AtomicU32 = AtomicU32::new(0);
    // It answers the first two questions, then hangs.
    let fake = Fake::new(|path| match path {
        "/_ping" if PINGS.fetch_add(1, Ordering::Relaxed) < 2 => Does::Answer(PONG),
        "/_ping" => Does::Hang(""),
        _ => Does::Hang("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    })
    .await;
    assert_eq!(
        class(fake.build(Builder::Classic).await),
        FailureClass::Engine
    );
    assert_eq!(
        PINGS.load(Ordering::Relaxed),
        3,
        "silence alone does not end a build"
    );
}

#[tokio::test]
async fn an_engine_that_ends_the_stream_early_is_gone() {
    let fake = Fake::new(|path| match path {
        "/_ping" => Does::Answer(PONG),
        _ => Does::Answer(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"stream\":\"Step 1/1 : FROM scratch\\n\"}\r\n",
        ),
    }).await;
    assert_eq!(
        class(fake.build(Builder::Classic).await),
        FailureClass::Engine
    );
}

#[tokio::test]
async fn an_engine_without_sessions_builds_with_what_it_has() {
    let fake = Fake::new(|path| match path {
        "/_ping" => Does::Answer(PONG),
        "/session" => Does::Answer(NO_SUCH_PAGE),
        path if path.contains("version=1") => Does::Answer(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"aux\":{\"ID\":\"sha256:1\"}}\r\n",
        ),
        _ => Does::Answer(NO_SUCH_PAGE),
    })
    .await;
    assert_eq!(
        fake.build(Builder::Best).await.expect("an image").id,
        "sha256:1"
    );
}

#[tokio::test]
async fn an_error_before_the_stream_is_read_from_the_answer() {
    let fake = Fake::new(|path| match path {
        "/_ping" => Does::Answer(PONG),
        _ => Does::Answer(
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{\"message\":\"dockerfile parse error line 1: no\"}",
        ),
    }).await;
    let failure = fake.build(Builder::Classic).await.expect_err("no image").0;
    assert_eq!(failure.message, "Dockerfile:1: no");
}

#[tokio::test]
async fn a_missing_dockerfile_or_context_is_said_without_an_engine() {
    let fake = Fake::new(|_| Does::Hang("")).await;
    let (progress, _lines) = channel(1);
    for spec in [
        BuildSpec {
            dockerfile: fake.dir.join("none"),
            ..fake.spec()
        },
        BuildSpec {
            context: fake.dir.join("none"),
            ..fake.spec()
        },
        BuildSpec {
            context: fake.dir.join("none"),
            dockerfile: fake.dir.join("none/Dockerfile"),
            ..fake.spec()
        },
    ] {
        let failure = fake
            .docker
            .build(&spec, Some(&progress))
            .await
            .expect_err("no image")
            .0;
        assert_eq!(failure.class, FailureClass::Build);
        // Without the folder its Dockerfile is the least of it.
        assert!(!failure.message.contains("Dockerfile") || spec.context.is_dir());
        assert!(
            failure.message.contains(fake.dir.join("none").as_str()),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn the_engine_is_asked_for_what_the_spec_says() {
    let fake = Fake::new(|_| Does::Hang("")).await;
    let pairs = pairs(&fake.spec(), "Dockerfile");
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("t", "gold-api"),
            ("dockerfile", "Dockerfile"),
            ("buildargs", r#"{"A":"x y"}"#),
            ("labels", r#"{"a":"b","dev.build":"true"}"#),
            ("target", "dev"),
            ("cachefrom", r#"["gold-api:cache"]"#),
            ("platform", "linux/amd64"),
        ]
    );
}

#[test]
fn the_environment_may_ask_for_the_classic_builder() {
    assert_eq!(
        BuildOptions::from_environment(Some("0")).builder,
        Builder::Classic
    );
    assert_eq!(
        BuildOptions::from_environment(Some("1")).builder,
        Builder::Best
    );
    assert_eq!(BuildOptions::from_environment(None).builder, Builder::Best);
}
