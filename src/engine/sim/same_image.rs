//! A build that comes out as the image that was there leaves everything as it is.

use std::time::Duration;

use super::harness::story;
use super::life::Life;
use super::stacks::{job, probed};
use super::{Bench, Run};
use crate::engine::event::Event;
use crate::engine::state::Phase;

const SECOND: Duration = Duration::from_secs(1);

/// From now on every build comes out as what there is.
fn same(bench: &Bench, tag: &str) {
    let mut model = bench.world.model();
    let image = model.images.get(tag).expect("a build").id.clone();
    model.comes_out_as = Some(image);
}

async fn save(run: &Run, bench: &Bench, path: &str, text: &str) {
    fs_err::create_dir_all(bench.dir.join(path).parent().expect("a folder")).unwrap();
    fs_err::write(bench.dir.join(path), text).unwrap();
    run.saved(bench, path).await;
}

#[tokio::test(start_paused = true)]
async fn its_container_stays_and_the_next_up_has_nothing_to_do() {
    let bench = Bench::new([probed("api", &[]).built()]);
    let mut run = bench.up();
    run.until_settled().await;
    same(&bench, "gold-api");
    let id = bench.world.id("gold-api-1");
    for text in ["one", "two"] {
        let builds = bench.world.count("build gold-api");
        save(&run, &bench, "api/README.md", text).await;
        run.pass(10 * SECOND).await;
        run.until_settled().await;
        let events = story(&run.events());
        assert_eq!(
            bench.world.count("build gold-api"),
            builds + 1,
            "{events:#?}"
        );
        assert_eq!(bench.world.id("gold-api-1"), id, "{events:#?}");
        assert_eq!(bench.world.count("start gold-api-1"), 1, "{events:#?}");
    }
    run.kill().await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("build gold-api"), 3);
    assert_eq!(bench.world.id("gold-api-1"), id);

    // Without what is written down it builds once more, and that is all.
    fs_err::remove_file(bench.store().dir().join("builds.json")).unwrap();
    for _ in 0..2 {
        bench.up_until_ready().ended().await;
        assert_eq!(bench.world.count("build gold-api"), 4);
        assert_eq!(bench.world.id("gold-api-1"), id);
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn an_image_that_somebody_else_gave_the_name_is_not_taken_for_it() {
    let bench = Bench::new([probed("api", &[]).built()]);
    bench.up_until_ready().ended().await;
    let image = bench.world.model().images["gold-api"].id.clone();
    let of_others = |model: &mut super::model::Model| {
        let image = model.images.get_mut("gold-api").expect("a build");
        image.id = "sha256:theirs".to_owned();
    };
    of_others(&mut bench.world.model());
    let id = bench.world.id("gold-api-1");
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("build gold-api"), 2);
    assert_eq!(bench.world.model().images["gold-api"].id, image);
    assert_eq!(bench.world.id("gold-api-1"), id);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_does_not_run_again_be_it_saved_while_it_runs() {
    let bench = Bench::new([job("migrate", &[]).built(), probed("api", &["migrate"])]);
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(10_000, 0));
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Running).await;
    same(&bench, "gold-migrate");
    // The build goes on when it ends.
    bench
        .world
        .set_latency(|latency| latency.build = 30 * SECOND);
    save(&run, &bench, "migrate/README.md", "one").await;
    run.pass(60 * SECOND).await;
    run.until_settled().await;
    save(&run, &bench, "migrate/README.md", "two").await;
    run.pass(60 * SECOND).await;
    run.until_settled().await;
    run.kill().await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("build gold-migrate"), 3);
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);

    // It counts as run from what its image is built from now, and no more is asked when that is gone.
    bench.world.model().images.clear();
    bench.world.model().comes_out_as = Some("sha256:another".to_owned());
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);

    fs_err::write(bench.dir.join("migrate/README.md"), "three").unwrap();
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_stack_file_with_a_mistake_builds_nothing_until_it_can_be_read() {
    let mut bench = Bench::new([probed("api", &[]).built()]);
    let api = bench.stack.services.get_mut("api").expect("it");
    if let crate::stack::Source::Build(build) = &mut api.source {
        build.context.clone_from(&bench.dir);
    }
    let good = bench.reloaded();
    let mut run = bench.up();
    run.until_settled().await;
    let read = |result| *bench.reloads.lock().expect("no test fails here") = Some(result);
    let rebuilds = |run: &Run| {
        let events = run.events();
        let is_one = |event: &Event| matches!(event, Event::Watched { .. });
        events.iter().filter(|event| is_one(&event.event)).count()
    };
    read(Err("a mistake".to_owned()));
    run.saved(&bench, "dev.toml").await;
    run.pass(20 * SECOND).await;
    assert_eq!(run.state().rejected.as_deref(), Some("a mistake"));
    assert_eq!(rebuilds(&run), 0, "{:#?}", story(&run.events()));

    // It lies in the context, and may be in the image.
    read(good);
    save(&run, &bench, "dev.toml", "# more").await;
    run.pass(20 * SECOND).await;
    run.until_settled().await;
    assert!(rebuilds(&run) > 0, "{:#?}", story(&run.events()));
    assert_eq!(bench.world.count("build gold-api"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_an_editor_puts_beside_a_file_is_no_reason_to_build_with_or_without_an_engine() {
    let bench = Bench::new([probed("api", &[]).built()]);
    let mut run = bench.up();
    run.until_settled().await;
    for name in ["api/app.py~", "api/.app.py.swp", "api/4913"] {
        save(&run, &bench, name, "x").await;
    }
    run.pass(20 * SECOND).await;
    run.kill().await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("build gold-api"), 1);
    bench.check();
}
