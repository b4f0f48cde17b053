use super::*;
use crate::engine::event::{FailureClass, Found, ServiceInfo, Step, VERSION, Verb, WatchOutcome};
use crate::plan::hold::Hold;
use crate::plan::observed::Status;
use crate::stack::Condition;
use crate::view::samples::{self, NOW, generation};

/// Applies events and gathers what is told.
struct Story {
    state: State,
    narrator: Narrator,
    now: u64,
    text: String,
}

impl Story {
    fn begin(color: bool) -> Self {
        let look = Look {
            color,
            unicode: true,
        };
        let state = State::default();
        let mut story = Self {
            state,
            narrator: Narrator::new(look),
            now: NOW,
            text: String::new(),
        };
        let services: Vec<ServiceInfo> = samples::waiting()
            .services
            .into_iter()
            .map(|s| s.info)
            .collect();
        let layers = samples::waiting().layers;
        story.then(
            0,
            Event::Stack {
                name: "gold".to_owned(),
                layers,
                services,
            },
        );
        story.then(
            1,
            Event::Runtime {
                up: true,
                text: "Docker 27".to_owned(),
            },
        );
        story
    }

    fn then(&mut self, after: u64, event: Event) -> &mut Self {
        self.now += after;
        let stamped = Stamped {
            v: VERSION,
            at: self.now,
            event,
        };
        self.state.apply(&stamped);
        let told = self.narrator.event(&stamped, &self.state);
        self.tell(told)
    }

    fn idle(&mut self, millis: u64) -> &mut Self {
        self.now += millis;
        let told = self.narrator.remind(&self.state, self.now);
        self.tell(told)
    }

    fn tell(&mut self, told: Vec<Told>) -> &mut Self {
        for told in told {
            let mark = if told.loud { "# " } else { "  " };
            let line = told.line.render(self.narrator.look);
            self.text += &format!("{mark}{}\n", console::strip_ansi_codes(&line));
        }
        self
    }

    fn runs(&mut self, service: &str, after: u64) -> &mut Self {
        let found = Some(Found {
            began: None,
            ended: None,
            generation: generation(),
            status: Status::Running,
        });
        self.then(
            after,
            Event::Instance {
                service: service.to_owned(),
                index: 1,
                found,
            },
        )
    }

    fn probe(&mut self, service: &str, after: u64, passed: bool, answer: &str) -> &mut Self {
        let (service, answer) = (service.to_owned(), answer.to_owned());
        self.then(
            after,
            Event::Probe {
                service,
                index: 1,
                generation: generation(),
                passed,
                answer,
                failures: u32::from(!passed),
            },
        )
    }

    fn held(&mut self, service: &str, on: &[(&str, &str)]) -> &mut Self {
        let mut state = samples::waiting();
        samples::hold(&mut state, service, on);
        let holds: Vec<Hold> = state
            .service(service)
            .map(|s| s.holds.clone())
            .unwrap_or_default();
        self.then(
            1,
            Event::Held {
                service: service.to_owned(),
                holds,
            },
        )
    }

    fn works(
        &mut self,
        service: Option<&str>,
        subject: &str,
        verb: Verb,
        step: Step,
        after: u64,
    ) -> &mut Self {
        let (service, subject) = (service.map(str::to_owned), subject.to_owned());
        self.then(
            after,
            Event::Operation {
                service,
                subject,
                verb,
                cause: "missing".to_owned(),
                step,
            },
        )
    }
}

fn up(color: bool) -> Story {
    let mut story = Story::begin(color);
    story.works(
        None,
        "volume gold_data",
        Verb::Create,
        Step::Done { millis: 4 },
        5,
    );
    story
        .held("migrate", &[("db", "waiting")])
        .held("api", &[("cache", "waiting"), ("migrate", "waiting")]);
    story.works(Some("api"), "gold-api", Verb::Build, Step::Started, 10);
    story.works(Some("db"), "postgres:14", Verb::Pull, Step::Started, 10);
    story.works(
        Some("db"),
        "postgres:14",
        Verb::Pull,
        Step::Done { millis: 12_400 },
        12_400,
    );
    story.runs("db", 300).runs("cache", 40);
    story
        .probe("db", 60, false, "connection refused")
        .probe("db", 100, false, "starting up");
    story.held("migrate", &[("db", "starting")]);
    story
        .probe("cache", 20, true, "PONG")
        .probe("db", 1_700, true, "asks for a password");
    story.held("migrate", &[]).runs("migrate", 250);
    story.works(
        Some("api"),
        "gold-api",
        Verb::Build,
        Step::Done { millis: 14_900 },
        10,
    );
    story.then(
        900,
        Event::Job {
            service: "migrate".to_owned(),
            current: true,
        },
    );
    story
        .held("api", &[])
        .runs("api", 200)
        .probe("api", 400, true, "200 OK");
    story.runs("web", 200).probe("web", 400, true, "200 OK");
    story.then(
        5,
        Event::Settled {
            ready: true,
            operations: 0,
        },
    );
    story.then(
        5,
        Event::Settled {
            ready: true,
            operations: 0,
        },
    );
    story
}

