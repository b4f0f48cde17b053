//! Services that mount what they are built from.

use std::time::Duration;

use super::Bench;
use super::stacks::probed;
use crate::engine::goal::Until;
use crate::stack::{Mount, Service};

/// `build = "api"` with `volumes = ["./api:/code"]`.
fn bench() -> Bench {
    let mut bench = Bench::new([probed("api", &[]).built()]);
    let source = bench.dir.join("api");
    bench.edit(|stack| {
        let api: &mut Service = stack.services.get_mut("api").unwrap();
        api.mounts.push(Mount::Bind {
            source,
            target: "/code".to_owned(),
            read_only: false,
        });
    });
    bench
}

#[tokio::test(start_paused = true)]
async fn what_a_service_writes_into_the_folder_that_it_mounts_rebuilds_nothing_then_or_later() {
    let bench = bench();
    let mut run = bench.up();
    run.until_settled().await;
    fs_err::write(bench.dir.join("api/app.db"), "1").unwrap();
    run.saved(&bench, "api/app.db").await;
    run.pass(Duration::from_secs(5)).await;
    assert_eq!(bench.world.count("build gold-api"), 1);
    // What is no reason while it watches is none for the next one, in which everything is compared.
    run.leave().await;
    let mut run = bench.run(bench.everything(), Until::Told);
    run.until_settled().await;
    assert_eq!(bench.world.count("build gold-api"), 1);

    fs_err::write(bench.dir.join("api/Dockerfile"), "FROM scratch\nUSER 1\n").unwrap();
    run.saved(&bench, "api/Dockerfile").await;
    run.until("a second image", |_| {
        bench.world.count("build gold-api") == 2
    })
    .await;
    run.until_settled().await;
    bench.check();
}
