//! One row: what is said of a service, before it is known how much room there is.

use crate::engine::event::{Failure, Step, Verb};
use crate::engine::state::{Phase, ServiceState, Work};
use crate::view::Look;
use crate::view::line::{Paint, service_paint};
use crate::view::progress::Amount;
use crate::view::sanitise::cell;
use crate::view::time::age;
use crate::view::words::{self, Tone};

/// What is said of one service, or of a piece of shared work.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub tone: Tone,
    pub name: String,
    pub hue: Paint,
    pub word: &'static str,
    pub since: String,
    pub address: String,
    /// The address answers.
    pub open: bool,
    pub why: Why,
    pub last: String,
    /// Shown in full beneath, where there is room.
    pub failure: Option<&'a Failure>,
    pub urgency: u8,
}

#[derive(Debug, Clone)]
pub(super) enum Why {
    Nothing,
    Text(String),
    Progress { amount: Amount, text: String },
}

impl<'a> Row<'a> {
    pub fn of_service(service: &'a ServiceState, now: u64, look: Look) -> Self {
        let mut addresses = service.info.addresses.iter().map(|address| cell(address));
        let first = addresses.next().unwrap_or_default();
        let address = match addresses.count() {
            0 => first,
            more => format!("{first} +{more}"),
        };
        let replicas = service.info.replicas;
        let name = cell(&service.info.name);
        Self {
            tone: words::tone(service),
            hue: service_paint(&service.info.name),
            name: if replicas > 1 {
                format!("{name} {}{replicas}", look.times())
            } else {
                name
            },
            word: words::word(service),
            since: age(now.saturating_sub(service.since)),
            address,
            open: service.phase == Phase::Ready,
            why: why(service, now, look),
            last: cell(&service.last_line),
            failure: service
                .failure
                .as_ref()
                .filter(|_| service.phase == Phase::Failed),
            urgency: words::urgency(service),
        }
    }

    /// An image that several services wait for, a network or a volume.
    pub fn of_work(subject: &str, work: &'a Work, now: u64) -> Self {
        let failure = match &work.step {
            Step::Failed { failure } => Some(failure),
            _ => None,
        };
        Self {
            tone: if failure.is_some() {
                Tone::Bad
            } else {
                Tone::Busy
            },
            hue: Paint::Plain,
            name: cell(subject),
            word: if failure.is_some() {
                "failed"
            } else {
                verb(work.verb)
            },
            since: age(now.saturating_sub(work.since)),
            address: String::new(),
            open: false,
            why: match failure {
                Some(failure) => Why::Text(cell(&failure.message)),
                None => of_step(work).unwrap_or(Why::Nothing),
            },
            last: String::new(),
            failure,
            urgency: if failure.is_some() { 0 } else { 3 },
        }
    }

    pub fn symbol(&self, now: u64, look: Look) -> &'static str {
        match self.tone {
            Tone::Good => look.tick(),
            Tone::Busy => look.spinner(now),
            Tone::Wait => look.dot(),
            Tone::Warn | Tone::Alarm => "!",
            Tone::Bad => look.cross(),
            Tone::Off => "-",
        }
    }

    pub fn paint(&self) -> Paint {
        paint(self.tone)
    }
}

pub(super) fn paint(tone: Tone) -> Paint {
    match tone {
        Tone::Good => Paint::Good,
        Tone::Busy => Paint::Busy,
        Tone::Wait | Tone::Off => Paint::Dim,
        Tone::Warn => Paint::Warn,
        Tone::Alarm | Tone::Bad => Paint::Bad,
    }
}

fn why(service: &ServiceState, now: u64, look: Look) -> Why {
    let at_work = matches!(
        service.phase,
        Phase::Pulling | Phase::Building | Phase::Creating
    );
    // What comes before a start has words of its own.
    let work = service.work.as_ref().filter(|_| at_work);
    let work = work.filter(|_| words::preparation(service).is_none());
    if let Some(why) = work.and_then(of_step) {
        return why;
    }
    if let Some(reason) = words::reason(service, now) {
        return Why::Text(reason);
    }
    let restarted = service.phase == Phase::Ready && service.restarts > 0;
    if restarted {
        Why::Text(format!("restarted {}{}", service.restarts, look.times()))
    } else {
        Why::Nothing
    }
}

fn of_step(work: &Work) -> Option<Why> {
    let Step::Progress { text, done, total } = &work.step else {
        return None;
    };
    let amount = Amount {
        done: *done,
        total: *total,
        bytes: work.verb == Verb::Pull,
    };
    Some(Why::Progress {
        amount,
        text: cell(text),
    })
}

const fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Pull => "pulling",
        Verb::Build => "building",
        Verb::Create => "creating",
        Verb::Copy => "copying",
        Verb::Prepare => "preparing",
        Verb::Start | Verb::Provision => "starting",
        Verb::Stop => "stopping",
        Verb::Remove => "removing",
        Verb::Update => "updating",
        Verb::Run => "running",
    }
}
