use camino::Utf8Path;

use super::{parse, read_ignore_rules};

#[test]
fn comments_blank_lines_and_leading_slashes_mean_nothing() {
    let text = "\u{feff}# all of it\r\n\r\n  /target/  \r\n #no comment\r\n! /target/keep\r\n";
    let patterns = parse(text).expect("valid");
    assert!(patterns.matches(b"target/x"));
    assert!(patterns.matches(b"#no comment"));
    assert!(!patterns.matches(b"target/keep"));
}

#[test]
fn a_bad_pattern_names_its_line() {
    let (line, error) = parse("a\n# b\nc[\n").expect_err("unclosed");
    assert_eq!((line, error.pattern.as_str()), (3, "c["));
}

#[test]
fn the_rules_beside_the_dockerfile_lead() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = Utf8Path::from_path(folder.path()).expect("UTF-8");
    let dockerfile = dir.join("api.Dockerfile");
    assert!(
        read_ignore_rules(dir, &dockerfile)
            .expect("none")
            .file
            .is_none()
    );
    std::fs::write(dir.join(".dockerignore"), "general").expect("a file");
    let rules = read_ignore_rules(dir, &dockerfile).expect("one");
    assert!(rules.patterns.matches(b"general"));
    std::fs::write(dir.join("api.Dockerfile.dockerignore"), "special").expect("a file");
    let rules = read_ignore_rules(dir, &dockerfile).expect("two");
    assert!(rules.patterns.matches(b"special") && !rules.patterns.matches(b"general"));
    assert_eq!(rules.file, Some(dir.join("api.Dockerfile.dockerignore")));
    std::fs::write(dir.join("api.Dockerfile.dockerignore"), "ok\n[").expect("a file");
    let error = read_ignore_rules(dir, &dockerfile)
        .expect_err("invalid")
        .to_string();
    assert!(
        error.contains("api.Dockerfile.dockerignore:2: `[`"),
        "{error}"
    );
}
