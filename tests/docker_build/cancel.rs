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

/// Someone who saves twice a second while a build takes longer.
#[tokio::test]
async fn builds_that_are_overtaken_one_after_the_other_leave_no_step_behind() {
    let bench = Bench::new("cancel-row").await;
    let marker = format!("32{}", std::process::id());
    for save in 0..8 {
        let seconds = format!("{marker}{save}");
        bench.write("Dockerfile", &format!("FROM {BASE}\nRUN sleep {seconds}\n"));
        let (spec, engine) = (bench.spec(), bench.engine.clone());
        let build = tokio::spawn(async move { engine.build(&spec, None).await });
        tokio::time::sleep(Duration::from_millis(500)).await;
        if save % 2 == 1 {
            // The others end wherever they are.
            until("the step runs", || runs(&format!("sleep\0{seconds}"))).await;
        }
        build.abort();
        assert!(build.await.expect_err("aborted").is_cancelled());
    }
    until("all steps ended", || !runs(&format!("sleep\0{marker}"))).await;
    bench.write(
        "Dockerfile",
        &format!("FROM {BASE}\nRUN echo {marker} >/made\n"),
    );
    let image = bench.build(&bench.spec()).await.image();
    assert_eq!(
        bench.read(&image, "/made").await,
        Some(format!("{marker}\n"))
    );
    assert!(!runs(&format!("sleep\0{marker}")), "one began later");
}

/// An engine may lose the layer of a build that is cancelled as it is written, and keep it in its cache as done.
#[tokio::test]
async fn a_build_after_one_that_was_cancelled_as_it_ended_makes_its_image() {
    const ROUNDS: u32 = 12;
    let bench = Bench::new("cancel-end").await;
    bench.write("Dockerfile", &format!("FROM {BASE}\nCOPY made /made\n"));
    bench.write("made", "first");
    let begun = Instant::now();
    bench.build(&bench.spec()).await.image();
    let whole = begun.elapsed();
    for round in 0..ROUNDS {
        let text = format!("{} {round}", std::process::id());
        bench.write("made", &text);
        let (spec, engine) = (bench.spec(), bench.engine.clone());
        // From its first half to its end.
        let after = whole.mul_f64(0.5 + 0.5 * f64::from(round) / f64::from(ROUNDS));
        let build = async move { engine.build(&spec, None).await.map(drop) };
        let _ended_or_cancelled = tokio::time::timeout(after, build).await;
        let built = bench.engine.build(&bench.spec(), None).await;
        let image = built.unwrap_or_else(|error| panic!("round {round}: {:?}", error.0));
        assert_eq!(bench.read(&image, "/made").await, Some(text));
    }
}
