use super::*;

#[tokio::test]
async fn a_published_port_without_a_listener_behind_it_is_not_ready() {
    let (address, _server) = server(|n, stream| async move {
        match n {
            // What the engine's proxy does.
            0 | 1 => drop(stream),
            // A listener that waits to be asked.
            _ => {
                let _open = stream;
                std::future::pending::<()>().await;
            }
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
