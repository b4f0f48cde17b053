use super::*;
use crate::engine::event::ServiceInfo;

fn job(name: &str, needs: &str) -> ServiceState {
    let info = ServiceInfo {
        name: name.to_owned(),
        wanted: true,
        stopped: false,
        leaving: false,
        job: true,
        source: "build".to_owned(),
        needs: vec![ready(needs)],
        optional: Vec::new(),
        addresses: Vec::new(),
        open_ports: Vec::new(),
        on_host: false,
        on_cluster: false,
        off_host: None,
        probed: false,
        provisions: false,
        replicas: 1,
    };
    let mut state = ServiceState::new(info, 0);
    state.done = true;
    state
}

fn ready(name: &str) -> Gate {
    Gate {
        service: name.to_owned(),
        condition: Condition::Ready,
    }
}

#[test]
fn jobs_that_need_each_other_open_for_nobody_and_a_chain_does() {
    let mut state = State {
        services: vec![job("a", "b"), job("b", "a")],
        ..State::default()
    };
    assert!(!state.is_open(&ready("a")));
    state.services = vec![job("a", "b"), job("b", "c"), job("c", "elsewhere")];
    assert!(state.is_open(&ready("a")));
}

fn life(id: &str, started_at: &str) -> Generation {
    Generation {
        id: id.to_owned(),
        started_at: started_at.to_owned(),
    }
}

#[test]
fn the_last_line_is_one_of_what_runs_now() {
    let mut service = job("api", "db");
    service.info.job = false;
    let found = |life: &Generation| Found {
        generation: life.clone(),
        status: Status::Running,
        began: None,
        ended: None,
    };
    let says = |life: &Generation, line: &str| Event::LastLine {
        service: "api".to_owned(),
        line: line.to_owned(),
        generation: Some(life.clone()),
    };
    let (first, second, next) = (life("a", "1"), life("a", "2"), life("b", "3"));
    service.found(1, Some(&found(&first)), 0);
    service.apply(&says(&first, "out of tea"), 0);
    assert_eq!(service.last_line, "out of tea");
    service.found(1, Some(&found(&second)), 1);
    assert_eq!(service.last_line, "");
    service.apply(&says(&first, "a late word"), 1);
    assert_eq!(service.last_line, "");
    service.apply(&says(&second, "serving"), 1);
    let successor = Event::Successor {
        service: "api".to_owned(),
        index: 1,
        found: Some(found(&next)),
    };
    service.apply(&successor, 2);
    service.apply(&says(&next, "the next one"), 2);
    assert_eq!(service.last_line, "serving");
    service.found(1, Some(&found(&next)), 3);
    assert_eq!(service.last_line, "the next one");
}

#[test]
fn replicas_that_get_ready_one_after_the_other_were_not_ready_before() {
    let mut web = job("web", "db");
    web.info = ServiceInfo {
        job: false,
        probed: true,
        replicas: 2,
        ..web.info
    };
    web.done = false;
    for index in [1, 2] {
        let found = Found {
            generation: life(&format!("web-{index}"), "1"),
            status: Status::Running,
            began: None,
            ended: None,
        };
        web.found(index, Some(&found), 0);
    }
    let mut phase_after = |index: u32, passed: bool| {
        let event = Event::Probe {
            service: "web".to_owned(),
            index,
            generation: life(&format!("web-{index}"), "1"),
            passed,
            answer: String::new(),
            failures: u32::from(!passed),
        };
        web.apply(&event, 0);
        web.derived_phase()
    };
    assert_eq!(phase_after(2, false), Phase::Starting);
    assert_eq!(phase_after(1, true), Phase::Starting);
    assert_eq!(phase_after(2, true), Phase::Ready);
    assert_eq!(phase_after(2, false), Phase::Unready);
    assert_eq!(phase_after(1, false), Phase::Unready);
    assert_eq!(phase_after(1, true), Phase::Unready);
}
