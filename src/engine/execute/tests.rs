use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Launch, Ticket, Walk};
use crate::plan::hold::Gate;
use crate::plan::observed::Status;
use crate::plan::reconcile::scene::{Scene, job, runs};
use crate::plan::reconcile::{Removal, remove};
use crate::plan::{Action, Cause, Input, Operation, Plan, Subject};
use crate::runtime::world::Output;
use crate::stack::{Condition, Service};

fn names(launches: &[Launch]) -> Vec<String> {
    launches
        .iter()
        .map(|launch| {
            format!(
                "{} {}",
                launch.operation.action.verb_text(),
                launch.operation.subject
            )
        })
        .collect()
}

fn gold() -> Vec<Service> {
    vec![
        runs("db", &[]).with_volume("data"),
        job("migrate", &["db"]),
        runs("api", &["migrate"]).built(),
        runs("web", &["api"]),
    ]
}

/// A world in which operations are begun and end in any order.
struct Play {
    scene: Scene,
    walk: Walk,
    flying: BTreeMap<Ticket, Launch>,
}

impl Play {
    fn new(scene: Scene) -> Self {
        let mut play = Self {
            scene,
            walk: Walk::default(),
            flying: BTreeMap::new(),
        };
        play.replan();
        play
    }

    /// Looks, and goes on with what that says.
    fn replan(&mut self) {
        for ticket in self.walk.replace(self.scene.plan()) {
            // The caller cancels it.
            self.flying
                .remove(&ticket)
                .expect("only what flies is cancelled");
            self.walk.failed(ticket);
        }
    }

    fn is_open(scene: &Scene, gate: &Gate) -> bool {
        let mut mine = scene
            .observed
            .containers
            .iter()
            .filter(|container| container.service == gate.service);
        if scene.stack.services[&gate.service].is_job() {
            return match gate.condition {
                Condition::Ready => scene.observed.jobs.contains_key(&gate.service),
                Condition::Started => mine.any(|container| !container.started_at.is_empty()),
            };
        }
        mine.any(|container| container.status == Status::Running)
    }

    fn launch(&mut self) -> Vec<Launch> {
        let scene = &self.scene;
        let launches = self
            .walk
            .launch(|_, gate| Self::is_open(scene, gate), |_| true);
        for launch in &launches {
            let rivals = self
                .flying
                .values()
                .filter(|other| other.operation.subject == launch.operation.subject);
            assert_eq!(
                rivals.count(),
                0,
                "two at once on {}",
                launch.operation.subject
            );
            self.check(launch);
            self.flying.insert(launch.ticket, launch.clone());
        }
        launches
    }

    fn check(&self, launch: &Launch) {
        if launch.operation.action.input().is_some() {
            assert!(
                launch.input.is_some(),
                "{:?} lacks what it takes",
                launch.operation
            );
        }
        for gate in &launch.operation.gates {
            assert!(
                Self::is_open(&self.scene, gate),
                "{:?} passed {gate:?}",
                launch.operation
            );
        }
    }

    fn finish(&mut self, ticket: Ticket) {
        let launch = self.flying.remove(&ticket).expect("it flies");
        // The scene panics when anything is made or started twice.
        let yielded = self.scene.perform(&launch.operation, launch.input.clone());
        let output = match (&launch.operation.action, yielded) {
            (Action::PullImage { .. } | Action::BuildImage(_), Some(id)) => Output::Image(id),
            (Action::CreateContainer { .. } | Action::StartContainer { .. }, Some(id)) => {
                Output::Container(id)
            }
            _ => Output::Nothing,
        };
        self.walk.done(ticket, output);
    }

    fn fail(&mut self, ticket: Ticket) -> BTreeSet<String> {
        self.flying.remove(&ticket).expect("it flies");
        self.walk.failed(ticket)
    }

    fn ticket(&self, what: &str) -> Ticket {
        let found = self.flying.values().find(|launch| {
            format!(
                "{} {}",
                launch.operation.action.verb_text(),
                launch.operation.subject
            ) == what
        });
        found
            .unwrap_or_else(|| panic!("no {what} in flight"))
            .ticket
    }
}

