//! The whole way from text to the canonical file, with files that are only in memory.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use proptest::prelude::*;

use super::*;
use crate::stack::file::{Diagnostic, LoadError};

pub(super) struct Memory(pub BTreeMap<String, String>);

impl Files for Memory {
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        self.env(path).map_err(|_| {
            let code = crate::stack::file::Code::NotFound;
            Box::new(Diagnostic::error(code, format!("there is no {path}")))
        })
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        let text = self.0.get(path.as_str()).cloned();
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn read(text: &str) -> Result<Project, LoadError> {
    let file = "/p/compose.yaml";
    let request = Request {
        start_dir: "/p".into(),
        files: vec![file.into()],
        ..Request::default()
    };
    load(
        &request,
        &Memory([(file.to_owned(), text.to_owned())].into()),
    )
}

fn rendered(text: &str) -> String {
    let error = read(text).unwrap_err();
    crate::stack::file::render(&error, false, 100)
}

/// What multiplies would take hours: this is no time to be kept, but a busy machine's patience.
fn quickly(text: &str) -> Result<Project, LoadError> {
    let begun = Instant::now();
    let result = read(text);
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    result
}

#[test]
fn errors_say_where_and_what_to_write() {
    insta::assert_snapshot!(rendered(
        "services:\n  web:\n    imagee: nginx\n    depends_on: [dbb]\n    ports: [\"80:http\"]\n    restart: 1\n  db:\n    image: x\n"
    ));
    insta::assert_snapshot!(rendered(
        "services:\n  web:\n    image: \"a:${TAG:?which one}\"\n    labels:\n      a: ${OPEN\n"
    ));
    insta::assert_snapshot!(rendered(
        "services:\n  web:\n    image: a\n  web:\n    image: b\n"
    ));
    insta::assert_snapshot!(rendered(
        "services:\n  web:\n    image: a\n    networks: [fornt]\nnetworks:\n  front:\n"
    ));
    insta::assert_snapshot!(rendered(
        "services:\n  ä: &x\n    image: a\n    labels: *x\n"
    ));
}

#[test]
fn what_is_not_there_is_named() {
    let service = "services:\n  web:\n    image: a\n";
    let include = rendered(&format!("include: [other.yaml]\n{service}"));
    insta::assert_snapshot!("other_file", include);
    let volume = rendered(&format!("{service}    volumes: [\"data:/data\"]\n"));
    insta::assert_snapshot!("unknown_volume", volume);
    let config = rendered(&format!("{service}    configs: [conf]\n"));
    insta::assert_snapshot!("unknown_config", config);
}

#[test]
fn all_errors_are_told_at_once() {
    let error =
        read("services:\n  a: {imagee: x}\n  b: {prots: []}\n  c: {image: 1}\n").unwrap_err();
    assert_eq!(error.diagnostics.len(), 3, "{error:?}");
}

#[test]
fn what_dev_does_nothing_with_is_named() {
    let project = read(
        "services:\n  web:\n    image: a\n    isolation: hyperv\n    provider: {type: x}\n    deploy: {placement: {constraints: [a]}}\n",
    )
    .unwrap();
    let told: Vec<&str> = project.warnings.iter().map(Diagnostic::message).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter()
            .any(|text| text.contains("`services.web.isolation` has no effect"))
    );
    assert!(
        told.iter()
            .any(|text| text.contains("`services.web.provider` cannot be honoured"))
    );
    assert!(
        told.iter()
            .any(|text| text.contains("`services.web.deploy.placement` has no effect"))
    );
}

#[test]
fn what_a_shell_would_do_is_not_dropped_in_silence() {
    let project = read("services:\n  web:\n    image: a\n    command: echo a | cat\n").unwrap();
    assert_eq!(project.warnings.len(), 1);
    assert!(project.warnings[0].message().contains("| cat"));
}

#[test]
fn names_that_are_not_set_are_told_with_their_place() {
    let project = read("services:\n  web:\n    image: a$NOT\n").unwrap();
    let warning = &project.warnings[0];
    assert!(warning.message().contains("NOT"), "{warning:?}");
    assert_eq!(warning.location().map(|place| place.line), Some(3));
}

#[test]
fn many_warnings_hide_no_error() {
    let labels: String = (0..150).map(|n| format!("      l{n}: $NOT{n}\n")).collect();
    let error = read(&format!(
        "services:\n  web:\n    labels:\n{labels}    image: 5\n"
    ))
    .unwrap_err();
    let errors = error
        .diagnostics
        .iter()
        .filter(|diagnostic| !diagnostic.is_warning());
    assert_eq!(errors.count(), 1);
}

#[test]
fn anchors_that_explode_are_stopped() {
    let mut text = "x-0: &a0 [l, l, l, l, l, l, l, l, l, l]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!(
            "x-{level}: &a{level} [{}]\n",
            [below.as_str(); 10].join(", ")
        ));
    }
    let error = quickly(&text).unwrap_err();
    assert!(error.to_string().contains("values"), "{error}");
    assert_eq!(
        error.diagnostics[0].location().map(|place| place.line),
        Some(5)
    );
}

#[test]
fn long_text_is_not_copied_without_end() {
    let long = "y".repeat(500_000);
    let aliases = ["*a"; 20_000].join(", ");
    let error = quickly(&format!("x-0: &a \"{long}\"\nx-1: [{aliases}]\n")).unwrap_err();
    assert!(error.to_string().contains("8 MiB"), "{error}");
}

