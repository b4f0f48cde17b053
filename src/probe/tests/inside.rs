use super::*;

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
async fn what_the_engine_has_asked_is_asked_again_when_its_time_has_come() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let kind = ProbeKind::Exec {
        command: vec!["ok".to_owned()],
    };
    let mut known = prober(kind, Target::default());
    known.probe.retries = 2;
    known.answered = Some(Duration::from_millis(300));
    known.exec = Arc::new(move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok((1, String::new())) })
    });
    let (mut reports, _cancel, _task) = run(known);
    let first = within(reports.recv()).await.unwrap();
    assert!(first.passed);
    assert_eq!(first.answer, "exit 0, asked by the container engine");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // It is one that was ready: a single failure says nothing.
    until(&mut reports, false).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
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
