//! From a look at a cluster to the events that an engine would have sent. Pure.

use crate::engine::core::{gates, optional};
use crate::engine::event::{Event, Failure, FailureClass, Found, ServiceInfo, Stamped, VERSION};
use crate::engine::look::exit_failure;
use crate::engine::supervise::not_ready;
use crate::plan::hold::Hold;
use crate::plan::observed::{Generation, Status};
use crate::runtime::kube::{End, Life, PodSeen, Seen, Sight, State as Judged};
use crate::stack::{Service, Stack, cluster_name};

/// The services of the stack, as views know them.
pub(super) fn infos(stack: &Stack, namespace: &str, sight: &Sight) -> Vec<ServiceInfo> {
    let order = stack.in_order();
    let services = order.iter().filter_map(|name| stack.services.get(name));
    let info = |service: &Service| ServiceInfo {
        name: service.name.clone(),
        wanted: true,
        stopped: false,
        leaving: false,
        job: service.is_job(),
        source: service.source_text(),
        needs: gates(service),
        optional: optional(service),
        addresses: addresses(service, namespace),
        open_ports: Vec::new(),
        on_host: false,
        on_cluster: true,
        off_host: None,
        probed: service.ready.is_some(),
        // Part of its start there.
        provisions: false,
        replicas: seen(sight, service).map_or(1, |seen| replicas(service, seen)),
    };
    services.map(info).collect()
}

/// As many as there are to be now; who was scaled to none by hand is not ready for that.
fn replicas(service: &Service, seen: &Seen) -> u32 {
    let own = service.kubernetes.replicas.unwrap_or(service.replicas);
    seen.replicas.max(own.min(1))
}

pub(super) fn seen<'a>(sight: &'a Sight, service: &Service) -> Option<&'a Seen> {
    sight.services.get(&cluster_name(&service.name))
}

/// Where its ingress has it: `https://gold.example.org/shop`.
pub fn address(service: &Service) -> Option<String> {
    let expose = service.kubernetes.expose.as_ref()?;
    let host = expose.host.as_ref().filter(|_| !service.is_job())?;
    let scheme = match expose.tls {
        Some(_) => "https",
        None => "http",
    };
    Some(format!(
        "{scheme}://{host}{}",
        expose.path.trim_end_matches('/')
    ))
}

/// For whoever is outside, then for pods.
fn addresses(service: &Service, namespace: &str) -> Vec<String> {
    let name = cluster_name(&service.name);
    let main = service.main_port.as_deref();
    let mut ports: Vec<(bool, u16)> = service
        .ports
        .iter()
        .map(|(name, port)| (Some(name.as_str()) != main, port.container))
        .collect();
    ports.sort_unstable();
    ports.dedup_by_key(|(_, number)| *number);
    let within = ports
        .into_iter()
        .filter(|_| !service.is_job())
        .map(|(_, number)| format!("{name}.{namespace}:{number}"));
    address(service).into_iter().chain(within).collect()
}

/// Whether it is on its way to something else than it is, as far as its controller says.
pub(super) fn is_pending(seen: &Seen) -> bool {
    matches!(seen.state, Judged::Waiting(_))
}

/// Everything that is to be said of a service: the same events for the same look.
pub(super) fn of_service(service: &Service, seen: Option<&Seen>, now: u64) -> Vec<Stamped> {
    let mut told = Told {
        service,
        now,
        events: Vec::new(),
    };
    match seen {
        None => told.nothing(),
        Some(seen) if service.is_job() => told.job(seen),
        Some(seen) => told.pods(seen),
    }
    told.events
}

struct Told<'a> {
    service: &'a Service,
    now: u64,
    events: Vec<Stamped>,
}

