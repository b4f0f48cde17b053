use std::io;

use camino::Utf8Path;

use crate::stack::compose::{Files, Request, load_stack};
use crate::stack::file::{Code, Diagnostic, LoadError};
use crate::stack::{Condition, HostPort, Restart, Stack};

/// A file in memory.
struct Text<'a>(&'a str);

impl Files for Text<'_> {
    fn compose(&self, _: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        Ok(self.0.to_owned())
    }

    fn env(&self, _: &Utf8Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn stack(text: &str) -> Result<Stack, LoadError> {
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        ..Request::default()
    };
    load_stack(&request, &Text(text)).map(|run| run.stack)
}

#[test]
fn what_compose_leaves_open_is_as_compose_has_it() {
    let stack = stack(
        "services:\n  web:\n    build: ./web\n    ports: [8000, '127.0.0.1:53:53/udp', '9000-9005:90']\n    depends_on: [db, once]\n  db: {image: x, restart: always}\n  once: {image: x}\n",
    )
    .unwrap();
    let web = &stack.services["web"];
    let ports: Vec<_> = web
        .ports
        .iter()
        .map(|(name, port)| (name.as_str(), port.host, port.everywhere))
        .collect();
    let expected = [
        ("53-udp", HostPort::Fixed(53), false),
        ("8000", HostPort::Auto, true),
        ("90", HostPort::Within(9000, 9005), true),
    ];
    assert_eq!(ports, expected);
    assert_eq!(web.needs["db"].condition, Condition::Started);
    assert_eq!((web.restart, web.may_end), (Restart::No, true));
    assert!(!stack.services["db"].may_end);
    assert_eq!(stack.name, "shop");
    assert_eq!(stack.network_name("default"), "shop_default");
}

#[test]
fn who_is_needed_to_have_ended_is_a_job() {
    let stack = stack(
        "services:\n  a:\n    image: x\n    depends_on: {b: {condition: service_completed_successfully, restart: true}}\n  b: {image: x, restart: on-failure:2}\n",
    )
    .unwrap();
    let job = &stack.services["b"];
    assert!(job.is_job() && !job.may_end);
    assert_eq!(job.restart, Restart::OnFailure { max: Some(2) });
    let need = stack.services["a"].needs["b"];
    assert!(need.restart && need.condition == Condition::Ready);
}

#[test]
fn services_of_other_profiles_can_be_named_and_nobody_needs_them() {
    let stack = stack(
        "services:\n  a:\n    image: x\n    depends_on: {d: {condition: service_started, required: false}}\n  d: {image: x, profiles: [debug]}\n  broken: {image: x, profiles: [debug], restart: sometimes}\n",
    )
    .unwrap();
    assert!(stack.services["a"].needs.is_empty());
    assert_eq!(stack.services["d"].profiles, ["debug"]);
    assert!(!stack.services.contains_key("broken"));
}

#[test]
fn what_cannot_be_had_is_an_error_where_it_stands() {
    for (text, line) in [
        ("    use_api_socket: true", 4),
        ("    provider: {type: x}", 4),
        ("    restart: sometimes", 4),
        ("    ports: ['80:80/sctp']", 4),
        ("    volumes: [{type: image, source: y, target: /y}]", 4),
    ] {
        let error = stack(&format!("services:\n  a:\n    image: x\n{text}\n")).unwrap_err();
        let told = &error.diagnostics[0];
        assert_eq!(told.code(), Code::ComposeUnsupported, "{text}");
        assert_eq!(told.location().unwrap().line, line, "{text}");
    }
}

#[test]
fn the_value_of_a_secret_is_in_no_text_of_the_stack() {
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        environment: [("TOKEN".to_owned(), "hunter2".to_owned())].into(),
        ..Request::default()
    };
    let text = "services: {a: {image: x, secrets: [t]}}\nsecrets: {t: {environment: TOKEN}}\n";
    let stack = load_stack(&request, &Text(text)).unwrap().stack;
    let shown = format!("{stack:?}{}", serde_json::to_string(&stack).unwrap());
    assert!(!shown.contains("hunter2"));
    assert_eq!(
        stack.services["a"].container.files[0].target,
        "/run/secrets/t"
    );
}
