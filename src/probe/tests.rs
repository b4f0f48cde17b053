//! Against real sockets on loopback; the servers here do what real ones do while they start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// No test waits longer.
const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("the state never came")
}

/// A server that treats its n-th connection as `serve` says.
async fn server<F, S>(serve: F) -> (SocketAddr, JoinHandle<()>)
where
    F: Fn(usize, TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        for n in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(n, stream));
        }
    });
    (address, task)
}

/// Says `text` once it has been asked something, then closes.
async fn say(mut stream: TcpStream, text: impl AsRef<[u8]>) {
    let mut asked = [0; 1024];
    let _read = stream.read(&mut asked).await;
    let _gone = stream.write_all(text.as_ref()).await;
}

fn prober(kind: ProbeKind, target: Target) -> Prober {
    let mut probe = Probe::new(kind);
    probe.timeout = Duration::from_millis(400);
    probe.every = Duration::from_millis(30);
    Prober {
        probe,
        target,
        subject: Subject {
            service: "api".to_owned(),
            index: 1,
            generation: Generation {
                id: "abc".to_owned(),
                started_at: "now".to_owned(),
            },
        },
        lines: None,
        exec: Arc::new(|_, _| Box::pin(async { Err("no container".to_owned()) })),
        execs: Arc::new(Semaphore::new(1)),
    }
}

fn direct(address: SocketAddr) -> Target {
    Target {
        bridge: Some(address.ip()),
        published: BTreeMap::new(),
    }
}

fn published(port: u16, address: SocketAddr) -> Target {
    Target {
        bridge: None,
        published: [(port, address)].into(),
    }
}

fn http(address: SocketAddr) -> Prober {
    prober(
        ProbeKind::Http {
            port: address.port(),
            path: "/health".to_owned(),
        },
        direct(address),
    )
}

async fn ask(prober: Prober) -> Answer {
    within(prober.attempt()).await
}

fn pass(text: &str) -> Answer {
    Answer::Passed(text.to_owned())
}

fn fail(text: &str) -> Answer {
    Answer::Failed(text.to_owned())
}

/// The reports of a running prober.
fn run(
    prober: Prober,
) -> (
    mpsc::Receiver<ProbeReport>,
    CancellationToken,
    JoinHandle<()>,
) {
    let (sender, receiver) = mpsc::channel(4);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(prober.run(sender, cancel.clone()));
    (receiver, cancel, task)
}

async fn until(reports: &mut mpsc::Receiver<ProbeReport>, passed: bool) -> ProbeReport {
    loop {
        let report = within(reports.recv()).await.expect("the prober ended");
        if report.passed == passed {
            return report;
        }
    }
}

#[tokio::test]
async fn http_tells_the_status_and_why_it_refuses() {
    let (address, _server) = server(|n, stream| {
        say(stream, match n {
            0 => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 16\r\n\r\n\n no database yet",
            1 => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok!",
            2 => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302\r\nLocation: /login\r\n\r\n",
            3 => "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nboom!\r\n0\r\n\r\n",
            4 => "HTTP/1.0 404 Not Found\n\n",
            _ => "HTTP/1.1 abc\r\n\r\n",
        })
    })
    .await;
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → 503 Service Unavailable: no database yet")
    );
    assert_eq!(ask(http(address)).await, pass("GET /health → 200 OK"));
    assert_eq!(ask(http(address)).await, pass("GET /health → 302"));
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → 500 Oops: boom!")
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → 404 Not Found")
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → no HTTP, but `HTTP/1.1 abc`")
    );
}

#[tokio::test]
async fn http_survives_bad_servers() {
    let (address, _server) = server(|n, mut stream| async move {
        match n {
            0 => drop(stream),
            1 => say(stream, "\u{1b}[31m-ERR unknown command\r\n").await,
            2 => {
                // A body without an end.
                let _gone = stream.write_all(b"HTTP/1.1 500 Large\r\n\r\n").await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            }
            3 => {
                // A head without an end.
                let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
                while stream.write_all(b"X-Header: yes\r\n").await.is_ok() {}
            }
            _ => {
                // One byte now and then, forever.
                for byte in b"HTTP/1.1 200 OK\r\nX: y".iter().cycle() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            }
        }
    })
    .await;
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → closed without an answer")
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → no HTTP, but `-ERR unknown command`")
    );
    let large = ask(http(address)).await.into_text();
    assert!(
        large.starts_with("GET /health → 500 Large: xxx") && large.chars().count() < 220,
        "{large}"
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → the head of the answer does not end")
    );
    let begun = Instant::now();
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health: no answer within 400ms")
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_published_port_without_a_listener_behind_it_is_not_ready() {
    let (address, _server) = server(|n, stream| async move {
        match n {
            // What the engine's proxy does.
            0 | 1 => drop(stream),
            // A listener that waits to be asked.
            _ => tokio::time::sleep(DEADLINE).await,
        }
    })
    .await;
    let tcp = |target| prober(ProbeKind::Tcp { port: 80 }, target);
    assert_eq!(
        ask(tcp(published(80, address))).await,
        fail("tcp 80: closed without an answer")
    );
    let http = prober(
        ProbeKind::Http {
            port: 80,
            path: "/".to_owned(),
        },
        published(80, address),
    );
    assert_eq!(ask(http).await, fail("GET / → closed without an answer"));
    assert_eq!(ask(tcp(published(80, address))).await, pass("tcp 80: open"));
    let nowhere = ask(tcp(Target::default())).await.into_text();
    assert!(nowhere.contains("port 80 is not published"), "{nowhere}");
}

