use super::*;

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
        let _open = stream;
        std::future::pending::<()>().await;
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
