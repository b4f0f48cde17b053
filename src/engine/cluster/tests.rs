use std::collections::BTreeMap;

use super::teller::Teller;
use crate::engine::event::{Event, FailureClass};
use crate::engine::goal::Outcome;
use crate::engine::state::{Phase, ServiceState, State};
use crate::plan::hold::Hold;
use crate::promote::Kind;
use crate::runtime::kube::{Answer, End, Life, PodSeen, Seen, Sight, State as Judged};
use crate::stack::Stack;
use crate::stack::file::{Layer, parse};

const NOW: u64 = 1_700_000_100_000;

fn stack() -> Stack {
    let text = "name = \"gold\"\n\
                [services.db]\nimage = \"db\"\nports = { sql = 5432 }\n\
                [services.seed]\nimage = \"seed\"\njob = true\nneeds = [\"db\"]\n\
                [services.api]\nimage = \"api\"\nneeds = [\"seed\"]\nports = { http = 8000 }\nready = { http = \"/\" }\n\
                kubernetes = { expose = { host = \"gold.localhost\", path = \"/api\" } }\n";
    let layer = Layer {
        path: "/src/dev.toml".into(),
        text: text.to_owned(),
    };
    let read = |_: &camino::Utf8Path| Err(std::io::ErrorKind::NotFound.into());
    parse("/src".into(), vec![layer], None, &read)
        .unwrap()
        .stack
}

fn pod(name: &str) -> PodSeen {
    PodSeen {
        name: name.to_owned(),
        container: "api".to_owned(),
        image: "api".to_owned(),
        current: true,
        ending: false,
        ready: Some(NOW - 8_000),
        created: NOW - 10_000,
        life: Life::Running { began: NOW - 9_000 },
        restarts: 0,
        before: None,
        was_ready: None,
        answer: None,
        says: None,
    }
}

fn starting(name: &str) -> PodSeen {
    PodSeen {
        ready: None,
        answer: Some(Answer {
            text: "HTTP probe failed with statuscode: 503".to_owned(),
            at: NOW - 1_000,
            times: 4,
        }),
        ..pod(name)
    }
}

fn crashed(name: &str) -> PodSeen {
    let end = End {
        code: 3,
        out_of_memory: false,
        began: Some(NOW - 5_000),
        at: Some(NOW - 4_000),
        message: None,
    };
    PodSeen {
        ready: None,
        life: Life::Ended(end),
        restarts: 1,
        ..pod(name)
    }
}

fn old(pod: PodSeen) -> PodSeen {
    PodSeen {
        current: false,
        ..pod
    }
}

fn seen(kind: Kind, replicas: u32, pods: Vec<PodSeen>) -> Seen {
    Seen {
        kind,
        replicas,
        state: Judged::Ready,
        overdue: None,
        refused: None,
        pods,
    }
}

fn api(replicas: u32, pods: Vec<PodSeen>) -> Sight {
    one("api", seen(Kind::Deployment, replicas, pods))
}

fn one(service: &str, seen: Seen) -> Sight {
    Sight {
        services: BTreeMap::from([(service.to_owned(), seen)]),
    }
}

fn after(sights: &[Sight]) -> State {
    let mut teller = Teller::default();
    for (at, sight) in (NOW..).step_by(1_000).zip(sights) {
        teller.take(&stack(), "space", sight, at);
    }
    teller.state
}

fn told(sights: &[Sight], service: &str) -> ServiceState {
    after(sights).service(service).unwrap().clone()
}

#[test]
fn what_nobody_promoted_is_not_up() {
    let state = after(&[Sight::default()]);
    let phases: Vec<Phase> = state.services.iter().map(|service| service.phase).collect();
    assert_eq!(phases, [Phase::Idle; 3]);
    assert_eq!(state.verdict(), None);
}

