use std::time::Duration;

use futures_util::StreamExt;

use dev::runtime::docker::{ExecSpec, LogChunk, LogOptions, Stream};

use crate::sandbox::{Sandbox, soon};

const LIMIT: Duration = Duration::from_secs(15);

fn texts(chunks: &[LogChunk]) -> Vec<String> {
    let text = |chunk: &LogChunk| String::from_utf8_lossy(&chunk.line).into_owned();
    chunks.iter().map(text).collect()
}

#[tokio::test]
async fn a_command_gives_its_output_and_its_code() {
    let sandbox = Sandbox::new("exec").await;
    let id = sandbox.run(&sandbox.idle("api")).await;
    let docker = &sandbox.docker;

    let mut spec = ExecSpec::new(["sh", "-c", "echo $A; pwd; id -u; echo bad >&2; exit 3"]);
    spec.env = vec![("A".into(), "b c".into())];
    spec.workdir = Some("/tmp".into());
    spec.user = Some("1000".into());
    let output = docker.exec(&id, &spec, None, LIMIT).await.unwrap();
    assert_eq!(output.exit_code, 3);
    assert_eq!(output.stdout, b"b c\n/tmp\n1000\n");
    assert_eq!(output.stderr, b"bad\n");

    let cat = ExecSpec::new(["wc", "-c"]);
    let input = vec![b'x'; 300_000];
    let output = docker
        .exec(&id, &cat, Some(input.into()), LIMIT)
        .await
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "300000");

    let much = ExecSpec::new(["sh", "-c", "head -c 3000000 /dev/zero"]);
    let output = docker.exec(&id, &much, None, LIMIT).await.unwrap();
    assert_eq!((output.exit_code, output.truncated), (0, true));
    assert_eq!(output.stdout.len(), 1024 * 1024);

    let mut terminal = ExecSpec::new(["sh", "-c", "test -t 0 && printf '\\001tty'"]);
    terminal.tty = true;
    let output = docker.exec(&id, &terminal, None, LIMIT).await.unwrap();
    assert_eq!(output.stdout, b"\x01tty");
}