#[test]
fn what_waits_for_nothing_begins_at_once() {
    let mut play = Play::new(Scene::of(gold()));
    let first = play.launch();
    assert_eq!(
        names(&first),
        [
            "pull image db:1",
            "create network gold_default",
            "create volume gold_data",
            "pull image migrate:1",
            "build image gold-api",
            "pull image web:1",
        ]
    );
    assert!(play.launch().is_empty());
    assert!(!play.walk.is_idle());
    for what in ["pull image db:1", "create network gold_default"] {
        play.finish(play.ticket(what));
        assert!(play.launch().is_empty(), "the volume is missing");
    }
    play.finish(play.ticket("create volume gold_data"));
    assert_eq!(names(&play.launch()), ["create gold-db-1"]);
}

#[test]
fn what_fails_takes_what_comes_after_with_it_and_nothing_else() {
    let mut play = Play::new(Scene::of(gold()));
    play.launch();
    let hit = play.fail(play.ticket("pull image db:1"));
    assert_eq!(hit, BTreeSet::from(["db".to_owned()]));
    let hit = play.fail(play.ticket("pull image web:1"));
    assert_eq!(hit, BTreeSet::from(["web".to_owned()]));
    let hit = play.fail(play.ticket("create network gold_default"));
    assert_eq!(hit.len(), 4, "everything is on it");
}

#[test]
fn a_condition_that_does_not_hold_skips() {
    let mut scene = Scene::running(gold());
    // Another build that comes out as the same image.
    scene.observed.images.get_mut("gold-api").unwrap().build = None;
    let mut play = Play::new(scene);
    assert_eq!(names(&play.launch()), ["build image gold-api"]);
    play.finish(play.ticket("build image gold-api"));
    assert!(play.launch().is_empty());
    assert_eq!(play.walk.open_operations(), 0);
}

#[test]
fn a_newer_plan_takes_over_what_flies() {
    let mut play = Play::new(Scene::of(gold()));
    play.launch();
    play.replan();
    assert!(play.launch().is_empty(), "all of it flies already");
    play.finish(play.ticket("build image gold-api"));
    play.finish(play.ticket("create network gold_default"));
    assert_eq!(names(&play.launch()), ["create gold-api-1"]);
}

#[test]
fn a_newer_plan_that_does_not_want_a_build_cancels_it() {
    let mut play = Play::new(Scene::of(gold()));
    play.launch();
    let build = play.ticket("build image gold-api");
    let overtaken = play.walk.replace(Plan::default());
    assert!(overtaken.contains(&build));
    assert_eq!(
        overtaken.len(),
        4,
        "pulls too; short calls end by themselves"
    );
}

#[test]
fn a_start_of_the_old_container_is_not_the_start_of_the_new_one() {
    let mut scene = Scene::running([runs("api", &[])]);
    scene.set(
        "gold-api-1",
        Status::Exited {
            code: 1,
            out_of_memory: false,
        },
    );
    let mut play = Play::new(scene);
    assert_eq!(names(&play.launch()), ["start gold-api-1"]);
    play.scene
        .edit("api", |api| api.user = Some("1000".to_owned()));
    play.replan();
    assert!(play.launch().is_empty());
    play.finish(play.ticket("start gold-api-1"));
    assert_eq!(play.walk.open_operations(), 0);
    let open = play.walk.open_services();
    assert!(open.contains("api"), "what is lost by that is still to do");
    play.replan();
    let steps = [
        "create gold-api-1.next",
        "stop gold-api-1",
        "start gold-api-1.next",
        "remove gold-api-1",
        "rename gold-api-1.next",
    ];
    for what in steps {
        assert_eq!(names(&play.launch()), [what]);
        play.finish(play.ticket(what));
    }
    assert!(play.walk.open_services().is_empty());
    assert!(play.scene.plan().is_empty());
}

#[test]
fn what_is_held_back_is_neither_begun_nor_waited_for() {
    let mut scene = Scene::running(gold());
    scene.stack.services.remove("web");
    scene.scope.remove("web");
    let mut play = Play::new(scene);
    play.walk
        .hold_back(|operation| operation.subject.service() == Some("web"));
    assert!(play.launch().is_empty());
    assert_eq!(play.walk.open_operations(), 0);
}