#[tokio::test]
async fn tcp_is_refused_until_someone_listens() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let (mut reports, cancel, task) = run(prober(
        ProbeKind::Tcp {
            port: address.port(),
        },
        direct(address),
    ));
    let first = within(reports.recv()).await.unwrap();
    assert_eq!(
        first.answer,
        format!("tcp {}: connection refused", address.port())
    );
    let _listener = TcpListener::bind(address).await.unwrap();
    let report = until(&mut reports, true).await;
    assert_eq!(
        (
            report.service.as_str(),
            report.index,
            report.generation.id.as_str()
        ),
        ("api", 1, "abc")
    );
    cancel.cancel();
    within(task).await.unwrap();
}

fn postgres_message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

#[tokio::test]
async fn postgres_is_ready_when_it_asks_for_a_password_or_lets_in() {
    let (address, _server) = server(|n, stream| async move {
        let starting = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
        let missing = b"SFATAL\0C3D000\0Mdatabase \"gold\" does not exist\0\0";
        let let_in = postgres_message(b'R', &[0, 0, 0, 0]);
        let ready = postgres_message(b'Z', b"I");
        say(
            stream,
            match n {
                0 => postgres_message(b'E', starting),
                1 => postgres_message(b'R', &[0, 0, 0, 10, b'S', b'C']),
                2 => [let_in, postgres_message(b'S', b"a\0b\0"), ready].concat(),
                3 => [let_in, postgres_message(b'E', missing)].concat(),
                4 => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
                _ => Vec::new(),
            },
        )
        .await;
    })
    .await;
    let postgres = || {
        let (user, database) = ("dev".to_owned(), "gold".to_owned());
        prober(
            ProbeKind::Postgres {
                port: address.port(),
                user,
                database,
            },
            direct(address),
        )
    };
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: the database system is starting up (57P03)")
    );
    assert_eq!(ask(postgres()).await, pass("postgres: accepts connections"));
    assert_eq!(ask(postgres()).await, pass("postgres: ready for queries"));
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: database \"gold\" does not exist (3D000)")
    );
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: this is no PostgreSQL")
    );
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: closed without an answer")
    );
}

#[tokio::test]
async fn redis_is_ready_when_it_answers_but_not_while_it_loads() {
    let (address, _server) = server(|n, stream| {
        say(
            stream,
            match n {
                0 => "-LOADING Redis is loading the dataset in memory\r\n",
                1 => "-NOAUTH Authentication required.\r\n",
                2 => "+PONG\r\n",
                3 => "HTTP/1.1 400 Bad Request\r\n\r\n",
                _ => "",
            },
        )
    })
    .await;
    let redis = || {
        prober(
            ProbeKind::Redis {
                port: address.port(),
            },
            direct(address),
        )
    };
    assert_eq!(
        ask(redis()).await,
        fail("redis: LOADING Redis is loading the dataset in memory")
    );
    assert_eq!(
        ask(redis()).await,
        pass("redis: NOAUTH Authentication required.")
    );
    assert_eq!(ask(redis()).await, pass("redis: PONG"));
    assert_eq!(
        ask(redis()).await,
        fail("redis: this is no Redis, but says `HTTP/1.1 400 Bad Request`")
    );
    assert_eq!(ask(redis()).await, fail("redis: closed without an answer"));
}

fn mysql_packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[length[0], length[1], length[2], number][..], payload].concat()
}

#[tokio::test]
async fn mysql_is_ready_when_it_greets_and_is_left_politely() {
    let (logins, mut seen) = mpsc::channel(4);
    let (address, _server) = server(move |n, mut stream| {
        let logins = logins.clone();
        async move {
            if n == 0 {
                let full = mysql_packet(0, b"\xff\x10\x04Too many connections");
                stream.write_all(&full).await.unwrap();
                return;
            }
            stream
                .write_all(&mysql_packet(0, b"\x0a5.5.5-10.11.19-MariaDB\0salt"))
                .await
                .unwrap();
            let (_, login) = crate::probe::mysql::packet(&mut stream).await.unwrap();
            stream
                .write_all(&mysql_packet(2, b"\xfecaching_sha2_password\0salt\0"))
                .await
                .unwrap();
            let mut empty = [9; 4];
            stream.read_exact(&mut empty).await.unwrap();
            stream
                .write_all(&mysql_packet(4, b"\xff\x15\x04#28000Access denied"))
                .await
                .unwrap();
            logins.send((login, empty)).await.unwrap();
        }
    })
    .await;
    let mysql = || {
        prober(
            ProbeKind::Mysql {
                port: address.port(),
            },
            direct(address),
        )
    };
    assert_eq!(
        ask(mysql()).await,
        fail("mysql: Too many connections (1040)")
    );
    assert_eq!(
        ask(mysql()).await,
        pass("mysql: 10.11.19-MariaDB accepts connections")
    );
    let (login, empty) = within(seen.recv()).await.unwrap();
    assert!(
        login[32..].starts_with(b"dev-probe\0"),
        "a whole login of protocol 4.1"
    );
    assert_eq!(empty, [0, 0, 0, 3], "an empty answer, numbered on");
}

