use std::time::Instant;

use camino::Utf8PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;
use crate::engine::event::FailureClass;

/// An engine that answers every connection with `answer`; an empty one means that it hangs.
fn engine(answer: &'static str) -> (tempfile::TempDir, Environment, tokio::task::JoinHandle<()>) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("e.sock")).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            open.push(stream);
        }
    });
    (dir, named(&format!("unix://{path}")), task)
}

fn named(host: &str) -> Environment {
    Environment {
        variables: [("DOCKER_HOST".to_owned(), host.to_owned())].into(),
        home: None,
    }
}

#[tokio::test]
async fn the_older_of_both_versions_is_spoken() {
    for (theirs, ours) in [
        ("1.41", ApiVersion::new(1, 41)),
        ("1.99", ApiVersion::NEWEST),
    ] {
        let answer =
            format!("HTTP/1.1 200 OK\r\nApi-Version: {theirs}\r\nContent-Length: 2\r\n\r\nOK");
        let (_dir, environment, task) = engine(answer.leak());
        let docker = Docker::connect(&environment).await.unwrap();
        assert_eq!(docker.version(), ours);
        assert!(!docker.is_podman());
        task.abort();
    }
}

#[tokio::test]
async fn an_old_engine_is_refused() {
    let (_dir, environment, task) =
        engine("HTTP/1.1 200 OK\r\nApi-Version: 1.38\r\nContent-Length: 2\r\n\r\nOK");
    let error = Docker::connect(&environment).await.unwrap_err();
    assert_eq!(error.0.class, FailureClass::NoEngine);
    assert!(
        error.0.message.contains("too old: it speaks version 1.38"),
        "{error}"
    );
    task.abort();
}

#[tokio::test]
async fn something_else_on_the_socket_is_no_engine() {
    let (_dir, environment, task) = engine("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let error = Docker::connect(&environment).await.unwrap_err();
    assert!(
        error.0.detail[0].ends_with("answers, but is no container engine"),
        "{:?}",
        error.0
    );
    task.abort();
}

#[tokio::test]
async fn a_hanging_engine_is_given_up_at_the_deadline() {
    let (_dir, environment, task) = engine("");
    let error = Docker::connect_within(&environment, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::NoEngine);
    assert!(error.0.message.ends_with("does not answer"), "{error}");
    assert!(error.0.detail[0].ends_with("no answer within 50ms"));
    task.abort();
}

#[tokio::test]
async fn a_missing_engine_is_named_at_once() {
    let begin = Instant::now();
    let error = Docker::connect(&named("unix:///nowhere/docker.sock"))
        .await
        .unwrap_err();
    assert!(begin.elapsed() < DEADLINE);
    assert_eq!(
        error.0.message,
        "no container engine answers at unix:///nowhere/docker.sock (DOCKER_HOST)"
    );
    assert_eq!(
        error.0.detail,
        ["unix:///nowhere/docker.sock: no such socket"]
    );
    assert!(error.0.help.unwrap().contains("systemctl start docker"));
}