#[test]
fn from_nothing_to_ready() {
    insta::assert_snapshot!("up", up(false).text);
    insta::assert_snapshot!("up_on_a_terminal", up(true).text);
}

#[test]
fn a_day_at_work() {
    let mut story = up(false);
    story.text.clear();
    let api = || "api".to_owned();
    let watched = |action, files| Event::Watched {
        service: api(),
        action,
        files,
        first: "app/main.py".to_owned(),
        millis: 9,
        failure: None,
    };
    story
        .then(50_000, watched(WatchOutcome::Synced, 1))
        .then(9, watched(WatchOutcome::Synced, 3))
        .then(9, watched(WatchOutcome::SyncedRestarts, 1));
    story.then(5, watched(WatchOutcome::Rebuilding, 1));
    let failure = samples::failure();
    story.works(
        Some("api"),
        "gold-api",
        Verb::Build,
        Step::Failed { failure },
        900,
    );
    story.then(
        1,
        Event::GaveUp {
            service: api(),
            why: samples::failure(),
        },
    );
    story.then(1, Event::Retry { service: api() });
    story.probe("cache", 4_000, false, "connection refused");
    story
        .probe("cache", 4_000, false, "connection refused")
        .probe("cache", 100, true, "PONG");
    let crash = crate::engine::event::Failure {
        class: FailureClass::Exited,
        message: "exited with code 137".to_owned(),
        detail: vec!["out of tea".to_owned()],
        help: None,
    };
    for attempt in 1..3 {
        let (failure, until) = (crash.clone(), story.now + 1_000 * u64::from(attempt));
        story.then(
            10,
            Event::Restarting {
                service: "cache".to_owned(),
                failure,
                attempt,
                until,
            },
        );
    }
    story.then(
        5,
        Event::Runtime {
            up: false,
            text: "the engine went away".to_owned(),
        },
    );
    story.then(
        5,
        Event::Runtime {
            up: false,
            text: "the engine went away".to_owned(),
        },
    );
    story.then(
        5,
        Event::Runtime {
            up: true,
            text: "the engine is back".to_owned(),
        },
    );
    story.then(
        5,
        Event::StackRejected {
            error: "dev.toml:1:1: expected a table\n  1 | x\n".to_owned(),
        },
    );
    story.then(
        5,
        Event::NotAlive {
            service: api(),
            index: 1,
            answer: "GET /health/live: 500".to_owned(),
        },
    );
    let text = "watching by polling: too many folders".to_owned();
    story.then(
        5,
        Event::Notice {
            level: Level::Warning,
            text,
        },
    );
    story.works(
        Some("web"),
        "gold-web-1",
        Verb::Remove,
        Step::Done { millis: 4 },
        5,
    );
    story.then(
        5,
        Event::Bye {
            removed: true,
            failure: None,
        },
    );
    insta::assert_snapshot!("day", story.text);
}

#[test]
fn work_on_a_service_does_not_make_it_ready_or_stopped_once_more() {
    let mut story = up(false);
    story.text.clear();
    let done = || Step::Done { millis: 4 };
    let exited = |status| Event::Instance {
        service: "web".to_owned(),
        index: 1,
        found: Some(Found {
            began: None,
            ended: None,
            generation: generation(),
            status,
        }),
    };
    let web = Some("web");
    story
        .works(web, "gold-web", Verb::Build, Step::Started, 5)
        .works(web, "gold-web", Verb::Build, done(), 900)
        .works(web, "gold-web-1", Verb::Stop, Step::Started, 5)
        .then(
            5,
            exited(Status::Exited {
                code: 0,
                out_of_memory: false,
            }),
        )
        .works(web, "gold-web-1", Verb::Stop, done(), 5)
        .then(5, Event::Ending { removes: true })
        .works(web, "gold-web-1", Verb::Remove, Step::Started, 5)
        .then(
            5,
            Event::Instance {
                service: "web".to_owned(),
                index: 1,
                found: None,
            },
        )
        .works(web, "gold-web-1", Verb::Remove, done(), 5);
    let told: Vec<&str> = story.text.lines().map(|line| line[13..].trim()).collect();
    assert_eq!(
        told,
        [
            "builds gold-web",
            "built gold-web in 4ms",
            "stopped",
            "removed"
        ]
    );
}