#[tokio::test]
async fn a_command_that_cannot_run_or_does_not_end_says_so() {
    let sandbox = Sandbox::new("execbad").await;
    let id = sandbox.run(&sandbox.idle("api")).await;
    let docker = &sandbox.docker;

    let missing = docker
        .exec(&id, &ExecSpec::new(["/no/such/thing"]), None, LIMIT)
        .await;
    // Old engines report it as an exit code, new ones as an error.
    match missing {
        Ok(output) => {
            assert!((126..=127).contains(&output.exit_code), "{output:?}");
        }
        Err(error) => assert!(error.0.help.is_some(), "{error:?}"),
    }

    let endless = ExecSpec::new(["sleep", "60"]);
    let error = docker
        .exec(&id, &endless, None, Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(
        error.0.message.ends_with("has not ended within 300ms"),
        "{error}"
    );

    docker.stop(&id, None, Duration::ZERO).await.unwrap();
    let error = docker
        .exec(&id, &ExecSpec::new(["true"]), None, LIMIT)
        .await
        .unwrap_err();
    assert!(error.0.message.contains("is not running"), "{error}");
}

#[tokio::test]
async fn a_held_command_answers_line_by_line() {
    let sandbox = Sandbox::new("held").await;
    let id = sandbox.run(&sandbox.idle("api")).await;
    let mut held = sandbox
        .docker
        .attach(&id, &ExecSpec::new(["cat"]), true)
        .await
        .unwrap();
    for text in ["one\n", "two\n"] {
        held.input.write(text.as_bytes()).await.unwrap();
        let (stream, bytes) = soon("an echo", held.output.next()).await.unwrap().unwrap();
        assert_eq!((stream, &bytes[..]), (Stream::Stdout, text.as_bytes()));
    }
    held.input.close().await.unwrap();
    assert!(soon("the end", held.output.next()).await.is_none());
    assert_eq!(held.output.exit_code().await.unwrap(), 0);
}

#[tokio::test]
async fn logs_are_followed_and_taken_up_again() {
    let sandbox = Sandbox::new("logs").await;
    let script =
        "echo one; echo two >&2; while [ ! -e /tmp/go ]; do sleep 0.02; done; printf three";
    let id = sandbox.run(&sandbox.spec("api", script)).await;
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut logs = sandbox.docker.logs(&id, &follow).await.unwrap();
    let mut chunks = Vec::new();
    for _ in 0..2 {
        chunks.push(soon("a line", logs.next()).await.unwrap().unwrap());
    }
    chunks.sort_by_key(|chunk| chunk.stream == Stream::Stderr);
    assert_eq!(texts(&chunks), ["one", "two"]);
    assert_eq!(chunks[1].stream, Stream::Stderr);
    let now = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    let age = Duration::from_nanos((now - chunks[0].at).unsigned_abs());
    assert!(age < Duration::from_secs(60), "{age:?}");

    let go = ExecSpec::new(["touch", "/tmp/go"]);
    sandbox.docker.exec(&id, &go, None, LIMIT).await.unwrap();
    let last = soon("the last line", logs.next()).await.unwrap().unwrap();
    assert_eq!(texts(std::slice::from_ref(&last)), ["three"]);
    assert!(
        soon("the end", logs.next()).await.is_none(),
        "it ends with the container"
    );

    let since = LogOptions {
        since: Some(last.at),
        ..LogOptions::default()
    };
    let again: Vec<_> = sandbox
        .docker
        .logs(&id, &since)
        .await
        .unwrap()
        .collect()
        .await;
    let again: Vec<LogChunk> = again.into_iter().map(Result::unwrap).collect();
    assert_eq!(again, [last]);

    let tail = LogOptions {
        tail: Some(1),
        ..LogOptions::default()
    };
    let tail: Vec<_> = sandbox
        .docker
        .logs(&id, &tail)
        .await
        .unwrap()
        .collect()
        .await;
    assert_eq!(tail.len(), 1);
}

#[tokio::test]
async fn a_quiet_log_can_be_followed() {
    let sandbox = Sandbox::new("quiet").await;
    let id = sandbox.run(&sandbox.idle("api")).await;
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut logs = soon("an answer", sandbox.docker.logs(&id, &follow))
        .await
        .unwrap();
    sandbox.docker.remove(&id, true, true).await.unwrap();
    assert!(soon("the end", logs.next()).await.is_none());
}

#[tokio::test]
async fn a_long_line_is_cut_and_nothing_is_lost() {
    let sandbox = Sandbox::new("long").await;
    let script = "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end";
    let id = sandbox.run(&sandbox.spec("api", script)).await;
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let logs = sandbox.docker.logs(&id, &follow).await.unwrap();
    let chunks: Vec<_> = soon("the log", logs.collect::<Vec<_>>()).await;
    let chunks: Vec<LogChunk> = chunks.into_iter().map(Result::unwrap).collect();
    assert!(chunks.iter().all(|chunk| chunk.line.len() <= 64 * 1024));
    let (end, long) = chunks.split_last().unwrap();
    assert_eq!(&end.line[..], b"end");
    let partial: Vec<bool> = long.iter().map(|chunk| chunk.partial).collect();
    assert_eq!(partial, [true, true, true, false]);
    let total: usize = long.iter().map(|chunk| chunk.line.len()).sum();
    assert_eq!(total, 200_000);
    assert!(
        long.iter()
            .all(|chunk| chunk.line.iter().all(|byte| *byte == b'x'))
    );
}

#[tokio::test]
async fn the_log_of_a_terminal_has_lines_too() {
    let sandbox = Sandbox::new("tty").await;
    let labels = sandbox.labels("api").into_iter().collect();
    let body = bollard::models::ContainerCreateBody {
        image: Some(crate::sandbox::IMAGE.to_owned()),
        cmd: Some(
            ["sh", "-c", "echo one; printf 'two\\nthree'"]
                .map(str::to_owned)
                .into(),
        ),
        tty: Some(true),
        labels: Some(labels),
        ..Default::default()
    };
    let client = sandbox.docker.client();
    let id = client.create_container(None, body).await.unwrap().id;
    sandbox.docker.start(&id).await.unwrap();
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let logs = sandbox.docker.logs(&id, &follow).await.unwrap();
    let chunks = soon("the log", logs.collect::<Vec<_>>()).await;
    let chunks: Vec<LogChunk> = chunks.into_iter().map(Result::unwrap).collect();
    assert_eq!(texts(&chunks), ["one", "two", "three"]);
    assert!(chunks.iter().all(|chunk| chunk.at > 0));
}
