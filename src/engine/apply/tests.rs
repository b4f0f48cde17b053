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
