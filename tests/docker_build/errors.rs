use dev::engine::event::FailureClass;

use crate::bench::{BASE, Bench, secret};

#[tokio::test]
async fn a_failing_step_shows_the_end_of_its_own_log() {
    let bench = Bench::new("failing").await;
    bench.write(
        "Dockerfile",
        &format!("FROM {BASE}\nRUN echo before\nRUN for i in $(seq 1 30); do echo \"line $i\"; done; exit 7\n"),
    );
    let outcome = bench.build(&bench.spec()).await;
    assert!(
        outcome.lines.iter().any(|l| l.text == "line 1"),
        "{:#?}",
        outcome.lines
    );
    let failure = outcome.error();
    assert_eq!(failure.class, FailureClass::Build);
    assert!(
        failure.message.contains("RUN for i in")
            && failure.message.ends_with("failed with exit code 7"),
        "{failure:#?}"
    );
    assert_eq!(failure.detail.len(), 20);
    assert_eq!(failure.detail[19], "line 30");

    bench.write(
        "Dockerfile",
        &format!("FROM {BASE}\nRUN echo oh no >&2; exit 1\n"),
    );
    let failure = bench.build(&bench.spec()).await.error();
    assert_eq!(failure.detail, ["oh no"]);
}

#[tokio::test]
async fn a_syntax_error_shows_its_line() {
    let bench = Bench::new("syntax").await;
    bench.write("Dockerfile", "FROM scratch\n\nCOPPY a b\n");
    let failure = bench.build(&bench.spec()).await.error();
    assert_eq!(failure.class, FailureClass::Build);
    assert!(
        failure
            .message
            .starts_with("Dockerfile:3: unknown instruction: COPPY"),
        "{failure:#?}"
    );
    assert_eq!(failure.detail, ["3 | COPPY a b"]);
}

#[tokio::test]
async fn a_missing_base_image_is_named() {
    let bench = Bench::new("base").await;
    bench.write("Dockerfile", "FROM dev.local/not-there:1\n");
    let failure = bench.build(&bench.spec()).await.error();
    assert_eq!(failure.class, FailureClass::ImageMissing, "{failure:#?}");
    assert!(
        failure.message.contains("dev.local/not-there:1"),
        "{failure:#?}"
    );
    assert!(failure.help.is_some());
}

#[tokio::test]
async fn a_missing_file_names_it_and_the_ignore_file() {
    let bench = Bench::new("copy").await;
    bench.write("Dockerfile", "FROM scratch\nCOPY requirements.txt /\n");
    let failure = bench.build(&bench.spec()).await.error();
    assert_eq!(failure.class, FailureClass::Build);
    let help = failure.help.clone().unwrap_or_default();
    assert!(help.contains("`requirements.txt`"), "{failure:#?}");
}

#[tokio::test]
async fn a_secret_that_the_build_is_not_given_is_an_error_before_anything_is_sent() {
    let bench = Bench::new("unknown").await;
    bench.write(
        "Dockerfile",
        "FROM scratch\nRUN --mount=type=secret,id=token true\n",
    );
    let outcome = bench.build(&bench.spec()).await;
    assert!(outcome.lines.is_empty());
    let failure = outcome.error();
    assert_eq!(failure.class, FailureClass::Unresolved);
    assert!(
        failure
            .message
            .starts_with("Dockerfile:2 asks for the secret `token`"),
        "{failure:#?}"
    );
}

#[tokio::test]
async fn a_secret_as_an_argument_is_refused() {
    let bench = Bench::new("argument").await;
    bench.write("Dockerfile", "FROM scratch\nARG TOKEN\n");
    let mut spec = bench.spec();
    spec.args.push(("TOKEN".to_owned(), secret("hidden-value")));
    let failure = bench.build(&spec).await.error();
    assert_eq!(failure.class, FailureClass::Unresolved);
    assert!(!format!("{failure:?}").contains("hidden-value"));
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new("utf8").await;
    bench.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    std::fs::write(bench.dir().as_std_path().join(name), "x").expect("a file");
    let failure = bench.build(&bench.spec()).await.error();
    assert_eq!(failure.class, FailureClass::Build);
    assert!(format!("{failure:?}").contains("not UTF-8"), "{failure:#?}");
}