#[test]
fn what_is_degraded_is_so_until_its_need_has_answered() {
    let mut story = up(false);
    story.text.clear();
    let gone = || Event::Instance {
        service: "cache".to_owned(),
        index: 1,
        found: None,
    };
    story.then(5, gone()).runs("cache", 5).then(5, gone());
    story
        .runs("cache", 5)
        .probe("cache", 5, false, "connection refused");
    assert!(story.text.contains("degraded: cache is not ready"));
    assert!(!story.text.contains("no longer degraded"), "{}", story.text);
    story.probe("cache", 5, true, "PONG");
    assert_eq!(story.text.matches("no longer degraded").count(), 1);
}

#[test]
fn silence_is_broken_ever_less_often() {
    let mut story = Story::begin(false);
    story
        .runs("db", 10)
        .probe("db", 10, false, "connection refused");
    story.text.clear();
    for _ in 0..200 {
        story.idle(1_000);
    }
    insta::assert_snapshot!("silence", story.text);
}

#[test]
fn what_was_told_is_not_told_again() {
    let mut story = up(false);
    story.text.clear();
    let state = story.state.clone();
    story.then(
        5,
        Event::LastLine {
            service: "api".to_owned(),
            line: "GET /".to_owned(),
            generation: None,
        },
    );
    story
        .probe("api", 10_000, true, "200 OK")
        .runs("api", 5)
        .held("web", &[]);
    let services = state
        .services
        .iter()
        .map(|service| service.info.clone())
        .collect();
    story.then(
        5,
        Event::Stack {
            name: state.name.clone(),
            layers: state.layers,
            services,
        },
    );
    story.then(
        5,
        Event::Settled {
            ready: true,
            operations: 0,
        },
    );
    assert_eq!(story.text, "");
    let holds = vec![Hold::Needs {
        on: "db".to_owned(),
        condition: Condition::Ready,
        phase: String::new(),
    }];
    story.then(
        5,
        Event::Held {
            service: "api".to_owned(),
            holds,
        },
    );
    assert_eq!(story.text, "", "what runs is not said to wait");
}

#[test]
fn what_an_earlier_dev_started_is_ready_and_nobody_knows_after_how_long() {
    let told = |began: u64| {
        let mut story = Story::begin(false);
        let found = Some(Found {
            began: Some(NOW - began),
            ended: None,
            generation: generation(),
            status: Status::Running,
        });
        let instance = Event::Instance {
            service: "cache".to_owned(),
            index: 1,
            found,
        };
        story.then(10, instance).probe("cache", 90, true, "PONG");
        let line = story.text.lines().find(|line| line.contains("ready"));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(told(60_000), "cache      ready  127.0.0.1:6379");
    assert_eq!(told(0), "cache      ready in 90ms  127.0.0.1:6379");
}

#[test]
fn what_ran_before_is_not_said_to_start_for_all_the_time_that_it_ran() {
    let mut story = Story::begin(false);
    let found = |now: u64| Found {
        began: Some(now - 60_000),
        ended: None,
        generation: generation(),
        status: Status::Running,
    };
    let instance = Event::Instance {
        service: "db".to_owned(),
        index: 1,
        found: Some(found(story.now)),
    };
    story.then(5, instance).idle(100).idle(9_000);
    assert!(!story.text.contains("still starting"), "{}", story.text);
    story.idle(2_000);
    assert!(
        story.text.contains("still starting after 11s"),
        "{}",
        story.text
    );
}

/// What was told, without the columns before it.
fn lines(story: &Story) -> Vec<String> {
    let text = |line: &str| line.chars().skip(13).collect::<String>().trim().to_owned();
    story.text.lines().map(text).collect()
}

fn another(id: &str) -> Found {
    Found {
        began: None,
        ended: None,
        generation: crate::plan::observed::Generation {
            id: id.to_owned(),
            started_at: "2026-01-02T00:00:00Z".to_owned(),
        },
        status: Status::Running,
    }
}

fn comes(found: Option<Found>) -> Event {
    Event::Successor {
        service: "api".to_owned(),
        index: 1,
        found,
    }
}

fn answers(found: &Found, passed: bool) -> Event {
    Event::Probe {
        service: "api".to_owned(),
        index: 1,
        generation: found.generation.clone(),
        passed,
        answer: "503".to_owned(),
        failures: u32::from(!passed),
    }
}

#[test]
fn a_new_version_beside_the_one_that_serves_is_told_until_its_end() {
    let mut story = up(false);
    story.text.clear();
    let next = another("next");
    story
        .then(5, comes(Some(next.clone())))
        .then(5, answers(&next, false));
    story.idle(10_000).then(5, comes(Some(next.clone())));
    story.then(990, answers(&next, true));
    let counts = Event::Instance {
        service: "api".to_owned(),
        index: 1,
        found: Some(next),
    };
    story.then(5, counts).then(5, comes(None));
    assert_eq!(
        lines(&story),
        [
            "a new version starts; the one before serves until it is ready",
            "the new version is still not ready after 10s: 503",
            "the new version is ready in 11s",
        ]
    );
}

#[test]
fn a_new_version_that_was_given_up_is_told_with_what_serves() {
    let mut story = up(false);
    story.text.clear();
    let why = crate::engine::event::Failure {
        class: FailureClass::Replacement,
        message: "the new one did not get ready: not ready within 25 s".to_owned(),
        detail: Vec::new(),
        help: None,
    };
    let gave_up = Event::GaveUp {
        service: "api".to_owned(),
        why,
    };
    story.then(5, comes(Some(another("bad")))).then(5, gave_up);
    story.then(5, comes(None));
    let retry = Event::Retry {
        service: "api".to_owned(),
    };
    story
        .then(5, retry)
        .then(5, comes(Some(another("overtaken"))));
    story.then(5, comes(None));
    assert_eq!(
        lines(&story),
        [
            "a new version starts; the one before serves until it is ready",
            "failed: the new one did not get ready: not ready within 25 s; the one before serves on",
            "a new version starts; the one before serves until it is ready",
            "the new version is gone; the one before serves on",
        ]
    );
}

#[test]
fn the_same_crash_is_told_shortly_from_the_second_time_on() {
    let mut story = Story::begin(false);
    let failure = crate::engine::event::Failure {
        class: FailureClass::Exited,
        message: "ended with exit code 1".to_owned(),
        detail: Vec::new(),
        help: Some("`dev logs cache` shows what it said".to_owned()),
    };
    let ended = Status::Exited {
        code: 1,
        out_of_memory: false,
    };
    story.text.clear();
    for attempt in 1..=3 {
        story.runs("cache", 5).probe("cache", 5, true, "PONG");
        let mut found = samples::ready().services[0].instances[&1]
            .found
            .clone()
            .unwrap();
        found.status = ended;
        story.then(
            5,
            Event::Instance {
                service: "cache".to_owned(),
                index: 1,
                found: Some(found),
            },
        );
        let (failure, until) = (failure.clone(), story.now + 8_000);
        story.then(
            0,
            Event::Restarting {
                service: "cache".to_owned(),
                failure,
                attempt,
                until,
            },
        );
        story.then(
            0,
            Event::Instance {
                service: "cache".to_owned(),
                index: 1,
                found: None,
            },
        );
    }
    let told = lines(&story);
    let crashes: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("ready"))
        .collect();
    assert_eq!(
        crashes,
        [
            "crashed: ended with exit code 1; starts again in 8s, try 1",
            "`dev logs cache` shows what it said",
            "crashed again, 2 times by now; starts again in 8s, try 2",
            "crashed again, 3 times by now; starts again in 8s, try 3",
        ]
    );
}