impl Told<'_> {
    fn tell(&mut self, at: u64, event: Event) {
        self.events.push(Stamped {
            v: VERSION,
            at,
            event,
        });
    }

    fn name(&self) -> String {
        self.service.name.clone()
    }

    fn hold(&mut self, holds: Vec<Hold>) {
        let service = self.name();
        self.tell(self.now, Event::Held { service, holds });
    }

    /// Nobody has promoted it.
    fn nothing(&mut self) {
        if self.service.is_job() {
            let (service, current) = (self.name(), false);
            self.tell(self.now, Event::Job { service, current });
        }
        self.hold(Vec::from([Hold::NotUp]));
    }

    fn gave_up(&mut self, why: Failure) {
        let service = self.name();
        self.tell(self.now, Event::GaveUp { service, why });
    }

    /// Its last try says how it is; that it is done, or failed for good, its conditions do.
    fn job(&mut self, seen: &Seen) {
        let pod = seen.pods.last();
        if let Some(pod) = pod {
            self.found(1, pod);
        }
        let (service, current) = (self.name(), seen.state == Judged::Ready);
        self.tell(self.now, Event::Job { service, current });
        let end = pod.and_then(ended);
        match (&seen.state, pod.map(|pod| &pod.life)) {
            (Judged::Failed(_), Some(_)) if end.is_some_and(|end| end.code != 0) => {
                if let Some(end) = end {
                    self.gave_up(self.failure_of(end));
                }
            }
            (Judged::Failed(why), _) => self.gave_up(failure(FailureClass::Exited, why)),
            (_, Some(Life::Stuck { class, why })) => self.gave_up(failure(*class, why)),
            _ => {}
        }
        self.waits(seen);
    }

    /// A pod that is ready has its place until one of the newest template is; that is beside it until then.
    fn pods(&mut self, seen: &Seen) {
        let pods = seen.numbered();
        let of = |current: bool, ready: bool| {
            let pods = pods.iter().copied();
            pods.filter(move |pod| pod.current == current && pod.ready.is_some() == ready)
        };
        let mut coming = of(true, false);
        let mut places: Vec<(&PodSeen, Option<&PodSeen>)> =
            of(true, true).map(|pod| (pod, None)).collect();
        places.extend(of(false, true).map(|pod| (pod, coming.next())));
        places.extend(coming.map(|pod| (pod, None)));
        // One that never was ready and is to go is nobody's.
        if places.is_empty() {
            places.extend(of(false, false).map(|pod| (pod, None)));
        }
        let room = usize::try_from(seen.replicas).unwrap_or(usize::MAX);
        places.truncate(room.max(1));
        for (index, (pod, next)) in (1..).zip(&places) {
            self.found(index, pod);
            self.probed(index, pod);
            let (service, found) = (self.name(), next.map(found));
            let event = Event::Successor {
                service,
                index,
                found,
            };
            self.tell(self.now, event);
            if let Some(next) = next {
                self.probed(index, next);
            }
        }
        let newest = |pod: &&&PodSeen| pod.current && pod.ready.is_none();
        let newest: Vec<&PodSeen> = pods.iter().filter(newest).copied().collect();
        let serves = places
            .first()
            .is_some_and(|(pod, _)| !pod.current && pod.ready.is_some());
        self.failures(seen, &newest, serves);
        self.waits(seen);
    }

    fn found(&mut self, index: u32, pod: &PodSeen) {
        let (service, found) = (self.name(), Some(found(pod)));
        let event = Event::Instance {
            service,
            index,
            found,
        };
        self.tell(self.now, event);
    }

    fn probed(&mut self, index: u32, pod: &PodSeen) {
        if !pod.runs() {
            return;
        }
        let probe = |passed: bool, answer: &str, failures: u32| Event::Probe {
            service: self.name(),
            index,
            generation: generation(pod),
            passed,
            answer: answer.to_owned(),
            failures,
        };
        let passed = probe(true, "", 0);
        let failed = |answer: &str, times: u32| probe(false, answer, times);
        match (&pod.answer, pod.was_ready) {
            _ if pod.ready.is_some() => self.tell(self.now, passed),
            (Some(answer), before) => {
                let failed = failed(&answer.text, answer.times);
                if let Some(before) = before {
                    self.tell(before, passed);
                }
                self.tell(answer.at.min(self.now), failed);
            }
            (None, Some(before)) => {
                let failed = failed("it is not ready any more", 0);
                self.tell(before, passed);
                self.tell(self.now, failed);
            }
            (None, None) => {}
        }
    }

    /// Why pods of the newest template are not ready and will not be by themselves, or have to be started again.
    fn failures(&mut self, seen: &Seen, newest: &[&PodSeen], serves: bool) {
        let replacement = |mut why: Failure| {
            if serves {
                why.class = FailureClass::Replacement;
                why.message = format!("the new one did not get ready: {}", why.message);
            }
            why
        };
        let stuck = newest.iter().find_map(|pod| match &pod.life {
            Life::Stuck { class, why } => Some(failure(*class, why)),
            _ => None,
        });
        let crashed = newest.iter().find_map(|pod| Some((*pod, ended(pod)?)));
        let overdue = seen.overdue.map(|seconds| {
            let answers = newest.iter().filter_map(|pod| pod.answer.as_ref());
            let said = crashed.map(|(_, end)| self.failure_of(end).message);
            let said = said.or_else(|| answers.map(|answer| answer.text.clone()).next());
            not_ready(
                seconds * 1_000,
                &said.or_else(|| seen.refused.clone()).unwrap_or_default(),
            )
        });
        // One that runs once more has not got ready yet.
        let ended = newest
            .iter()
            .find_map(|pod| ended(pod).or(pod.before.as_ref()));
        let rejected = ended.filter(|_| serves);
        let rejected = rejected.map(|end| self.failure_of(end));
        if let Some(why) = stuck.or(overdue).or(rejected) {
            return self.gave_up(replacement(why));
        }
        let Some((pod, end)) = crashed else {
            return;
        };
        let attempt = pod.restarts + 1;
        let until = pod.again(end).unwrap_or(self.now);
        let event = Event::Restarting {
            service: self.name(),
            failure: self.failure_of(end),
            attempt,
            until,
        };
        self.tell(end.at.unwrap_or(self.now).min(self.now), event);
    }

    fn failure_of(&self, end: &End) -> Failure {
        let mut failure = exit_failure(
            &self.service.name,
            end.code,
            end.out_of_memory,
            self.service.is_job(),
        );
        failure.detail.extend(end.message.clone());
        failure
    }

    /// What the cluster says of those that have not begun.
    fn waits(&mut self, seen: &Seen) {
        let refused = seen.refused.clone().map(|says| Hold::Cluster { says });
        let mut holds: Vec<Hold> = refused.into_iter().collect();
        let numbered = seen.numbered();
        let newest = || {
            numbered
                .iter()
                .filter(|pod| pod.current && pod.ready.is_none())
        };
        let says = newest().find_map(|pod| pod.says.clone());
        holds.extend(says.map(|says| Hold::Cluster { says }));
        let backoff = newest().find_map(|pod| {
            let until = pod.again(ended(pod)?)?;
            let attempt = pod.restarts + 1;
            Some(Hold::Backoff { until, attempt })
        });
        holds.extend(backoff.filter(|_| !self.service.is_job()));
        let wanted = replicas(self.service, seen) > 0 && !self.service.is_job();
        if holds.is_empty() && numbered.is_empty() && wanted {
            let says = match seen.replicas {
                0 => "it was scaled to no pods",
                _ => "it has no pod yet",
            };
            let says = says.to_owned();
            holds.push(Hold::Cluster { says });
        }
        self.hold(holds);
    }
}

fn failure(class: FailureClass, message: &str) -> Failure {
    Failure {
        class,
        message: message.to_owned(),
        detail: Vec::new(),
        help: None,
    }
}

/// How it ended, where it does not run.
fn ended(pod: &PodSeen) -> Option<&End> {
    match &pod.life {
        Life::Ended(end) => Some(end),
        _ => None,
    }
}

/// One life of its container.
fn generation(pod: &PodSeen) -> Generation {
    Generation {
        id: pod.name.clone(),
        started_at: match &pod.life {
            Life::Running { began } => began.to_string(),
            Life::Ended(end) => end.began.unwrap_or(pod.created).to_string(),
            Life::Waiting | Life::Stuck { .. } => String::new(),
        },
    }
}

fn found(pod: &PodSeen) -> Found {
    let (status, began, ended) = match &pod.life {
        Life::Waiting | Life::Stuck { .. } => (Status::Created, None, None),
        Life::Running { began } => (Status::Running, Some(*began), None),
        Life::Ended(end) => (
            Status::Exited {
                code: end.code,
                out_of_memory: end.out_of_memory,
            },
            end.began,
            end.at,
        ),
    };
    Found {
        generation: generation(pod),
        status,
        began,
        ended,
    }
}
