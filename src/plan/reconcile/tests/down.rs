//! The way back.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;

use super::super::scene::{Scene, check_order, job, runs};
use super::super::{Removal, remove, stop};
use super::gold;
use crate::plan::observed::{ObservedNetwork, ObservedVolume, Status};
use crate::plan::operation::{Action, Plan};

/// The names of what has to have ended before each operation, transitively.
fn before(plan: &Plan, name: &str) -> BTreeSet<String> {
    let place = plan
        .operations
        .iter()
        .position(|operation| operation.subject.to_string() == name);
    let mut todo = vec![place.expect("an operation on it")];
    let mut found = BTreeSet::new();
    while let Some(id) = todo.pop() {
        for before in &plan.operations[id].after {
            found.insert(plan.operations[*before].subject.to_string());
            todo.push(*before);
        }
    }
    found
}

fn all(scene: &Scene) -> BTreeSet<String> {
    scene.stack.services.keys().cloned().collect()
}

#[test]
fn down_keeps_volumes() {
    let scene = Scene::running(gold());
    let plan = remove(
        &scene.stack,
        &scene.observed,
        Removal {
            volumes: false,
            ..Removal::default()
        },
    );
    check_order(&plan);
    assert_snapshot!(plan.to_string());
}

#[test]
fn down_removes_volumes_when_asked() {
    let mut scene = Scene::running(gold());
    let plan = remove(
        &scene.stack,
        &scene.observed,
        Removal {
            volumes: true,
            ..Removal::default()
        },
    );
    assert_snapshot!(plan.to_string());
    scene.execute(&plan);
    assert!(scene.observed.containers.is_empty());
    assert!(scene.observed.networks.is_empty());
    assert!(scene.observed.volumes.is_empty());
    assert!(
        remove(
            &scene.stack,
            &scene.observed,
            Removal {
                volumes: true,
                ..Removal::default()
            }
        )
        .is_empty()
    );
}

#[test]
fn what_others_made_stays() {
    let mut scene = Scene::running(gold());
    let network = ObservedNetwork {
        id: "n".to_owned(),
        twins: Vec::new(),
        ours: false,
        dir: None,
        config: None,
    };
    scene.observed.networks.insert("shared".to_owned(), network);
    let volume = ObservedVolume {
        ours: false,
        created: "then".to_owned(),
        dir: None,
        checkout: None,
        config: None,
    };
    scene.observed.volumes.insert("pool".to_owned(), volume);
    let plan = remove(
        &scene.stack,
        &scene.observed,
        Removal {
            volumes: true,
            ..Removal::default()
        },
    );
    scene.execute(&plan);
    assert!(scene.observed.networks.contains_key("shared"));
    assert!(scene.observed.volumes.contains_key("pool"));
}

#[test]
fn what_is_thrown_away_stops_side_by_side() {
    let scene = Scene::running(gold());
    let removal = Removal {
        side_by_side: true,
        ..Removal::default()
    };
    let plan = remove(&scene.stack, &scene.observed, removal);
    let stops = plan.operations.iter();
    let stops = stops.filter(|o| matches!(o.action, Action::StopContainer { .. }));
    assert!(stops.clone().count() > 1);
    assert!(stops.clone().all(|stop| stop.after.is_empty()), "{plan}");
    check_order(&plan);
}

#[test]
fn dependents_stop_first() {
    let mut services = gold();
    services[1] = runs("migrate", &["db"]);
    let scene = Scene::running(services);
    let plan = stop(&scene.stack, &scene.observed, &all(&scene));
    check_order(&plan);
    assert_snapshot!(plan.to_string());
    assert!(before(&plan, "gold-db-1").contains("gold-worker-1"));
}

#[test]
fn dependents_stop_first_across_a_job_that_is_done() {
    let scene = Scene::running(gold());
    let plan = stop(&scene.stack, &scene.observed, &all(&scene));
    check_order(&plan);
    // api needs migrate, which has ended, which needs db.
    assert!(before(&plan, "gold-db-1").contains("gold-api-1"), "{plan}");
}

#[test]
fn only_what_was_asked_for_and_runs_is_stopped() {
    let mut scene = Scene::running(gold());
    scene.set("gold-worker-1", Status::Paused);
    let services = ["worker", "migrate"].map(str::to_owned).into();
    let plan = stop(&scene.stack, &scene.observed, &services);
    assert_snapshot!(plan.to_string());
}

#[test]
fn a_service_that_the_file_no_longer_has_goes_too() {
    let mut scene = Scene::running([runs("db", &[]), job("migrate", &["db"])]);
    scene.stack.services.clear();
    let plan = remove(&scene.stack, &scene.observed, Removal::default());
    let removed = plan
        .operations
        .iter()
        .filter(|o| matches!(o.action, Action::RemoveContainer { .. }));
    assert_eq!(removed.count(), 2);
}

#[test]
fn a_service_that_the_file_no_longer_has_keeps_its_time_to_stop() {
    let mut db = runs("db", &[]);
    db.stop.grace = Duration::from_secs(60);
    let mut scene = Scene::running([db]);
    scene.stack.services.clear();
    scene.scope.clear();
    let down = remove(&scene.stack, &scene.observed, Removal::default());
    for plan in [down, scene.plan()] {
        let grace = plan
            .operations
            .iter()
            .find_map(|operation| match operation.action {
                Action::StopContainer { grace, .. } => Some(grace),
                _ => None,
            });
        assert_eq!(grace, Some(Duration::from_secs(60)), "{plan}");
    }
}

/// Which containers go with their volumes without a name.
fn with_volumes(plan: &Plan) -> Vec<(String, bool)> {
    let removals = plan.operations.iter().filter_map(|o| match o.action {
        Action::RemoveContainer {
            anonymous_volumes, ..
        } => Some((o.subject.to_string(), anonymous_volumes)),
        _ => None,
    });
    removals.collect()
}

#[test]
fn volumes_without_a_name_stay_where_nobody_says_that_they_are_fleeting() {
    let mut keeps = runs("keeps", &[]);
    keeps.container.keeps_anonymous_volumes = true;
    keeps.replicas = 2;
    let services = [
        keeps,
        runs("fleeting", &[]).replicated(2),
        runs("foreign", &[]),
    ];
    let mut scene = Scene::running(services.into_iter().chain([runs("gone", &[])]));
    scene.container("gold-foreign-1").config = None;
    scene.stack.services.remove("gone");
    scene.scope.remove("gone");
    let down = |volumes| {
        let removal = Removal {
            volumes,
            ..Removal::default()
        };
        with_volumes(&remove(&scene.stack, &scene.observed, removal))
    };
    for (name, goes) in down(false) {
        assert_eq!(goes, name.contains("fleeting"), "{name}");
    }
    assert!(down(true).iter().all(|(_, goes)| *goes));

    for name in ["keeps", "fleeting"] {
        scene.edit(name, |service| service.replicas = 1);
    }
    let mut up = with_volumes(&scene.plan());
    up.sort();
    let expected = [
        ("gold-fleeting-2", true),
        ("gold-foreign-1", false),
        ("gold-gone-1", false),
        ("gold-keeps-2", false),
    ];
    assert_eq!(
        up,
        expected.map(|(name, goes)| (name.to_owned(), goes)),
        "{}",
        scene.plan()
    );
}