#[test]
fn at_most_so_many_of_one_kind_at_once() {
    let services = (0..30).map(|n| runs(&format!("s{n:02}"), &[]));
    let mut play = Play::new(Scene::of(services));
    let mut most = BTreeMap::new();
    loop {
        play.launch();
        let mut now: BTreeMap<&str, usize> = BTreeMap::new();
        for launch in play.flying.values() {
            *now.entry(launch.operation.action.class()).or_default() += 1;
        }
        for (class, count) in now {
            let known = most.entry(class).or_insert(0);
            *known = count.max(*known);
        }
        let Some(ticket) = play.flying.keys().next().copied() else {
            break;
        };
        play.finish(ticket);
    }
    assert_eq!(most["pull"], 4);
    assert!((5..=10).contains(&most["call"]), "{most:?}");
    assert_eq!(play.scene.observed.containers.len(), 30);
}

#[test]
fn what_ends_waits_for_no_slot() {
    let services = (0..30).map(|n| runs(&format!("s{n:02}"), &[]));
    let mut play = Play::new(Scene::of(services));
    play.launch();
    while let Some(ticket) = play.flying.keys().next().copied() {
        play.finish(ticket);
        play.launch();
    }
    let down = remove(&play.scene.stack, &play.scene.observed, Removal::default());
    play.walk.replace(down);
    let stops = play.walk.launch(|_, _| true, |_| true);
    assert_eq!(stops.len(), 30, "{:?}", names(&stops));
}

/// One that waits for nothing but others.
fn operation(id: usize, name: &str, action: Action, after: Vec<usize>) -> Operation {
    Operation {
        id,
        subject: Subject::Instance {
            service: name.to_owned(),
            index: 1,
            name: format!("{name}-1"),
        },
        action,
        cause: Cause::Missing,
        after,
        gates: Vec::new(),
        only_if: None,
        once_ready: None,
    }
}

#[test]
fn what_was_done_before_a_start_is_not_done_again_while_that_is_under_way() {
    let container = || Input::Known("id".to_owned());
    let prepare = Action::Prepare {
        container: container(),
        steps: Vec::new(),
    };
    let start = Action::StartContainer {
        container: container(),
        hooks: Vec::new(),
    };
    let operations = vec![
        operation(0, "web", prepare, Vec::new()),
        operation(1, "web", start, vec![0]),
    ];
    let plan = Plan { operations };
    let mut walk = Walk::default();
    walk.replace(plan.clone());
    let steps = walk.launch(|_, _| true, |_| true);
    // As long as they run, who looks again waits for them.
    walk.replace(plan.clone());
    assert!(walk.launch(|_, _| true, |_| true).is_empty());
    walk.done(steps[0].ticket, Output::Nothing);
    let start = walk.launch(|_, _| true, |_| true);
    assert_eq!(names(&start), ["start web-1"]);
    // The container that was seen does not run yet.
    walk.replace(plan);
    walk.done(start[0].ticket, Output::Nothing);
    assert_eq!(names(&walk.launch(|_, _| true, |_| true)), [""; 0]);
    assert_eq!(walk.open_operations(), 0);
}

#[test]
fn a_deep_graph_is_planned_again_as_soon_as_a_flat_one() {
    let (layers, wide) = (30_usize, 8);
    let operations = (0..layers * wide).map(|id| {
        let action = Action::RemoveContainer {
            id: id.to_string(),
            anonymous_volumes: false,
        };
        // Each waits for all of the layer before.
        let first = (id / wide).saturating_sub(1) * wide;
        let after = if id < wide { 0..0 } else { first..first + wide };
        operation(id, &format!("s{id}"), action, after.collect())
    });
    let operations = operations.collect();
    let plan = Plan { operations };
    let mut walk = Walk::default();
    walk.replace(plan.clone());
    for layer in 0..layers {
        let launches = walk.launch(|_, _| true, |_| true);
        assert_eq!(launches.len(), wide, "layer {layer}");
        if layer + 1 == layers {
            // What flies last has all of the others before it.
            walk.replace(plan.clone());
        }
        for launch in launches {
            walk.done(launch.ticket, Output::Nothing);
        }
    }
}

