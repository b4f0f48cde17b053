use std::time::{Duration, Instant};

use crate::bench::{BASE, Bench};

/// Whether a process of this machine has `marker` in its command line; the engine runs here.
fn runs(marker: &str) -> bool {
    std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .any(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(marker))
        })
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not in 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn dropping_a_build_ends_its_step_on_the_engine() {
    let bench = Bench::new("cancel").await;
    let marker = format!("31{}", std::process::id());
    bench.write("Dockerfile", &format!("FROM {BASE}\nRUN sleep {marker}\n"));
    let spec = bench.spec();
    let engine = bench.engine.clone();
    let build = tokio::spawn(async move { engine.build(&spec, None).await });
    let command = format!("sleep\0{marker}");
    until("the step runs", || runs(&command)).await;
    build.abort();
    assert!(build.await.expect_err("aborted").is_cancelled());
    until("the step ended", || !runs(&command)).await;
}
