//! Containers that are the wanted ones, but do not run as they should.

use insta::assert_snapshot;

use super::super::scene::{Scene, runs};
use super::super::{RestartOwner, Standing};
use super::{gold, text_after};
use crate::plan::Cause;
use crate::plan::observed::{Has, Status};
use crate::stack::{Condition, Restart};

const CRASHED: Status = Status::Exited {
    code: 3,
    out_of_memory: false,
};

fn two() -> Scene {
    Scene::running([runs("db", &[]), runs("api", &["db"])])
}

#[test]
fn what_does_not_run_is_started_once_its_gates_open() {
    for (status, name) in [
        (Status::Paused, "paused"),
        (Status::Created, "created"),
        (CRASHED, "exited"),
        (Status::Dead, "dead"),
    ] {
        let text = text_after(two(), |scene| scene.set("gold-api-1", status));
        assert_snapshot!(name, text);
    }
}

#[test]
fn a_container_that_was_removed_by_hand_is_made_again() {
    assert_snapshot!(text_after(two(), |scene| {
        scene
            .observed
            .containers
            .retain(|container| container.service != "db");
    }));
}

#[test]
fn a_pause_holds_every_further_try() {
    let mut scene = two();
    scene.standing.insert("api".to_owned(), Standing::Backoff);
    scene.set("gold-api-1", CRASHED);
    assert_eq!(scene.text(), "nothing to do\n");
    // It could not be started, …
    scene.set("gold-api-1", Status::Created);
    assert_eq!(scene.text(), "nothing to do\n");
    // … not be made, …
    scene
        .observed
        .containers
        .retain(|container| container.service != "api");
    assert_eq!(scene.text(), "nothing to do\n");
    // … and its image could not be pulled.
    scene.observed.images.remove("api:1");
    assert_eq!(scene.text(), "nothing to do\n");
    scene.standing.clear();
    assert!(scene.text().contains("pull"));
}

#[test]
fn what_gave_up_is_left_as_it_is() {
    let mut scene = two();
    scene.standing.insert("api".to_owned(), Standing::GaveUp);
    for status in [CRASHED, Status::Running, Status::Created, Status::Paused] {
        scene.set("gold-api-1", status);
        scene.edit("api", |api| api.user = Some("1000".to_owned()));
        assert_eq!(scene.text(), "nothing to do\n");
    }
}

#[test]
fn asked_for_a_restart_the_same_container_begins_a_new_life() {
    let mut scene = two();
    let life = scene.container("gold-db-1").generation();
    scene.bounce.insert(life.clone(), Cause::Asked);
    assert_snapshot!(scene.text());
    scene.converge();
    assert_ne!(scene.container("gold-db-1").generation(), life);
}

#[test]
fn who_wants_to_be_restarted_with_its_need_is() {
    let services = [
        runs("db", &[]),
        runs("api", &[]).with_need_as("db", Condition::Ready, true),
    ];
    assert_snapshot!(text_after(Scene::running(services), |scene| {
        scene.container("gold-db-1").started_at = "2024-01-01T00:00:00.5Z".to_owned();
        scene.clock = 1_800_000_000;
    }));
}

#[test]
fn times_compare_as_times() {
    let services = [
        runs("db", &[]),
        runs("api", &[]).with_need_as("db", Condition::Ready, true),
    ];
    let mut scene = Scene::running(services);
    scene.container("gold-db-1").started_at = "2030-01-01T00:00:00.5Z".to_owned();
    scene.container("gold-api-1").started_at = "2030-01-01T00:00:00.50001Z".to_owned();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn files_come_before_the_start() {
    let mut scene = Scene::of([runs("api", &[]).synced()]);
    scene.seed.insert("api".to_owned());
    assert_snapshot!("seed_new", scene.text());
    // Interrupted in between, the container still needs them.
    scene.converge();
    scene.set("gold-api-1", Status::Created);
    scene.observed.synced.clear();
    assert_snapshot!("seed_created", scene.text());
    scene.converge();
    // One that has had them does not.
    scene.set("gold-api-1", CRASHED);
    assert!(!scene.text().contains("sync"));
}

#[test]
fn a_container_that_lacks_synced_files_gets_them_and_nothing_else() {
    let mut scene = Scene::running([runs("api", &[]).built().synced()]);
    assert_eq!(scene.text(), "nothing to do\n");
    let id = scene.container("gold-api-1").id.clone();
    let lacks = |scene: &mut Scene, restarts| {
        let lacks = Has::Lacks { restarts };
        scene.observed.synced.insert(id.clone(), lacks);
    };
    lacks(&mut scene, false);
    assert_snapshot!("lacks_runs", scene.text());
    scene.converge();

    lacks(&mut scene, true);
    assert_snapshot!("lacks_restarts", scene.text());
    scene.converge();

    // Asked for a restart as well, it begins its new life with them, and only one.
    lacks(&mut scene, true);
    let life = scene.container("gold-api-1").generation();
    scene.bounce.insert(life, Cause::Asked);
    assert_snapshot!("lacks_bounced", scene.text());
    scene.converge();

    // What refuses them is restarted all the same, but never for them.
    lacks(&mut scene, true);
    let life = scene.container("gold-api-1").generation();
    scene.refusing.insert(life.clone());
    assert_snapshot!("refuses_runs", scene.text());
    scene.bounce.insert(life, Cause::Asked);
    assert_snapshot!("refuses_bounced", scene.text());
    scene.converge();

    lacks(&mut scene, true);
    scene.set("gold-api-1", CRASHED);
    assert_snapshot!("lacks_ended", scene.text());
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn what_is_only_synced_is_no_reason_to_build_and_a_new_container_gets_it() {
    let mut scene = Scene::running([runs("api", &[]).built().synced()]);
    for hash in scene.sources.files.values_mut() {
        "tree-2".clone_into(hash);
    }
    // What runs has been given them; that is not the image's matter.
    assert_eq!(scene.text(), "nothing to do\n");
    scene.observed.containers.clear();
    assert_snapshot!("behind_new", scene.text());
    // Built anew it has everything: comparing is enough.
    scene.observed.images.clear();
    assert_snapshot!("behind_built", scene.text());
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn a_job_never_runs_from_an_image_that_only_syncs_keep_up_to_date() {
    let api = runs("api", &[]).built().synced();
    let mut job = runs("migrate", &[]).as_job(Some(&["migrations"]));
    job.source = api.source.clone();
    let mut scene = Scene::running([api, job]);
    for hash in scene.sources.files.values_mut() {
        "tree-2".clone_into(hash);
    }
    assert_eq!(scene.text(), "nothing to do\n");
    scene.rerun.insert("migrate".to_owned());
    let text = scene.text();
    assert!(text.starts_with("build "), "{text}");
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn who_restarts_containers_changes_with_who_stays() {
    let mut services = gold();
    services[0].restart = Restart::Always;
    services[3].restart = Restart::OnFailure { max: Some(2) };
    let mut scene = Scene::running(services);
    assert_eq!(scene.text(), "nothing to do\n");
    scene.restarts = RestartOwner::Engine;
    assert_snapshot!("leaving", scene.text());
    scene.converge();
    scene.restarts = RestartOwner::Dev;
    assert_snapshot!("coming_back", scene.text());
    scene.converge();
}
