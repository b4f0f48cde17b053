//! Processes on the host, planned beside containers and like them.

use insta::assert_snapshot;

use super::super::scene::{Scene, job, process, runs};
use super::super::{Removal, RestartOwner, remove};
use super::text_after;
use crate::plan::observed::Status;
use crate::stack::resolve::fixture::http;
use crate::stack::{Condition, Restart, Service, Source};

const CRASHED: Status = Status::Exited {
    code: 3,
    out_of_memory: false,
};

fn web() -> Vec<Service> {
    vec![
        runs("db", &[]),
        process("web", &["db"])
            .with_port("http", http(3000))
            .with_env("PORT", "${self.http.port}"),
    ]
}

#[test]
fn a_process_starts_once_its_container_is_ready_and_then_there_is_nothing_to_do() {
    let mut scene = Scene::of(web());
    assert_snapshot!(scene.text());
    scene.converge();
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn what_ended_begins_anew_and_what_lost_its_supervisor_is_replaced() {
    for (name, status) in [("ended", CRASHED), ("orphaned", Status::Dead)] {
        let text = text_after(Scene::running(web()), |scene| {
            scene.set("gold-web-1", status);
        });
        assert_snapshot!(name, text);
    }
}

#[test]
fn an_edit_replaces_it() {
    assert_snapshot!(text_after(Scene::running(web()), |scene| {
        scene.edit("web", |web| {
            web.source = Source::Run("npm start".to_owned())
        });
    }));
}

#[test]
fn a_service_may_become_a_process_and_a_container_again() {
    let mut scene = Scene::running(web());
    assert_snapshot!("to_a_container", {
        scene.edit("web", |web| web.source = Source::Image("web:1".to_owned()));
        scene.text()
    });
    scene.converge();
    assert_snapshot!("to_a_process", {
        scene.edit("web", |web| {
            web.source = Source::Run("npm start".to_owned())
        });
        scene.text()
    });
    scene.converge();
}

#[test]
fn it_is_bounced_with_what_it_needs() {
    let services = [
        runs("db", &[]),
        process("web", &[]).with_need_as("db", Condition::Ready, true),
    ];
    assert_snapshot!(text_after(Scene::running(services), |scene| {
        scene.clock += 10;
        let later = chrono::DateTime::from_timestamp(scene.clock, 0).unwrap();
        scene.container("gold-db-1").started_at = later.to_rfc3339();
    }));
}

#[test]
fn a_job_runs_again_when_its_command_changes_and_not_before() {
    let seed = Service {
        source: Source::Run("./seed".to_owned()),
        ..job("seed", &["db"])
    };
    let mut scene = Scene::running([runs("db", &[]), seed]);
    assert_eq!(scene.text(), "nothing to do\n");
    scene.edit("seed", |seed| {
        seed.source = Source::Run("./seed --all".to_owned())
    });
    assert_snapshot!(scene.text());
    scene.converge();
}

#[test]
fn its_restart_policy_is_handed_over_as_a_containers_is() {
    let mut scene = Scene::running([Service {
        restart: Restart::Always,
        ..process("web", &[])
    }]);
    scene.restarts = RestartOwner::Engine;
    assert_snapshot!(scene.text());
}

#[test]
fn it_goes_with_everything_else() {
    let scene = Scene::running(web());
    assert_snapshot!(remove(&scene.stack, &scene.observed, Removal::default()).to_string());
}