#[tokio::test]
async fn commands_pass_on_exit_0_within_their_time_and_one_at_a_time() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    let command = |words: &[&str]| {
        let mut prober = prober(
            ProbeKind::Exec {
                command: words.iter().map(|&w| w.to_owned()).collect(),
            },
            Target::default(),
        );
        prober.exec = Arc::new(|command: Vec<String>, _| {
            Box::pin(async move {
                assert_eq!(RUNNING.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                tokio::task::yield_now().await;
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                match command.last().map(String::as_str) {
                    Some("good") => Ok((0, String::new())),
                    Some("bad") => Ok((2, "usage: …\n\nno response\n\n".to_owned())),
                    Some("never") => std::future::pending().await,
                    _ => Err("the container is paused".to_owned()),
                }
            })
        });
        prober
    };
    assert_eq!(ask(command(&["good"])).await, pass("`good` → exit 0"));
    assert_eq!(
        ask(command(&["sh", "-c", "bad"])).await,
        fail("`bad` → exit 2: no response")
    );
    assert_eq!(
        ask(command(&["never"])).await,
        fail("`never` took longer than 400ms")
    );
    assert_eq!(
        ask(command(&["else"])).await,
        fail("`else`: the container is paused")
    );
    let slots = Arc::new(Semaphore::new(1));
    let many = (0..8).map(|_| {
        let mut prober = command(&["good"]);
        prober.execs = slots.clone();
        async move { prober.attempt().await }
    });
    for answer in within(futures_util::future::join_all(many)).await {
        assert!(answer.passed());
    }
}

#[tokio::test]
async fn a_log_probe_waits_for_its_line() {
    let log = |pattern: &str| {
        let (sender, lines) = mpsc::channel(8);
        let mut prober = prober(
            ProbeKind::Log {
                pattern: pattern.to_owned(),
            },
            Target::default(),
        );
        prober.lines = Some(lines);
        (sender, prober)
    };
    let (lines, watched) = log("ready in \\d+ ms");
    let (mut reports, _cancel, _task) = run(watched);
    assert_eq!(
        within(reports.recv()).await.unwrap().answer,
        "log: no line matches `ready in \\d+ ms` yet"
    );
    lines.send("starting".to_owned()).await.unwrap();
    lines
        .send("\u{1b}[32mready in 12 ms\u{1b}[0m".to_owned())
        .await
        .unwrap();
    assert_eq!(
        until(&mut reports, true).await.answer,
        "log: ready in 12 ms"
    );

    let (lines, ended) = log("never");
    drop(lines);
    let (mut reports, _cancel, _task) = run(ended);
    assert_eq!(
        within(reports.recv()).await.unwrap().answer,
        "log: ended, and no line matched `never`"
    );

    let (mut reports, _cancel, _task) = run(log("(").1);
    assert_eq!(
        within(reports.recv()).await.unwrap().answer,
        "log: `(` is no regular expression"
    );
}

#[tokio::test]
async fn a_service_gets_ready_fails_and_recovers() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let (address, _server) = server(move |n, stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        // Starts for 3 questions, is up for 3, stumbles once, is up for 3, is down for 5, then stays up.
        let up = matches!(n, 3..=5 | 7..=9 | 15..);
        say(
            stream,
            if up {
                "HTTP/1.1 200 OK\r\n\r\n"
            } else {
                "HTTP/1.1 503 No\r\n\r\n"
            },
        )
    })
    .await;
    let (mut reports, cancel, task) = run(http(address));
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(within(reports.recv()).await.unwrap().passed);
    }
    assert_eq!(seen, [false, true, false, true]);
    assert!(asked.load(Ordering::SeqCst) >= 16);
    cancel.cancel();
    within(task).await.unwrap();
    assert!(reports.try_recv().is_err());
}

#[tokio::test]
async fn cancelling_ends_an_attempt_that_hangs() {
    let (address, _server) = server(|_, stream| async move {
        tokio::time::sleep(DEADLINE).await;
        drop(stream);
    })
    .await;
    let mut hanging = http(address);
    hanging.probe.timeout = DEADLINE * 2;
    let (mut reports, cancel, task) = run(hanging);
    cancel.cancel();
    within(task).await.unwrap();
    assert_eq!(reports.recv().await, None);
    let mut ignored = http(address);
    ignored.probe.timeout = DEADLINE * 2;
    let (reports, _cancel, task) = run(ignored);
    drop(reports);
    within(task).await.unwrap();
}
