//! What a container gets before it starts.

use super::Bench;
use super::stacks::probed;
use crate::engine::goal::Outcome;
use crate::plan::react::fixture::{rule, sync};
use crate::stack::AfterSync;
use crate::watch::sync::Record;

#[tokio::test(start_paused = true)]
async fn what_it_was_seeded_with_is_known_so_that_it_can_go() {
    let mut site = probed("site", &[]);
    site.watch = vec![rule(&["www"], sync("/www", AfterSync::Nothing))];
    let bench = Bench::new([site]);
    fs_err::create_dir(bench.dir.join("www")).unwrap();
    let seeded = bench.dir.join("www/seeded");
    fs_err::write(&seeded, "x").unwrap();
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);

    fs_err::remove_file(&seeded).unwrap();
    let record = Record::open(bench.store().synced("site", 1));
    let gone = record.gone(|_| false);
    let targets: Vec<_> = gone.into_iter().map(|piece| piece.target).collect();
    assert_eq!(targets, [b"/www/seeded"]);
    bench.check();
}
