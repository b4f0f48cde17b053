use base64::Engine as _;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex};
use prost::Message as _;

use super::{Message, parse};

#[test]
fn messages_of_both_builders_are_read() {
    assert!(
        matches!(parse(r#"{"stream":"Step 1/2 : FROM a\n"}"#), Some(Message::Text(t)) if t == "Step 1/2 : FROM a\n")
    );
    assert!(
        matches!(parse(r#"{"status":"Pulling","id":"abc","progressDetail":{}}"#), Some(Message::Status(t)) if t == "abc: Pulling")
    );
    assert!(
        matches!(parse(r#"{"aux":{"ID":"sha256:1"}}"#), Some(Message::Image(id)) if id == "sha256:1")
    );
    assert!(
        matches!(parse(r#"{"id":"moby.image.id","aux":{"ID":"sha256:2"}}"#), Some(Message::Image(id)) if id == "sha256:2")
    );
    assert!(
        matches!(parse(r#"{"errorDetail":{"code":1,"message":"long"},"error":"short"}"#), Some(Message::Error(t)) if t == "long")
    );
    assert!(matches!(parse(r#"{"error":"short"}"#), Some(Message::Error(t)) if t == "short"));
}

#[test]
fn a_trace_is_protobuf_in_base64() {
    let state = StatusResponse {
        vertexes: vec![Vertex {
            name: "[1/2] FROM a".to_owned(),
            ..Vertex::default()
        }],
        ..StatusResponse::default()
    };
    let text = base64::engine::general_purpose::STANDARD.encode(state.encode_to_vec());
    let line = format!(r#"{{"id":"moby.buildkit.trace","aux":"{text}"}}"#);
    let Some(Message::Trace(read)) = parse(&line) else {
        panic!("no trace")
    };
    assert_eq!(*read, state);
}

#[test]
fn what_cannot_be_read_is_left_out() {
    for line in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"aux":7}"#,
        r#"{"id":"moby.buildkit.trace","aux":"***"}"#,
    ] {
        assert!(parse(line).is_none(), "{line}");
    }
}