/// Which of the things in flight ends next, or what else happens.
#[derive(Debug, Clone)]
enum Move {
    Finish(prop::sample::Index),
    Fail(prop::sample::Index),
    Replan,
    Edit(prop::sample::Index),
    Lose(prop::sample::Index),
}

fn moves() -> impl Strategy<Value = Move> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => index().prop_map(Move::Finish),
        1 => index().prop_map(Move::Fail),
        3 => Just(Move::Replan),
        1 => index().prop_map(Move::Edit),
        1 => index().prop_map(Move::Lose),
    ]
}

fn stack() -> impl Strategy<Value = Vec<Service>> {
    let one = (
        0..4u8,
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        any::<bool>(),
    );
    prop::collection::vec(one, 1..9).prop_map(|sketches| {
        let name = |n: usize| format!("s{n}");
        let service =
            |(n, (kind, needs, volume)): (usize, (u8, Vec<prop::sample::Index>, bool))| {
                let mut service = if kind == 3 {
                    job(&name(n), &[])
                } else {
                    runs(&name(n), &[])
                };
                for need in needs.iter().filter(|_| n > 0) {
                    service = service.with_need(&name(need.index(n)));
                }
                if kind == 2 {
                    service = service.built();
                }
                if volume {
                    service.with_volume(&format!("v{n}"))
                } else {
                    service
                }
            };
        sketches.into_iter().enumerate().map(service).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// In whatever order things end, fail, change and are planned again: nothing is begun twice, nothing passes a
    /// closed gate, no two operations are on one thing, and in the end the world is as wanted.
    #[test]
    fn any_order_comes_to_the_same_end(services in stack(), moves in prop::collection::vec(moves(), 0..60)) {
        let mut play = Play::new(Scene::of(services));
        let mut edits = 0;
        for step in moves {
            play.launch();
            let tickets: Vec<Ticket> = play.flying.keys().copied().collect();
            match step {
                Move::Finish(at) if !tickets.is_empty() => play.finish(tickets[at.index(tickets.len())]),
                Move::Fail(at) if !tickets.is_empty() => drop(play.fail(tickets[at.index(tickets.len())])),
                Move::Replan => play.replan(),
                Move::Edit(at) => {
                    edits += 1;
                    let names: Vec<String> = play.scene.stack.services.keys().cloned().collect();
                    play.scene.edit(&names[at.index(names.len())], |service| service.user = Some(edits.to_string()));
                    play.replan();
                }
                Move::Lose(at) => {
                    // By hand, and only what nothing is being done to.
                    let idle: Vec<usize> = (0..play.scene.observed.containers.len())
                        .filter(|n| !play.walk.is_flying(&play.scene.observed.containers[*n].service))
                        .collect();
                    if !idle.is_empty() {
                        play.scene.observed.containers.remove(idle[at.index(idle.len())]);
                        play.replan();
                    }
                }
                _ => {}
            }
        }
        for _ in 0..400 {
            play.launch();
            match play.flying.keys().next().copied() {
                Some(ticket) => play.finish(ticket),
                None if play.scene.plan().is_empty() => break,
                None => play.replan(),
            }
        }
        prop_assert_eq!(play.scene.plan().to_string(), "");
        prop_assert!(play.walk.is_idle());
    }
}

/// Edits while the one before is taken away: what is made still for the edit before has another name, and is the same instance.
#[test]
fn an_instance_is_made_once_at_a_time_whatever_its_container_is_called() {
    let mut play = Play::new(Scene::of([runs("s0", &[])]));
    let mut edits = 0;
    for step in "ffffefffefffrfr".chars() {
        play.launch();
        let first = play.flying.keys().next().copied();
        match (step, first) {
            ('f', Some(ticket)) => play.finish(ticket),
            ('e', _) => {
                edits += 1;
                let user = Some(edits.to_string());
                play.scene.edit("s0", |service| service.user = user);
                play.replan();
            }
            _ => play.replan(),
        }
    }
    for _ in 0..40 {
        play.launch();
        match play.flying.keys().next().copied() {
            Some(ticket) => play.finish(ticket),
            None => play.replan(),
        }
    }
    assert_eq!(play.scene.plan().to_string(), "");
}
