//! What runs to its end before a service starts: once for all that starts of it, and not where something of it runs on.

use super::super::scene::{Scene, runs};
use crate::plan::observed::Status;
use crate::plan::operation::{Action, Plan};
use crate::stack::resolve::fixture::template;
use crate::stack::{PreStart, Service};

fn hook(image: Option<&str>, per_replica: bool) -> PreStart {
    PreStart {
        image: image.map(str::to_owned),
        command: Some(vec!["migrate".to_owned()]),
        per_replica,
        ..PreStart::default()
    }
}

fn web(replicas: u32, hooks: &[PreStart]) -> Vec<Service> {
    let mut web = runs("web", &["db"]);
    web.replicas = replicas;
    web.container.pre_start = hooks.to_vec();
    vec![runs("db", &[]), web]
}

/// The containers that something runs before, and how many things.
fn prepared(plan: &Plan) -> Vec<(String, usize)> {
    let operations = plan.operations.iter();
    operations
        .filter_map(|operation| match &operation.action {
            Action::Prepare { steps, .. } => Some((operation.subject.to_string(), steps.len())),
            _ => None,
        })
        .collect()
}

fn of(name: &str, steps: usize) -> Vec<(String, usize)> {
    vec![(name.to_owned(), steps)]
}

#[test]
fn all_replicas_wait_for_the_first_ones() {
    let scene = Scene::of(web(2, &[hook(None, false), hook(Some("tool:1"), false)]));
    let plan = scene.plan();
    assert_eq!(prepared(&plan), of("gold-web-1", 2));
    let is_prepare = |id: &usize| matches!(plan.operations[*id].action, Action::Prepare { .. });
    let starts = plan.operations.iter().filter(|operation| {
        matches!(operation.action, Action::StartContainer { .. })
            && operation.subject.service() == Some("web")
    });
    let starts: Vec<bool> = starts
        .map(|start| start.after.iter().any(is_prepare))
        .collect();
    assert_eq!(starts, [true, true]);
    // It is not begun before what the service needs is there.
    let prepare = plan.operations.iter();
    let mut prepare = prepare.filter(|operation| is_prepare(&operation.id));
    assert_eq!(prepare.next().unwrap().gates[0].service, "db");
    assert!(plan.to_string().contains("image tool:1"), "{plan}");
}

#[test]
fn a_replica_beside_those_that_run_needs_only_its_own() {
    let mut scene = Scene::running(web(2, &[hook(None, false), hook(None, true)]));
    scene.edit("web", |web| web.replicas = 3);
    let plan = scene.plan();
    assert_eq!(prepared(&plan), of("gold-web-3", 1));
    // It is told by its place in the file.
    let mut actions = plan.operations.iter().map(|operation| &operation.action);
    let place = actions.find_map(|action| match action {
        Action::Prepare { steps, .. } => Some(steps[0].index),
        _ => None,
    });
    assert_eq!(place, Some(1));
    scene.converge();
    scene.set(
        "gold-web-2",
        Status::Exited {
            code: 1,
            out_of_memory: false,
        },
    );
    assert_eq!(prepared(&scene.plan()), of("gold-web-2", 1));
}

#[test]
fn a_change_is_prepared_once_however_far_it_has_come() {
    let mut scene = Scene::running(web(2, &[hook(None, false)]));
    scene.edit("web", |web| {
        web.env.insert("MORE".to_owned(), template("1"));
    });
    let plan = scene.plan();
    assert_eq!(prepared(&plan), of("gold-web-1.next", 1));
    let later = plan.operations.iter().position(|operation| {
        matches!(operation.action, Action::CreateContainer { .. })
            && operation.subject.to_string().starts_with("gold-web-2")
    });
    let mut half = plan.clone();
    half.operations.truncate(later.unwrap());
    scene.execute(&half);
    let rest = scene.plan();
    assert!(!rest.is_empty());
    assert_eq!(prepared(&rest), []);
}

#[test]
fn an_image_that_nobody_is_to_pull_is_not_pulled_for_a_step() {
    let allowed = |forbid: bool| {
        let mut scene = Scene::of(web(1, &[hook(Some("tool:1"), false)]));
        if forbid {
            scene.demands.no_pull.insert("web".to_owned());
            let image = scene.observed.images.get("db:1").cloned();
            scene
                .observed
                .images
                .insert("web:1".to_owned(), image.unwrap_or_default());
        }
        let operations = scene.plan().operations.into_iter();
        let mut pulls = operations.filter_map(|operation| match operation.action {
            Action::PullImage {
                reference, allowed, ..
            } if reference == "tool:1" => Some(allowed),
            _ => None,
        });
        pulls.next()
    };
    assert_eq!(allowed(false), Some(true));
    assert_eq!(allowed(true), Some(false));
}

#[test]
fn another_command_is_a_change_and_a_restart_is_none() {
    let mut scene = Scene::running(web(1, &[hook(None, false)]));
    let generation = scene.container("gold-web-1").generation();
    scene
        .bounce
        .insert(generation, crate::plan::operation::Cause::Asked);
    let restart = scene.plan();
    assert!(!restart.is_empty());
    assert_eq!(prepared(&restart), []);
    scene.bounce.clear();
    scene.edit("web", |web| {
        web.container.pre_start[0].user = Some("1".to_owned())
    });
    assert_eq!(prepared(&scene.plan()).len(), 1);
}