#[test]
fn pods_are_replicas_and_addresses_are_the_clusters() {
    let both = told(&[api(2, vec![pod("a"), pod("b")])], "api");
    assert_eq!((both.phase, both.instances.len()), (Phase::Ready, 2));
    assert_eq!(both.since, NOW - 9_000, "it was so before anybody looked");
    let addresses = ["http://gold.localhost/api", "api.space:8000"];
    assert_eq!(both.info.addresses, addresses);
    let half = told(&[api(2, vec![pod("a"), starting("b")])], "api");
    assert_eq!(half.phase, Phase::Starting, "as one replica of two here");
    let probe = half.instances[&2].probe.clone().unwrap();
    assert_eq!((probe.failures, probe.at), (4, NOW - 1_000));
    let fewer = told(
        &[api(2, vec![pod("a"), pod("b")]), api(1, vec![pod("a")])],
        "api",
    );
    assert_eq!((fewer.phase, fewer.instances.len()), (Phase::Ready, 1));
}

#[test]
fn a_rollout_is_a_successor_beside_what_serves() {
    let before = api(1, vec![pod("a")]);
    let beside = api(1, vec![starting("b"), old(pod("a"))]);
    let service = told(&[before.clone(), beside.clone()], "api");
    assert_eq!(service.phase, Phase::Ready);
    let next = service.coming().expect("the new one");
    assert_eq!(next.found.as_ref().unwrap().generation.id, "b");
    let over = api(1, vec![pod("b"), old(pod("a"))]);
    let service = told(&[before, beside, over], "api");
    assert!(service.phase == Phase::Ready && service.coming().is_none());
    let now = service.instances[&1].found.as_ref().unwrap();
    assert_eq!(now.generation.id, "b");
}

#[test]
fn what_rolls_out_is_left_to_do_until_it_failed() {
    let rolls = |pods: Vec<PodSeen>| {
        let state = Judged::Waiting("its old pods end".to_owned());
        let rolls = Seen {
            state,
            ..seen(Kind::Deployment, 1, pods)
        };
        one("api", rolls)
    };
    let settled = |sights: &[Sight]| {
        let state = after(sights);
        (state.settled, state.service("api").unwrap().pending)
    };
    let going_on = rolls(vec![starting("b"), old(pod("a"))]);
    assert_eq!(settled(std::slice::from_ref(&going_on)), (false, true));
    let over = api(1, vec![pod("b")]);
    assert_eq!(settled(&[going_on, over]), (true, false));
    let again = PodSeen {
        restarts: 1,
        before: match crashed("b").life {
            Life::Ended(end) => Some(end),
            _ => None,
        },
        ..starting("b")
    };
    let failed = rolls(vec![again, old(pod("a"))]);
    assert_eq!(settled(std::slice::from_ref(&failed)), (true, false));
    let failure = told(&[failed], "api").failure.unwrap();
    assert_eq!(failure.class, FailureClass::Replacement);
}

#[test]
fn a_crash_loop_is_a_crash_with_the_kubelets_next_try() {
    let looping = api(1, vec![crashed("a")]);
    let service = told(std::slice::from_ref(&looping), "api");
    assert_eq!(service.phase, Phase::Crashed);
    let failure = service.failure.unwrap();
    assert_eq!(failure.message, "ended with exit code 3");
    // 20 s after its end: it has been started again once.
    let until = NOW - 4_000 + 20_000;
    assert_eq!(service.holds, [Hold::Backoff { until, attempt: 2 }]);
    let better = told(&[looping, api(1, vec![pod("a")])], "api");
    assert_eq!((better.phase, better.failure), (Phase::Ready, None));
}

#[test]
fn an_image_that_cannot_be_had_ends_the_wait() {
    let stuck = |name: &str| PodSeen {
        ready: None,
        life: Life::Stuck {
            class: FailureClass::ImageMissing,
            why: "its image cannot be pulled: none".to_owned(),
        },
        ..pod(name)
    };
    let state = after(&[api(1, vec![stuck("a")])]);
    assert_eq!(state.service("api").unwrap().phase, Phase::Failed);
    let only = std::collections::BTreeSet::from(["api".to_owned()]);
    assert!(matches!(state.verdict_of(&only), Some(Outcome::Failed(_))));
    // What serves, serves on.
    let beside = told(
        &[
            api(1, vec![pod("a")]),
            api(1, vec![stuck("b"), old(pod("a"))]),
        ],
        "api",
    );
    assert_eq!(beside.phase, Phase::Ready);
    assert_eq!(beside.failure.unwrap().class, FailureClass::Replacement);
    let mended = told(
        &[api(1, vec![stuck("a")]), api(1, vec![starting("b")])],
        "api",
    );
    assert_eq!(mended.phase, Phase::Starting);
}

