//! A container that is replaced, from every point at which that may have been cut off.

use insta::assert_snapshot;

use super::super::Standing;
use super::super::scene::Scene;
use super::gold;
use crate::plan::observed::Status;

/// Changed sources; the plan was carried out as far as its first `steps` operations.
fn cut_off_after(steps: usize) -> Scene {
    let mut scene = Scene::running(gold());
    let sources = ("gold-api".to_owned(), "tree-2".to_owned());
    scene.sources.contexts.extend([sources]);
    let mut plan = scene.plan();
    assert!(plan.operations.len() > steps, "it ends before");
    plan.operations.truncate(steps);
    scene.execute(&plan);
    scene
}

const STEPS: usize = 6;

fn is_alone(scene: &Scene) {
    let mut names: Vec<&str> = scene
        .observed
        .containers
        .iter()
        .filter(|container| container.service == "api")
        .map(|container| container.name.as_str())
        .collect();
    assert_eq!(names.pop(), Some("gold-api-1"));
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn goes_on_where_it_was_cut_off() {
    let texts: Vec<String> = (0..STEPS)
        .map(|steps| format!("after {steps}:\n{}", cut_off_after(steps).text()))
        .collect();
    assert_snapshot!(texts.join("\n"));
}

#[test]
fn converges_from_wherever_it_was_cut_off() {
    for steps in 0..STEPS {
        let mut scene = cut_off_after(steps);
        scene.converge();
        is_alone(&scene);
    }
}

#[test]
fn converges_to_something_newer_from_wherever_it_was_cut_off() {
    for steps in 0..STEPS {
        let mut scene = cut_off_after(steps);
        let sources = ("gold-api".to_owned(), "tree-3".to_owned());
        scene.sources.contexts.extend([sources]);
        scene.converge();
        is_alone(&scene);
        let image = scene.observed.images["gold-api"].id.clone();
        assert_eq!(scene.container("gold-api-1").image_id, image);
    }
}

#[test]
fn a_new_one_that_gave_up_makes_way_for_the_one_before() {
    let mut scene = cut_off_after(4);
    let before = scene.container("gold-api-1").id.clone();
    scene.standing.insert("api".to_owned(), Standing::GaveUp);
    let while_it_runs = scene.text();
    scene.set(
        "gold-api-1.next",
        Status::Exited {
            code: 3,
            out_of_memory: false,
        },
    );
    let once_it_has_ended = scene.text();
    assert_snapshot!(format!("{while_it_runs}\n{once_it_has_ended}"));
    scene.converge();
    is_alone(&scene);
    assert_eq!(scene.container("gold-api-1").id, before);
    assert_eq!(scene.container("gold-api-1").status, Status::Running);

    // And is replaced once more when that is to be tried again.
    scene.standing.clear();
    scene.converge();
    is_alone(&scene);
    assert_ne!(scene.container("gold-api-1").id, before);
}

#[test]
fn what_does_not_run_has_nothing_to_come_back_and_goes_first() {
    let mut scene = Scene::running(gold());
    scene.set(
        "gold-api-1",
        Status::Exited {
            code: 1,
            out_of_memory: false,
        },
    );
    scene.edit("api", |api| api.user = Some("1000".to_owned()));
    assert_snapshot!(scene.text());
    scene.converge();
    is_alone(&scene);
}

#[test]
fn down_takes_both_away() {
    for steps in 0..STEPS {
        let scene = cut_off_after(steps);
        let plan = super::super::remove(&scene.stack, &scene.observed, Default::default());
        let mut down = scene.clone();
        down.execute(&plan);
        assert_eq!(down.observed.containers, [], "after {steps}");
    }
}
