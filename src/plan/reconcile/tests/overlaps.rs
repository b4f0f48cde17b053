//! A container that gets ready beside the one that it replaces, from every point at which that may have been cut off.

use insta::assert_snapshot;

use super::super::Standing;
use super::super::scene::{Scene, runs};
use crate::plan::observed::Status;
use crate::plan::operation::Action;
use crate::stack::{Service, UpdateOrder};

fn stack() -> Vec<Service> {
    let api = Service {
        update: UpdateOrder::StartFirst,
        ..runs("api", &["db"]).built()
    };
    vec![runs("db", &[]), api, runs("web", &["api"])]
}

/// Changed sources; the plan was carried out as far as its first `steps` operations.
fn cut_off_after(steps: usize) -> Scene {
    let mut scene = Scene::running(stack());
    let sources = ("gold-api".to_owned(), "tree-2".to_owned());
    scene.sources.contexts.extend([sources]);
    let mut plan = scene.plan();
    assert!(plan.operations.len() > steps, "it ends before");
    plan.operations.truncate(steps);
    scene.execute(&plan);
    scene
}

const STEPS: usize = 8;

/// One container, under its own name, that others find.
fn is_alone(scene: &Scene) {
    let of_api = scene.observed.containers.iter();
    let of_api: Vec<_> = of_api.filter(|found| found.service == "api").collect();
    let names: Vec<&str> = of_api.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["gold-api-1"]);
    assert!(is_found(scene));
}

/// Whoever asks for it is sent to one that runs.
fn is_found(scene: &Scene) -> bool {
    scene.observed.containers.iter().any(|found| {
        let names = found.aliases.get("gold_default");
        found.is_running() && names.is_some_and(|names| names.contains("api"))
    })
}

#[test]
fn goes_on_where_it_was_cut_off() {
    let texts: Vec<String> = (0..STEPS)
        .map(|steps| format!("after {steps}:\n{}", cut_off_after(steps).text()))
        .collect();
    assert_snapshot!(texts.join("\n"));
}

#[test]
fn converges_from_wherever_it_was_cut_off_and_is_found_all_the_while() {
    for (steps, newer) in (0..STEPS).flat_map(|steps| [(steps, false), (steps, true)]) {
        let mut scene = cut_off_after(steps);
        if newer {
            let sources = ("gold-api".to_owned(), "tree-3".to_owned());
            scene.sources.contexts.extend([sources]);
        }
        for _ in 0..12 {
            for operation in scene.plan().operations {
                // What an input stands for is known to a whole plan only.
                let mut plan = scene.plan();
                let Some(place) = plan.operations.iter().position(|o| *o == operation) else {
                    continue;
                };
                plan.operations.truncate(place + 1);
                let mut stepped = scene.clone();
                stepped.execute(&plan);
                assert!(is_found(&stepped), "{steps} {newer}:\n{plan}");
            }
            let plan = scene.plan();
            scene.execute(&plan);
        }
        assert!(scene.plan().is_empty());
        is_alone(&scene);
        let image = scene.observed.images["gold-api"].id.clone();
        assert_eq!(scene.container("gold-api-1").image_id, image);
    }
}

#[test]
fn a_new_one_that_gave_up_goes_and_the_one_before_was_never_touched() {
    for (steps, ended) in (3..6).flat_map(|steps| [(steps, false), (steps, true)]) {
        let mut scene = cut_off_after(steps);
        let before = scene.container("gold-api-1").generation();
        scene.standing.insert("api".to_owned(), Standing::GaveUp);
        if ended {
            let (code, out_of_memory) = (3, false);
            let status = Status::Exited {
                code,
                out_of_memory,
            };
            scene.set("gold-api-1.next", status);
        }
        let plan = scene.plan();
        let stops = |id: &String| *id == before.id;
        assert!(
            !plan
                .operations
                .iter()
                .any(|operation| match &operation.action {
                    Action::StopContainer { id, .. } | Action::RemoveContainer { id, .. } =>
                        stops(id),
                    _ => false,
                })
        );
        scene.converge();
        is_alone(&scene);
        assert_eq!(scene.container("gold-api-1").generation(), before);
    }
}

#[test]
fn one_that_crashes_beside_it_leaves_the_new_one_to_take_over() {
    for steps in 2..STEPS - 2 {
        let mut scene = cut_off_after(steps);
        let (code, out_of_memory) = (1, false);
        scene.set(
            "gold-api-1",
            Status::Exited {
                code,
                out_of_memory,
            },
        );
        scene.converge();
        is_alone(&scene);
    }
}

#[test]
fn a_choice_that_changes_midway_leaves_nothing_behind() {
    for steps in 0..STEPS {
        let mut scene = cut_off_after(steps);
        scene.edit("api", |api| api.update = UpdateOrder::StopFirst);
        scene.converge();
        is_alone(&scene);
    }
}

#[test]
fn what_needs_it_is_restarted_only_once_the_new_one_counts() {
    let mut services = stack();
    services[2].needs.get_mut("api").unwrap().restart = true;
    let mut scene = Scene::running(services);
    let sources = ("gold-api".to_owned(), "tree-2".to_owned());
    scene.sources.contexts.extend([sources]);
    let mut plan = scene.plan();
    plan.operations.truncate(3);
    scene.execute(&plan);
    let text = scene.text();
    assert!(!text.contains("gold-web-1"), "{text}");
    scene.converge();
    let (api, web) = ("gold-api-1", "gold-web-1");
    let began = |scene: &mut Scene, name: &str| scene.container(name).started_at.clone();
    assert!(began(&mut scene, api) < began(&mut scene, web));
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
