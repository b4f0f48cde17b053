//! What is kept from one build for the next.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bollard::query_parameters::{
    ListImagesOptionsBuilder, PruneBuildOptionsBuilder, TagImageOptionsBuilder,
};
use dev::runtime::docker::build::{BuildOptions, Builder};

use crate::bench::{BASE, Bench, plain};

#[tokio::test]
async fn a_cache_mount_keeps_its_files_from_one_build_to_the_next() {
    let bench = Bench::new("cache-mount").await;
    let id = bench.spec().tag;
    bench.write("source", "one");
    bench.write(
        "Dockerfile",
        &format!(
            "FROM {BASE}\nCOPY source /\n\
             RUN --mount=type=cache,id={id},target=/cache cat /source >>/cache/seen && cp /cache/seen /\n",
        ),
    );
    let first = bench.build(&bench.spec()).await.image();
    assert_eq!(bench.read(&first, "/seen").await.as_deref(), Some("one"));
    bench.write("source", "two");
    let second = bench.build(&bench.spec()).await.image();
    assert_eq!(
        bench.read(&second, "/seen").await.as_deref(),
        Some("onetwo")
    );
    // It is no part of the image.
    assert_eq!(bench.read(&second, "/cache/seen").await, None);
}

/// Whether the engine keeps its images in containerd: it then takes a cache from registries only.
async fn has_containerd_images(bench: &Bench) -> bool {
    let info = bench.docker.info().await.expect("the engine");
    let status = info.driver_status.unwrap_or_default();
    status
        .iter()
        .flatten()
        .any(|text| text.contains("io.containerd.snapshotter"))
}

/// What the engine keeps of builds. It counts containers and images for that, too, and gives up where one goes meanwhile.
fn records() -> Vec<serde_json::Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let usage = disk_usage();
        if let Some(records) = usage["BuildCache"].as_array() {
            return records.clone();
        }
        assert!(Instant::now() < deadline, "no records in 30 s: {usage}");
    }
}

/// What the engine says of its disk: older ones say it in another shape than the client library knows.
fn disk_usage() -> serde_json::Value {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    let mut stream = UnixStream::connect(socket).expect("the engine");
    stream
        .write_all(b"GET /v1.41/system/df HTTP/1.0\r\n\r\n")
        .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(body).expect("JSON")
}

/// Makes the engine forget what came of the step that runs `command`; returns how many records that were.
async fn forget(bench: &Bench, command: &str) -> usize {
    let records = records();
    let is_of_it = |record: &&serde_json::Value| {
        let text = record["Description"].as_str();
        text.is_some_and(|text| text.ends_with(command))
    };
    let of_it: Vec<_> = records.iter().filter(is_of_it).collect();
    for record in &of_it {
        let id = record["ID"].as_str().expect("an id");
        let options = PruneBuildOptionsBuilder::default()
            .all(true)
            .filters(&HashMap::from([("id", vec![id])]))
            .build();
        let pruned = bench.docker.prune_build(Some(options)).await;
        let gone = pruned.expect("pruned").caches_deleted;
        assert_eq!(gone.unwrap_or_default(), [id]);
    }
    of_it.len()
}

#[tokio::test]
async fn an_image_with_an_inline_cache_saves_its_steps() {
    let bench = Bench::new("cache-from").await;
    // What it makes tells whether it ran; its own text keeps it apart from those of other runs.
    let command = format!(
        "echo {} && head -c16 /dev/urandom | od -An -tx1 >/made",
        bench.spec().tag
    );
    bench.write("Dockerfile", &format!("FROM {BASE}\nRUN {command}\n"));
    let mut spec = bench.spec();
    spec.args
        .push(("BUILDKIT_INLINE_CACHE".to_owned(), plain("1")));
    let source = bench.build(&spec).await.image();
    let made = bench.read(&source, "/made").await.expect("the step ran");
    let name = spec.tag.trim_end_matches(":latest");
    let tag = TagImageOptionsBuilder::default()
        .repo(name)
        .tag("cache")
        .build();
    let tagged = bench.docker.tag_image(&source.id, Some(tag)).await;
    tagged.expect("a name");

    assert_eq!(forget(&bench, &command).await, 1);
    let without = bench.build(&bench.spec()).await.image();
    let made_anew = bench.read(&without, "/made").await;
    assert_ne!(made_anew.as_deref(), Some(&*made), "it was kept elsewhere");

    assert_eq!(forget(&bench, &command).await, 1);
    let mut taking = bench.spec();
    taking.cache_from = vec![format!("type=registry,ref={name}:cache")];
    let outcome = bench.build(&taking).await;
    let lines: Vec<String> = outcome.lines.iter().map(|l| l.text.clone()).collect();
    let taken = bench.read(&outcome.image(), "/made").await;
    // One that keeps its images in containerd asks for the image at its registry, and goes on without.
    let from_here = !has_containerd_images(&bench).await;
    assert_eq!(taken.as_deref() == Some(&*made), from_here, "{lines:#?}");
}

/// What a build comes out as, made anew and from the cache, after an edit that does not reach the image.
async fn comes_out_the_same(name: &str, builder: Builder) {
    let bench = Bench::new(name).await;
    let mut spec = bench.spec();
    // A builder's cache asks for the content alone: what an earlier run copied would come with that one's time.
    bench.write("a", &spec.labels[0].1);
    bench.write("README.md", "one");
    bench.write("Dockerfile", "FROM scratch\nCOPY a /a\nCMD [\"/a\"]\n");
    let options = BuildOptions {
        builder,
        ..BuildOptions::default()
    };
    let first = bench.build_with(&spec, options).await.image();
    bench.write("README.md", "two");
    spec.hash = "another".to_owned();
    spec.files = Some("another".to_owned());
    let cached = bench.build_with(&spec, options).await.image();
    assert_eq!(cached.id, first.id);

    // Ids cover the second in which a step was done.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    spec.options.no_cache = true;
    spec.options.tags = vec![format!("{}-too:one", spec.tag.replace(':', "-"))];
    let anew = bench.build_with(&spec, options).await.image();
    assert_eq!(anew.id, first.id);
    for tag in [&spec.tag, &spec.options.tags[0]] {
        let found = bench.docker.inspect_image(tag).await.expect("tagged");
        assert_eq!(found.id.as_deref(), Some(first.id.as_str()), "{tag}");
    }
    let labelled = HashMap::from([("label", vec![format!("devtest={}", spec.labels[0].1)])]);
    let options_of_list = ListImagesOptionsBuilder::new().filters(&labelled).build();
    let images = bench.docker.list_images(Some(options_of_list)).await;
    let ids: Vec<String> = images.expect("a list").into_iter().map(|i| i.id).collect();
    assert_eq!(ids, [first.id.as_str()], "its twin is gone");

    spec.options.labels = [("who".to_owned(), "me".to_owned())].into();
    let labelled = bench.build_with(&spec, options).await.image();
    assert_ne!(labelled.id, first.id);
    bench.write("a", "two");
    let changed = bench.build_with(&spec, options).await.image();
    assert_ne!(changed.id, labelled.id);
}

#[tokio::test]
async fn a_build_that_comes_out_the_same_is_the_image_that_was_there() {
    comes_out_the_same("same", Builder::Best).await;
}

#[tokio::test]
async fn a_classic_build_that_comes_out_the_same_is_the_image_that_was_there() {
    comes_out_the_same("same-classic", Builder::Classic).await;
}