#[test]
fn depth_is_bounded_whatever_it_is_made_of() {
    let levels = 100_000;
    for text in [
        "[".repeat(levels),
        "{a: ".repeat(levels),
        "- ".repeat(levels),
        "? ".repeat(levels),
        (0..1_000)
            .map(|level| format!("{}a:\n", " ".repeat(level)))
            .collect(),
    ] {
        let error = quickly(&text).unwrap_err();
        assert!(error.diagnostics[0].location().is_some(), "{error}");
    }
}

#[test]
fn large_files_are_read_in_time() {
    let services: String = (0..5_000)
        .map(|n| format!("  s{n}:\n    image: a\n    environment:\n      A: ${{B:-{n}}}\n"))
        .collect();
    let project = quickly(&format!("services:\n{services}")).unwrap();
    assert_eq!(project.canonical["services"]["s7"]["environment"]["A"], "7");
}

#[test]
fn chains_of_extends_have_an_end() {
    let chain = |length: usize| -> String {
        let services: String = (1..length)
            .map(|n| format!("  s{n}: {{extends: s{}}}\n", n - 1))
            .collect();
        format!("services:\n  s0: {{image: a}}\n{services}")
    };
    let project = quickly(&chain(40)).unwrap();
    assert_eq!(project.canonical["services"]["s39"]["image"], "a");
    let error = quickly(&chain(1_000)).unwrap_err();
    assert!(error.to_string().contains("extend each other"), "{error}");
}

#[test]
fn every_attribute_stands_once() {
    let rows = rows();
    let mut paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    let all = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), all);
}

/// Words that lead far into the reader.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "services:",
        "web:",
        "image: a",
        "\n",
        "  ",
        "    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "!reset ",
        "!override ",
        "${A:-",
        "}",
        "$$",
        "ports:",
        "\"80:80\"",
        "command:",
        "'",
        "\"",
        "x-a:",
        "build: .",
        "environment:",
        "A=1",
        "volumes:",
        "./a:/b",
        "depends_on:",
        "extends:",
        "include:",
        "compose.yaml",
        "null",
        "#",
        "|",
        ">",
        "---\n",
        "\t",
        "ä",
        "healthcheck:",
        "5s",
        "deploy:",
        "name:",
        "? ",
        "%",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..60)
        .prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends_in_a_project_or_in_errors(text in prop_oneof![pieces(), any::<String>()]) {
        match read(&text) {
            Ok(_) => {}
            Err(error) => prop_assert!(!error.diagnostics.is_empty()),
        }
    }

    #[test]
    fn what_is_printed_is_read_again(
        image in "[a-z]{1,8}", values in prop::collection::btree_map("[A-Z]{1,5}", "\\PC{0,12}", 0..6),
        command in prop::collection::vec("\\PC{0,8}", 0..4),
    ) {
        let file = serde_json::json!({"services": {"web": {
            "image": image, "environment": values, "command": command, "labels": values,
        }}});
        // As a person has to write it.
        let text = file.to_string().replace('$', "$$");
        let first = read(&text).unwrap().canonical;
        let printed = read(&yaml(&first)).unwrap().canonical;
        prop_assert_eq!(first, printed);
    }
}

#[test]
fn an_env_file_beside_an_included_file_is_read_or_told_of() {
    struct Broken(io::ErrorKind);
    impl Files for Broken {
        fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
            Ok(match path.as_str() {
                "/p/compose.yaml" => "include: [sub/compose.yaml]\n",
                _ => "services: {a: {image: x}}\n",
            }
            .to_owned())
        }
        fn env(&self, path: &Utf8Path) -> io::Result<String> {
            Err(match path.as_str() {
                "/p/sub/.env" => self.0.into(),
                _ => io::ErrorKind::NotFound.into(),
            })
        }
    }
    let request = Request {
        start_dir: "/p".into(),
        files: vec!["/p/compose.yaml".into()],
        ..Request::default()
    };
    for passed_over in [io::ErrorKind::NotFound, io::ErrorKind::IsADirectory] {
        assert!(load(&request, &Broken(passed_over)).is_ok());
    }
    for told in [io::ErrorKind::FileTooLarge, io::ErrorKind::PermissionDenied] {
        let error = load(&request, &Broken(told)).unwrap_err();
        let shown = crate::stack::file::render(&error, false, 100);
        assert!(shown.contains("/p/sub/.env cannot be read"), "{shown}");
        assert!(shown.contains("compose.yaml:1:11"), "{shown}");
    }
}

#[test]
fn a_number_that_is_none_is_told_as_that() {
    for (text, said) in [(".nan", "not a number"), ("'inf'", "infinite")] {
        let shown = rendered(&format!("services: {{a: {{image: x, cpus: {text}}}}}"));
        assert!(shown.contains(said), "{shown}");
        assert!(shown.contains("0.5"), "{shown}");
    }
}

#[test]
fn a_file_that_is_too_large_without_anchors_is_not_told_of_anchors() {
    let services: String = (0..30_000)
        .map(|n| format!("  s{n}: {{image: a}}\n"))
        .collect();
    let shown = rendered(&format!("services:\n{services}"));
    assert!(shown.contains("more than 50000 values"), "{shown}");
    assert!(!shown.contains("anchors"), "{shown}");
    let shown = rendered(&format!("services: {}", "[".repeat(100_000)));
    assert!(shown.contains("deeper than 64 levels"), "{shown}");
}
