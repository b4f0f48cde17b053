use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};

use super::{Log, Trace};

const NOW: Option<Timestamp> = Some(Timestamp {
    seconds: 1,
    nanos: 0,
});

fn vertex(name: &str) -> Vertex {
    Vertex {
        digest: name.to_owned(),
        name: name.to_owned(),
        ..Vertex::default()
    }
}

fn vertices(vertexes: Vec<Vertex>) -> StatusResponse {
    StatusResponse {
        vertexes,
        ..StatusResponse::default()
    }
}

fn log(vertex: &str, text: &str) -> StatusResponse {
    let log = VertexLog {
        vertex: vertex.to_owned(),
        msg: text.as_bytes().to_vec(),
        ..VertexLog::default()
    };
    StatusResponse {
        logs: vec![log],
        ..StatusResponse::default()
    }
}

fn shown(trace: &mut Trace, message: &StatusResponse) -> Vec<String> {
    trace
        .apply(message)
        .into_iter()
        .map(|l| format!("{}/{} {}", l.done, l.total, l.text))
        .collect()
}

#[test]
fn steps_are_shown_as_they_begin_and_counted_as_they_end() {
    let mut trace = Trace::default();
    let (load, copy, run) = (
        "[internal] load .dockerignore",
        "[dev 2/3] COPY . .",
        "[dev 3/3] RUN true",
    );
    assert!(
        shown(
            &mut trace,
            &vertices(vec![vertex(load), vertex(copy), vertex(run)])
        )
        .is_empty()
    );
    let begun = Vertex {
        started: NOW,
        ..vertex(load)
    };
    assert_eq!(
        shown(&mut trace, &vertices(vec![begun])),
        ["0/2 [internal] load .dockerignore"]
    );
    let cached = Vertex {
        started: NOW,
        completed: NOW,
        cached: true,
        ..vertex(copy)
    };
    assert_eq!(
        shown(&mut trace, &vertices(vec![cached])),
        ["1/2 [dev 2/3] COPY . . (cached)"]
    );
    let begun = Vertex {
        started: NOW,
        ..vertex(run)
    };
    assert_eq!(
        shown(&mut trace, &vertices(vec![begun.clone()])),
        ["1/2 [dev 3/3] RUN true"]
    );
    assert!(
        shown(&mut trace, &vertices(vec![begun])).is_empty(),
        "said once"
    );
    let ended = Vertex {
        started: NOW,
        completed: NOW,
        ..vertex(run)
    };
    assert_eq!(
        shown(&mut trace, &vertices(vec![ended])),
        ["2/2 [dev 3/3] RUN true"]
    );
    assert!(trace.failed().is_none());
}

#[test]
fn lines_of_log_are_put_together_and_cleaned() {
    let mut trace = Trace::default();
    assert!(shown(&mut trace, &log("a", "half a ")).is_empty());
    assert_eq!(
        shown(&mut trace, &log("a", "line\n\n")),
        ["0/0 half a line"]
    );
    assert_eq!(
        shown(
            &mut trace,
            &log("a", "10%\r55%\r100%\r\n\x1b[31mred\x1b[0m\tx\x07\n")
        ),
        ["0/0 100%", "0/0 red\tx"]
    );
}

#[test]
fn both_streams_of_a_step_keep_their_lines() {
    let mut log = Log::default();
    assert!(log.push(false, b"out ").is_empty());
    assert_eq!(log.push(true, b"error\n"), ["error"]);
    assert_eq!(log.push(false, b"put\n"), ["out put"]);
}

#[test]
fn the_step_that_failed_is_the_one_that_was_not_cancelled() {
    let mut trace = Trace::default();
    trace.apply(&vertices(vec![
        Vertex {
            error: "context canceled".to_owned(),
            ..vertex("[a 1/1] RUN slow")
        },
        Vertex {
            error: "exit code: 3".to_owned(),
            ..vertex("[b 1/1] RUN bad")
        },
    ]));
    let lines: String = (0..40).map(|n| format!("line {n}\n")).collect();
    trace.apply(&log("[b 1/1] RUN bad", &format!("{lines}no newline")));
    let failed = trace.failed().expect("a step");
    assert_eq!(
        (failed.name.as_str(), failed.error.as_str()),
        ("[b 1/1] RUN bad", "exit code: 3")
    );
    assert_eq!(
        (
            failed.log.len(),
            failed.log[0].as_str(),
            failed.log[19].as_str()
        ),
        (20, "line 21", "no newline")
    );
}

#[test]
fn transfers_tell_how_far_they_are() {
    let mut trace = Trace::default();
    let status = |id: &str, current, total| VertexStatus {
        id: id.to_owned(),
        current,
        total,
        ..VertexStatus::default()
    };
    let message = StatusResponse {
        statuses: vec![
            status("transferring context:", 12_345_678, 0),
            status("sha256:abc", 1_000_000, 2_500_000),
            status("x", 0, 0),
        ],
        ..StatusResponse::default()
    };
    assert_eq!(
        shown(&mut trace, &message),
        [
            "0/0 transferring context 12.3 MB",
            "0/0 sha256:abc 1.0 MB of 2.5 MB"
        ]
    );
}

#[test]
fn a_line_without_an_end_is_cut() {
    let mut log = Log::default();
    let mut lines = Vec::new();
    for _ in 0..100 {
        lines.extend(log.push(false, &[b'x'; 1_000]));
    }
    assert_eq!(lines.len(), 20);
    assert!(lines.iter().all(|l| l.len() <= 5_096));
}