#[test]
fn a_rollout_that_is_overdue_is_late() {
    let late = Seen {
        overdue: Some(140),
        ..seen(Kind::Deployment, 1, vec![starting("a")])
    };
    let state = after(&[one("api", late)]);
    let only = std::collections::BTreeSet::from(["api".to_owned()]);
    let verdict = state.verdict_of(&only).expect("an end");
    assert!(verdict.is_late(), "{verdict:?}");
}

#[test]
fn what_the_cluster_says_against_a_pod_is_why_it_waits() {
    let says = "no node takes it: 0/1 nodes are available";
    let unplaced = PodSeen {
        ready: None,
        life: Life::Waiting,
        says: Some(says.to_owned()),
        ..pod("a")
    };
    let service = told(&[api(1, vec![unplaced])], "api");
    assert_eq!(service.phase, Phase::Waiting);
    let says = says.to_owned();
    assert_eq!(service.holds, [Hold::Cluster { says }]);
}

#[test]
fn one_that_was_scaled_to_none_is_not_ready() {
    let service = told(&[api(1, vec![pod("a")]), api(0, Vec::new())], "api");
    assert_eq!(service.phase, Phase::Waiting);
    let says = "it was scaled to no pods".to_owned();
    assert_eq!(service.holds, [Hold::Cluster { says }]);
}

#[test]
fn one_that_was_ready_is_told_from_one_that_never_was() {
    let lost = PodSeen {
        was_ready: Some(NOW - 3_000),
        ..starting("a")
    };
    let service = told(&[api(1, vec![lost])], "api");
    assert_eq!(service.phase, Phase::Unready);
}

#[test]
fn a_job_is_judged_by_its_conditions() {
    let with = |state: Judged, pods: Vec<PodSeen>| Seen {
        state,
        ..seen(Kind::Job, 1, pods)
    };
    let phase = |seen: Seen| told(&[one("seed", seen)], "seed").phase;
    assert_eq!(phase(with(Judged::Ready, Vec::new())), Phase::Done);
    let runs = || Judged::Waiting("it runs".to_owned());
    assert_eq!(phase(with(runs(), vec![pod("a")])), Phase::Running);
    let failed = with(
        Judged::Failed("BackoffLimit".to_owned()),
        vec![crashed("a")],
    );
    let service = told(&[one("seed", failed)], "seed");
    assert_eq!(service.phase, Phase::Failed);
    assert_eq!(service.failure.unwrap().message, "ended with exit code 3");
}

#[test]
fn a_look_that_finds_nothing_new_says_nothing() {
    let sights = [
        api(2, vec![pod("a"), starting("b")]),
        api(1, vec![crashed("a")]),
        Sight::default(),
    ];
    for sight in sights {
        let mut teller = Teller::default();
        teller.take(&stack(), "space", &sight, NOW);
        let mut news = teller.subscribe().messages;
        teller.take(&stack(), "space", &sight, NOW + 1_000);
        assert!(news.try_recv().is_err(), "{sight:?}");
    }
}

#[test]
fn events_alone_make_the_state() {
    let mut teller = Teller::default();
    let mut feed = teller.subscribe();
    for sight in [api(1, vec![pod("a")]), api(1, vec![crashed("a")])] {
        teller.take(&stack(), "space", &sight, NOW);
    }
    while let Ok(crate::engine::bus::Message::Event(event)) = feed.messages.try_recv() {
        assert!(!matches!(event.event, Event::Bye { .. }));
        feed.state.apply(&event);
    }
    assert_eq!(feed.state, teller.state);
}