#[test]
fn a_part_of_the_stack_is_counted_as_one() {
    let mut story = Story::begin(false);
    story.text.clear();
    let mut services: Vec<ServiceInfo> = samples::waiting()
        .services
        .into_iter()
        .map(|s| s.info)
        .collect();
    for info in &mut services[1..] {
        info.wanted = false;
    }
    let stack = Event::Stack {
        name: "gold".to_owned(),
        layers: Vec::new(),
        services,
    };
    story.then(5, stack);
    assert_eq!(lines(&story)[0], "1 of 5 services");
}

#[test]
fn what_takes_its_time_before_a_start_is_told() {
    let mut story = Story::begin(false);
    for millis in [300, 4_100] {
        for verb in [Verb::Copy, Verb::Prepare] {
            let done = Step::Done { millis };
            story.works(Some("web"), "gold-web-1", verb, done, millis);
        }
    }
    let told = ["copied its files in 4.1s", "ran its `pre_start` in 4.1s"];
    assert_eq!(lines(&story)[1..], told);
}

#[test]
fn who_comes_later_hears_why_something_failed_and_hears_it_once() {
    let mut story = Story::begin(false);
    let why = Failure {
        class: FailureClass::Unresolved,
        message: "NOBODY_SETS_IT is not set".to_owned(),
        detail: Vec::new(),
        help: Some("set it".to_owned()),
    };
    let gave_up = Event::GaveUp {
        service: "api".to_owned(),
        why,
    };
    story.then(1, gave_up.clone());
    let told = |story: &Story| story.text.matches("failed: NOBODY_SETS_IT").count();
    assert_eq!(told(&story), 1);
    story.narrator = Narrator::new(story.narrator.look);
    story.text.clear();
    let runtime = Event::Runtime {
        up: true,
        text: "Docker 27".to_owned(),
    };
    story.then(1, runtime.clone()).then(1, runtime);
    story.then(1, gave_up);
    assert_eq!(told(&story), 1, "{}", story.text);
    assert!(story.text.contains("set it"));
}
