//! When a job runs, and when not again.

use insta::assert_snapshot;

use super::super::Standing;
use super::super::scene::{Scene, job, runs};
use super::gold;
use crate::plan::observed::{ObservedContainer, Status};
use crate::stack::resolve::fixture::template;

fn with_inputs() -> Scene {
    let mut services = gold();
    services[1] = job("migrate", &["db"]).as_job(Some(&["alembic/**"]));
    let mut scene = Scene::of(services);
    scene
        .sources
        .inputs
        .insert("migrate".to_owned(), "inputs-1".to_owned());
    scene.observed.inputs.clone_from(&scene.sources.inputs);
    scene.converge();
    scene
}

#[test]
fn done_is_done_even_without_its_container() {
    let mut scene = with_inputs();
    assert_eq!(scene.text(), "nothing to do\n");
    scene
        .observed
        .containers
        .retain(|container| container.service != "migrate");
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn changed_inputs_run_it_again_in_a_clean_container() {
    let mut scene = with_inputs();
    scene
        .sources
        .inputs
        .insert("migrate".to_owned(), "inputs-2".to_owned());
    scene.observed.inputs.clone_from(&scene.sources.inputs);
    assert_snapshot!(scene.text());
    scene.converge();
}

#[test]
fn with_inputs_the_image_does_not_count() {
    let mut scene = with_inputs();
    scene.observed.images.get_mut("migrate:1").unwrap().id = "sha256:newer".to_owned();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn without_inputs_the_image_counts() {
    let mut scene = Scene::running(gold());
    scene.observed.images.get_mut("migrate:1").unwrap().id = "sha256:newer".to_owned();
    assert_snapshot!(scene.text());
    scene.converge();
}

#[test]
fn a_renewed_volume_under_what_it_needs_runs_it_again() {
    let mut scene = Scene::running(gold());
    scene.observed.volumes.get_mut("gold_data").unwrap().created = "restored".to_owned();
    assert_snapshot!(scene.text());
    scene.converge();
}

#[test]
fn asked_for_it_runs_once_more() {
    let mut scene = Scene::running(gold());
    scene.rerun.insert("migrate".to_owned());
    assert_snapshot!(scene.text());
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn a_changed_command_or_variable_runs_it_again() {
    let mut scene = Scene::running(gold());
    scene.edit("migrate", |migrate| {
        migrate.command = Some(vec![template("up")])
    });
    assert!(scene.text().contains("its configuration changed"));
    scene.converge();
    scene.edit("migrate", |migrate| {
        migrate.env.insert("LEVEL".to_owned(), template("2"));
    });
    assert!(scene.text().contains("its configuration changed"));
}

#[test]
fn a_job_at_work_is_let_end() {
    let mut scene = with_inputs();
    scene
        .sources
        .inputs
        .insert("migrate".to_owned(), "inputs-2".to_owned());
    scene.observed.inputs.clone_from(&scene.sources.inputs);
    scene.set("gold-migrate-1", Status::Running);
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn a_failed_job_waits_for_its_turn_or_for_a_change() {
    let mut scene = Scene::running([runs("db", &[]), job("migrate", &["db"])]);
    scene.observed.jobs.clear();
    scene.set(
        "gold-migrate-1",
        Status::Exited {
            code: 1,
            out_of_memory: false,
        },
    );
    for standing in [Standing::Backoff, Standing::GaveUp] {
        scene.standing.insert("migrate".to_owned(), standing);
        assert_eq!(scene.text(), "nothing to do\n");
    }
    scene.standing.clear();
    assert_snapshot!(scene.text());
}

/// A job without inputs whose image is built from sources that have changed.
fn from_changed_sources() -> Scene {
    let mut scene = Scene::running([runs("db", &[]), job("migrate", &["db"]).built()]);
    let image = scene.container("gold-migrate-1").image_id.clone();
    scene.comes_out_as = Some(image);
    let contexts = &mut scene.sources.contexts;
    contexts.insert("gold-migrate".to_owned(), "tree-2".to_owned());
    scene
}

#[test]
fn it_runs_again_only_if_its_image_comes_out_different() {
    let mut scene = from_changed_sources();
    assert_snapshot!(scene.text());
    let id = scene.container("gold-migrate-1").id.clone();
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
    assert_eq!(scene.container("gold-migrate-1").id, id);

    scene.comes_out_as = None;
    let contexts = &mut scene.sources.contexts;
    contexts.insert("gold-migrate".to_owned(), "tree-3".to_owned());
    scene.converge();
    assert_ne!(scene.container("gold-migrate-1").id, id);
}

#[test]
fn one_whose_container_is_gone_runs_again_only_if_its_image_comes_out_different() {
    let mut scene = from_changed_sources();
    let is_other = |container: &ObservedContainer| container.service != "migrate";
    scene.observed.containers.retain(is_other);
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
    assert!(scene.observed.containers.iter().all(is_other));
}

#[test]
fn whatever_else_changed_runs_it_again_from_the_same_image() {
    let changes: [fn(&mut Scene); 3] = [
        |scene| {
            scene.edit("migrate", |migrate| {
                migrate.command = Some(vec![template("up")]);
            });
        },
        |scene| {
            scene.rerun.insert("migrate".to_owned());
        },
        |scene| scene.observed.jobs.clear(),
    ];
    for change in changes {
        let mut scene = from_changed_sources();
        let id = scene.container("gold-migrate-1").id.clone();
        change(&mut scene);
        scene.converge();
        assert_ne!(scene.container("gold-migrate-1").id, id);
    }
}
