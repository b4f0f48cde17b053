use std::sync::Arc;
use std::sync::Mutex;

use camino::Utf8PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::*;
use crate::runtime::Environment;

/// An engine with a network on which it counts one endpoint.
struct Engine {
    docker: Docker,
    /// What it was asked to take away, and how often to remove the network.
    asked: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// `listed`: what inspecting the network shows; `container`: the state of each container, `None`: it is gone.
fn answered(
    request: &str,
    asked: &mut Vec<String>,
    listed: &str,
    container: Option<&str>,
) -> String {
    let mut words = request.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = path.strip_prefix("/v1.41").unwrap_or(path);
    match (method, path) {
        (_, "/_ping") => answer("200 OK", "OK"),
        ("DELETE", _) => {
            asked.push("remove".to_owned());
            match asked.iter().any(|asked| asked.contains("ghost")) {
                true => answer("204 No Content", ""),
                false => answer(
                    "403 Forbidden",
                    r#"{"message":"network gold_default id 1b has active endpoints"}"#,
                ),
            }
        }
        ("POST", _) => {
            asked.push(request.lines().last().unwrap_or_default().to_owned());
            answer("200 OK", "")
        }
        (_, path) if path.starts_with("/containers/") => match container {
            None => answer("404 Not Found", r#"{"message":"No such container"}"#),
            Some(state) => answer(
                "200 OK",
                &format!(r#"{{"Id":"c1","State":{{"Status":"{state}"}}}}"#),
            ),
        },
        _ => answer(
            "200 OK",
            &format!(r#"{{"Name":"gold_default","Containers":{listed}}}"#),
        ),
    }
}

async fn engine(listed: &'static str, container: Option<&'static str>) -> Engine {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("e.sock")).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut request, mut buffer) = (String::new(), [0; 4096]);
            // Its body may come by itself.
            loop {
                let length = stream.read(&mut buffer).await.unwrap_or(0);
                request.push_str(&String::from_utf8_lossy(&buffer[..length]));
                let whole = !request.starts_with("POST") || request.ends_with('}');
                if whole || length == 0 {
                    break;
                }
            }
            let answer = answered(&request, &mut noted.lock().unwrap(), listed, container);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let environment = Environment {
        variables: [("DOCKER_HOST".to_owned(), format!("unix://{path}"))].into(),
        home: None,
    };
    Engine {
        docker: Docker::connect(&environment).await.unwrap(),
        asked,
        server,
        _dir: dir,
    }
}

const GHOST: &str = r#"{"ep-1b":{"Name":"ghost"}}"#;
const LIMIT: Duration = Duration::from_millis(600);

#[tokio::test]
async fn what_is_listed_though_it_is_gone_is_taken_from_a_network() {
    let engine = engine(GHOST, None).await;
    engine.docker.remove_network("gold_default").await.unwrap();
    let asked = engine.asked.lock().unwrap().clone();
    let [first, taken, last] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!([first, last], ["remove", "remove"]);
    assert!(taken.contains("ghost") && taken.contains("true"), "{taken}");
}

#[tokio::test]
async fn what_is_there_stays_on_its_network_and_is_told_at_once() {
    let engine = engine(r#"{"c1":{"Name":"ghost"}}"#, Some("running")).await;
    let error = engine
        .docker
        .remove_network("gold_default")
        .await
        .unwrap_err();
    assert!(error.0.message.contains("active endpoints"), "{error}");
    assert_eq!(*engine.asked.lock().unwrap(), ["remove"]);
}

#[tokio::test]
async fn what_an_engine_counts_and_does_not_list_is_waited_for_and_then_told() {
    let engine = engine("{}", None).await;
    let error = engine
        .docker
        .remove_network_within("gold_default", LIMIT)
        .await;
    assert!(error.unwrap_err().0.message.contains("active endpoints"));
    let asked = engine.asked.lock().unwrap().len();
    assert!(asked > 1, "{asked}");
}
