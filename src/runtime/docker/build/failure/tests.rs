use super::super::trace::FailedStep;
use super::Report;
use crate::engine::event::{Failure, FailureClass};

fn failure(message: &str, step: Option<(&str, &str, &[&str])>) -> Failure {
    let step = step.map(|(name, error, log)| FailedStep {
        name: name.to_owned(),
        error: error.to_owned(),
        log: log.iter().map(|l| (*l).to_owned()).collect(),
    });
    let source = "FROM scratch\n\nFORM x\n";
    Report {
        message,
        step,
        dockerfile: "docker/Dockerfile",
        source,
    }
    .failure()
    .0
}

#[test]
fn a_step_that_exits_tells_its_code_and_its_log() {
    for message in [
        "executor failed running [/bin/sh -c pip install]: exit code: 1",
        "failed to solve: process \"/bin/sh -c pip install\" did not complete successfully: exit code: 1",
    ] {
        let found = failure(
            message,
            Some((
                "[dev 3/5] RUN pip install",
                message,
                &["No matching distribution"],
            )),
        );
        assert_eq!(found.class, FailureClass::Build);
        assert_eq!(
            found.message,
            "[dev 3/5] RUN pip install failed with exit code 1"
        );
        assert_eq!(found.detail, ["No matching distribution"]);
    }
}

#[test]
fn a_syntax_error_tells_the_line_old_and_new() {
    for message in [
        "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 3: unknown instruction: FORM",
        "failed to solve: dockerfile parse error on line 3: unknown instruction: FORM",
        "Dockerfile parse error line 3: unknown instruction: FORM",
    ] {
        let found = failure(message, None);
        assert_eq!(
            found.message, "docker/Dockerfile:3: unknown instruction: FORM",
            "{message}"
        );
        assert_eq!(found.detail, ["3 | FORM x"]);
    }
}

#[test]
fn a_base_image_that_cannot_be_had_is_named() {
    let cases: &[(&str, Option<&str>, &str)] = &[
        (
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed to do request: Head \"https://r/v2/library/python/manifests/3.99\": dial tcp: lookup r: no such host",
            Some("[internal] load metadata for docker.io/library/python:3.99"),
            "python:3.99",
        ),
        (
            "failed to solve: python:3.99: failed to resolve source metadata for docker.io/library/python:3.99: docker.io/library/python:3.99: not found",
            Some("[internal] load metadata for docker.io/library/python:3.99"),
            "python:3.99",
        ),
        (
            "pull access denied for dev.local/x, repository does not exist or may require 'docker login'",
            None,
            "dev.local/x",
        ),
        (
            "manifest for python:3.99 not found: manifest unknown: manifest unknown",
            None,
            "python:3.99",
        ),
        (
            "failed to resolve: x",
            Some("[dev 1/3] FROM quay.io/a/b:1@sha256:abc"),
            "quay.io/a/b:1@sha256:abc",
        ),
    ];
    for (message, step, image) in cases {
        let found = failure(message, step.map(|name| (name, *message, [].as_slice())));
        assert_eq!(found.class, FailureClass::ImageMissing, "{message}");
        assert_eq!(
            found.message,
            format!("the base image {image} cannot be had")
        );
        assert!(
            found
                .help
                .expect("help")
                .contains(&format!("docker pull {image}"))
        );
    }
}

#[test]
fn a_syntax_line_that_cannot_be_pulled_is_explained() {
    let found = failure(
        "failed to solve with frontend dockerfile.v0: failed to do request",
        Some((
            "resolve image config for docker.io/docker/dockerfile:1",
            "failed to do request",
            &[],
        )),
    );
    assert_eq!(found.class, FailureClass::ImageMissing);
    assert!(
        found
            .help
            .expect("help")
            .contains("without that line the engine's own is used")
    );
}

#[test]
fn a_step_that_fails_to_download_something_is_no_missing_image() {
    let found = failure(
        "process \"/bin/sh -c crane pull x\" did not complete successfully: exit code: 1",
        Some((
            "[2/3] RUN crane pull x",
            "exit code: 1",
            &["manifest unknown"],
        )),
    );
    assert_eq!(found.class, FailureClass::Build);
}

#[test]
fn a_full_disk_is_recognised_wherever_it_is_said() {
    for (message, log) in [
        (
            "failed to copy files: copy file range failed: no space left on device",
            &[][..],
        ),
        (
            "exit code: 1",
            &[
                "write error: No space",
                "cp: write error: no space left on device",
            ][..],
        ),
    ] {
        let found = failure(message, Some(("[2/3] COPY . /app", message, log)));
        assert_eq!(found.class, FailureClass::DiskFull, "{message}");
        assert!(found.detail.iter().any(|l| l == "[2/3] COPY . /app"));
    }
}

#[test]
fn a_file_that_is_not_in_the_context_is_named() {
    for message in [
        "failed to compute cache key: \"/app/x.txt\" not found: not found",
        "failed to solve: failed to compute cache key: failed to calculate checksum of ref abc::def: \"/app/x.txt\": not found",
        "COPY failed: file not found in build context or excluded by .dockerignore: stat app/x.txt: file does not exist",
    ] {
        let found = failure(message, Some(("[2/3] COPY app/x.txt /", message, &[])));
        let help = found.help.unwrap_or_default();
        assert!(
            help.contains("is `app/x.txt` in the build context"),
            "{message}: {help}"
        );
    }
}

#[test]
fn anything_else_is_said_as_it_is() {
    let found = failure(
        "failed to solve: target stage \"nope\" could not be found",
        None,
    );
    assert_eq!(found.message, "target stage \"nope\" could not be found");
    assert_eq!(found.class, FailureClass::Build);
    assert_eq!(failure("", None).message, "the build failed");
}

#[test]
fn what_the_engine_lost_of_a_cancelled_build_is_known_and_blames_no_file() {
    let message = "failed to solve: failed to commit abc to def during finalize: failed to stat active key during commit: \
                   snapshot abc does not exist: not found";
    let found = failure(message, Some(("exporting to image", message, &[])));
    assert_eq!(found.help, None);
    assert!(super::is_lost(&crate::runtime::RuntimeError(found)));
    let other = failure(
        "failed to solve: \"/x\": not found",
        Some(("[1/2] COPY x /", "", &[])),
    );
    assert!(!super::is_lost(&crate::runtime::RuntimeError(other)));
}
