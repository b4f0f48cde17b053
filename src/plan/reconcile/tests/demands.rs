//! What an `up` is asked for beside that things are as they should be: once, and with its cause.

use insta::assert_snapshot;

use super::super::scene::{Scene, process, runs};
use super::{gold, text_after};
use crate::plan::Cause;
use crate::plan::observed::Status;

fn renew(scene: &mut Scene, container: &str) {
    let id = scene.container(container).id.clone();
    scene.demands.renew.insert(id, Cause::AskedToRecreate);
}

#[test]
fn a_container_is_made_anew_once() {
    let mut scene = Scene::running(gold());
    renew(&mut scene, "gold-worker-1");
    assert_snapshot!(scene.text());
    scene.converge();
    assert!(scene.demands.renew.is_empty());
}

#[test]
fn an_image_is_built_once_and_what_runs_stays_if_it_comes_out_the_same() {
    let mut scene = Scene::running(gold());
    let before = scene.container("gold-api-1").id.clone();
    scene.demands.build.insert("api".to_owned());
    assert_snapshot!(scene.text());
    scene.converge();
    assert_eq!(scene.container("gold-api-1").id, before);
    assert!(scene.demands.build.is_empty());
}

#[test]
fn an_image_is_pulled_once() {
    assert_snapshot!(text_after(Scene::running(gold()), |scene| {
        scene.demands.pull.insert("worker".to_owned());
    }));
}

#[test]
fn what_may_not_be_made_is_not() {
    let mut scene = Scene::of(gold());
    scene.demands.no_build.insert("api".to_owned());
    scene.demands.no_pull.insert("worker".to_owned());
    let text = scene.text();
    assert!(!text.contains("api") && !text.contains("worker"), "{text}");
    // What is there does, however old it is.
    let mut scene = Scene::running(gold());
    scene.demands.no_build.insert("api".to_owned());
    let sources = ("gold-api".to_owned(), "tree-2".to_owned());
    scene.sources.contexts.extend([sources]);
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn what_is_to_stay_stays_and_is_still_started() {
    let mut scene = Scene::running(
        gold()
            .into_iter()
            .chain([process("web", &[])])
            .collect::<Vec<_>>(),
    );
    for container in scene.observed.containers.clone() {
        scene.demands.keep.insert(container.id);
    }
    for container in &mut scene.observed.containers {
        container.config = None;
    }
    scene.set(
        "gold-worker-1",
        Status::Exited {
            code: 1,
            out_of_memory: false,
        },
    );
    assert_eq!(
        scene.text(),
        "start      gold-worker-1  it ended with 1; once api is ready\n"
    );
}

#[test]
fn volumes_without_a_name_go_only_where_that_is_asked() {
    let mut scene = Scene::running([runs("a", &[]), runs("b", &[])]);
    renew(&mut scene, "gold-a-1");
    renew(&mut scene, "gold-b-1");
    let id = scene.container("gold-a-1").id.clone();
    scene.demands.drop_volumes.insert(id.clone());
    let removed = scene
        .plan()
        .operations
        .into_iter()
        .filter_map(|o| match o.action {
            crate::plan::Action::RemoveContainer {
                id,
                anonymous_volumes,
            } => Some((id, anonymous_volumes)),
            _ => None,
        });
    for (container, volumes) in removed {
        assert_eq!(volumes, container == id);
    }
}

#[test]
fn everything_is_made_and_nothing_started() {
    let mut scene = Scene::of(gold());
    scene.demands.create_only = true;
    assert_snapshot!(scene.text());
    scene.execute(&scene.plan());
    assert_eq!(scene.text(), "nothing to do\n");
    assert!(
        scene
            .observed
            .containers
            .iter()
            .all(|c| c.status == Status::Created)
    );
    // What runs is left alone.
    let mut scene = Scene::running(gold());
    scene.container("gold-api-1").config = None;
    scene.demands.create_only = true;
    assert_eq!(scene.text(), "nothing to do\n");
}
