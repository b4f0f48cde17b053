//! What may start when.

use super::harness::story;
use super::stacks::gold;
use super::{Bench, Run};
use crate::engine::goal::Outcome;

fn place(story: &[String], what: &str) -> usize {
    let found = story.iter().position(|entry| entry == what);
    found.unwrap_or_else(|| panic!("no `{what}` in {story:#?}"))
}

#[tokio::test(start_paused = true)]
async fn everything_comes_up_in_order() {
    let bench = Bench::new(gold());
    let mut run: Run = bench.up();
    run.until_settled().await;
    let story = story(&run.leave().await);
    for pair in ["db passes", "start gold-migrate-1", "migrate done true", "start gold-api-1", "api passes", "start gold-web-1"]
        .windows(2)
    {
        assert!(place(&story, pair[0]) < place(&story, pair[1]), "{pair:?} in {story:#?}");
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn until_ready_it_ends_by_itself() {
    let bench = Bench::new(gold());
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
    bench.check();
}
