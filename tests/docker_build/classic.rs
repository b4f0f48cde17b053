use dev::engine::event::FailureClass;
use dev::plan::desired::LABEL_BUILD;
use dev::runtime::docker::build::{BuildOptions, Builder};

use crate::bench::{BASE, Bench, secret};

const CLASSIC: fn() -> BuildOptions = || BuildOptions {
    builder: Builder::Classic,
    ..BuildOptions::default()
};

#[tokio::test]
async fn the_classic_builder_builds_too() {
    let bench = Bench::new("classic").await;
    bench.write(
        "Dockerfile",
        &format!("FROM {BASE}\nCOPY . /app\nRUN echo hello from the step\n"),
    );
    bench.write(".dockerignore", "Dockerfile\n.dockerignore\nno\n");
    bench.write("yes.txt", "yes");
    bench.write("no/no.txt", "no");
    let long = format!("{0}/{0}/{0}.txt", "long".repeat(20));
    bench.write(&long, "long");
    std::os::unix::fs::symlink("yes.txt", bench.dir().join("link")).expect("a link");
    let spec = bench.spec();
    let outcome = bench.build_with(&spec, CLASSIC()).await;
    assert!(
        outcome
            .lines
            .iter()
            .any(|l| l.text == "hello from the step"),
        "{:#?}",
        outcome.lines
    );
    assert!(
        outcome
            .lines
            .iter()
            .any(|l| l.text.starts_with("[2/") && l.text.contains("COPY . /app")),
        "{:#?}",
        outcome.lines
    );
    let image = outcome.image();
    assert_eq!(
        bench.read(&image, "/app/yes.txt").await.as_deref(),
        Some("yes")
    );
    assert_eq!(
        bench.read(&image, &format!("/app/{long}")).await.as_deref(),
        Some("long")
    );
    for absent in ["/app/no/no.txt", "/app/Dockerfile", "/app/.dockerignore"] {
        assert_eq!(bench.read(&image, absent).await, None, "{absent}");
    }
    let found = bench.docker.inspect_image(&spec.tag).await.expect("tagged");
    assert_eq!(found.id.as_deref(), Some(image.id.as_str()));
    let labels = found.config.and_then(|c| c.labels).expect("labels");
    assert_eq!(labels.get(LABEL_BUILD).map(String::as_str), Some("true"));
}

#[tokio::test]
async fn the_classic_builder_shows_errors_alike() {
    let bench = Bench::new("classic-errors").await;
    bench.write(
        "Dockerfile",
        &format!("FROM {BASE}\nRUN echo oh no; exit 3\n"),
    );
    let failure = bench.build_with(&bench.spec(), CLASSIC()).await.error();
    assert_eq!(failure.class, FailureClass::Build);
    assert!(
        failure
            .message
            .ends_with("RUN echo oh no; exit 3 failed with exit code 3"),
        "{failure:#?}"
    );
    assert!(failure.detail.iter().any(|l| l == "oh no"), "{failure:#?}");

    bench.write("Dockerfile", "FROM scratch\nCOPPY a b\n");
    let failure = bench.build_with(&bench.spec(), CLASSIC()).await.error();
    assert!(
        failure
            .message
            .starts_with("Dockerfile:2: unknown instruction: COPPY"),
        "{failure:#?}"
    );

    bench.write("Dockerfile", "FROM dev.local/not-there:1\n");
    let failure = bench.build_with(&bench.spec(), CLASSIC()).await.error();
    assert_eq!(failure.class, FailureClass::ImageMissing, "{failure:#?}");

    bench.write("Dockerfile", "FROM scratch\nCOPY requirements.txt /\n");
    let failure = bench.build_with(&bench.spec(), CLASSIC()).await.error();
    assert!(
        failure
            .help
            .clone()
            .unwrap_or_default()
            .contains("`requirements.txt`"),
        "{failure:#?}"
    );
}

#[tokio::test]
async fn what_needs_buildkit_is_refused_in_words() {
    let bench = Bench::new("classic-needs").await;
    bench.write(
        "Dockerfile",
        "FROM scratch\nRUN --mount=type=cache,target=/x true\nCOPY --link a b\n",
    );
    let failure = bench.build_with(&bench.spec(), CLASSIC()).await.error();
    assert!(
        failure
            .message
            .starts_with("Dockerfile:2: `RUN --mount` needs BuildKit"),
        "{failure:#?}"
    );
    assert_eq!(failure.detail.len(), 2);

    bench.write("Dockerfile", "FROM scratch\n");
    let mut spec = bench.spec();
    spec.secrets
        .push(("token".to_owned(), secret("hidden-value")));
    let failure = bench.build_with(&spec, CLASSIC()).await.error();
    assert!(
        failure.message.contains("`token` needs BuildKit"),
        "{failure:#?}"
    );
}
