//! The loop: one queue, nothing that blocks.

use std::time::Duration;

use tokio::time::Instant;

use super::core::{Engine, now};
use super::event::{Event, FailureClass, Level};
use super::goal::{Goal, Outcome, Until};
use super::input::{Command, Input};
use super::supervise::Verdict;

/// Looks that follow changes from outside are at least this far apart.
const LOOK_PAUSE: Duration = Duration::from_millis(40);
/// Without any event the world is looked at this often, in case one was missed.
const LOOK_ANYWAY: Duration = Duration::from_secs(30);
/// So often a first look is tried.
pub(super) const TRIES: u32 = 3;
/// How long what is left of tasks may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

impl Engine {
    /// Runs until the goal is reached, as far as `Until` says that it ends then, or until told to stop.
    pub async fn run(mut self) -> Outcome {
        if self.watching {
            self.follow_changes();
            self.watch_files();
        }
        let outcome = loop {
            // Told to end, it begins nothing more.
            if self.outcome.is_none() {
                self.step();
            }
            if let Some(outcome) = self.outcome.take() {
                break outcome;
            }
            let deadline = self.next_deadline();
            let input = tokio::select! {
                input = self.queue.recv() => input.unwrap_or(Input::Tick),
                () = tokio::time::sleep_until(deadline) => Input::Tick,
            };
            self.take(input);
            // Whatever else has come in meanwhile is taken before anything new is begun.
            while let Ok(input) = self.queue.try_recv() {
                self.take(input);
            }
        };
        // What is asked from here on is refused, and not taken by nobody.
        self.queue.close();
        while self.queue.try_recv().is_ok() {}
        let failure = match &outcome {
            Outcome::Failed(failures) if !matches!(self.goal, Goal::Up { .. }) => {
                failures.first().map(|(_, failure)| failure.clone())
            }
            _ => None,
        };
        self.emit(Event::Bye {
            removed: matches!(self.goal, Goal::Down(_)) && outcome == Outcome::Done,
            failure,
        });
        self.stop.cancel();
        self.tasks.close();
        // A task that ignores its token must not keep the terminal.
        let _late = tokio::time::timeout(FAREWELL, self.tasks.wait()).await;
        outcome
    }

    /// Begins whatever can be begun now.
    fn step(&mut self) {
        self.end_if_aborted();
        self.time_passes();
        self.release_rebuilds();
        self.launch();
        if self.walk.is_idle() {
            self.look.wanted |= std::mem::take(&mut self.look.owed);
        }
        if self.should_look() {
            self.begin_look();
        }
        if self.should_look_on_host() {
            self.begin_look_on_host();
        }
        self.update_holds();
        self.tell_planned();
        self.tell_compared();
        self.conclude();
        self.end_without_engine();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Looked {
                epoch,
                sources,
                result,
            } => self.looked(epoch, sources, result),
            Input::LookedOnHost {
                epoch,
                sources,
                processes,
            } => self.looked_on_host(epoch, sources, processes),
            Input::Operated {
                ticket,
                millis,
                result,
            } => self.operated(ticket, millis, result),
            Input::Cancelled { ticket } => self.cancelled(ticket),
            Input::Progress {
                ticket,
                text,
                done,
                total,
            } => self.progressed(ticket, text, done, total),
            Input::Probed(report) => self.probed(report),
            Input::CandidateProbed { attempt, report } => self.candidate_probed(attempt, report),
            Input::Alive(report) => self.alive(report),
            Input::Provisioned {
                service,
                index,
                generation,
                result,
            } => {
                self.provisioned(service, index, generation, result);
            }
            Input::Changed(change) => self.changed(change),
            Input::Files(batch) => self.files(batch),
            Input::Synced(synced) => self.synced(synced),
            Input::Signalled(signalled) => self.signalled(signalled),
            Input::Reloaded(result) => self.reloaded(result),
            Input::LastLine {
                service,
                generation,
                line,
            } => self.emit(Event::LastLine {
                service,
                line,
                generation: Some(generation),
            }),
            Input::Remark { service, text } => {
                self.notice(Level::Warning, format!("{service}: {text}"));
            }
            Input::Command(command) => self.command(command),
            Input::LastWords => self.reads_last_words = false,
            Input::Tick => {}
        }
    }

    fn should_look(&self) -> bool {
        if self.look.under_way {
            return false;
        }
        let Some(last) = self.look.last else {
            return true;
        };
        if self.look.failures > 0 {
            return last.elapsed() >= look_retry(self.look.failures);
        }
        (self.look.wanted && last.elapsed() >= self.look_pause()) || last.elapsed() >= LOOK_ANYWAY
    }

    /// Operations in flight change the world all the time; without any, what changed is worth knowing soon.
    pub(super) fn look_pause(&self) -> Duration {
        if self.walk.is_idle() {
            LOOK_PAUSE / 8
        } else {
            LOOK_PAUSE
        }
    }

    fn next_deadline(&self) -> Instant {
        let now_instant = Instant::now();
        let mut wait = LOOK_ANYWAY;
        if !self.look.under_way
            && let Some(last) = self.look.last
        {
            let after = if self.look.failures > 0 {
                look_retry(self.look.failures)
            } else if self.look.wanted {
                self.look_pause()
            } else {
                LOOK_ANYWAY
            };
            wait = wait.min(after.saturating_sub(last.elapsed()));
        }
        let soon = [self.next_look_on_host(), self.next_look_at_ports()];
        for after in soon.into_iter().flatten() {
            wait = wait.min(after);
        }
        let time = now();
        let supervised = self
            .supervisors
            .iter()
            .filter(|(name, _)| self.has_time(name));
        let supervised = supervised.filter_map(|(_, supervisor)| supervisor.next_deadline());
        let further = [
            self.refused.next_deadline(),
            self.brake.next_deadline(time),
            self.outside.next_deadline(time),
        ];
        let further = further.into_iter().flatten();
        for at in supervised
            .chain(further)
            .chain(self.next_candidate_deadline(time))
        {
            wait = wait.min(Duration::from_millis(at.saturating_sub(time)));
        }
        now_instant + wait.max(Duration::from_millis(1))
    }

    /// Deadlines that passed, and pauses that ended.
    fn time_passes(&mut self) {
        let time = now();
        self.look.wanted |= self.refused.come_due(time);
        self.look_at_ports();
        self.judge_outside();
        if self.state.runtime_up {
            self.reject_late_candidates(time);
        }
        let due: Vec<String> = self
            .supervisors
            .iter()
            .filter(|(name, _)| self.has_time(name))
            .filter(|(_, supervisor)| supervisor.next_deadline().is_some_and(|at| at <= time))
            .map(|(name, _)| name.clone())
            .collect();
        for service in due {
            let answer = self.last_answer(&service);
            let is_ready = self
                .state
                .service(&service)
                .is_some_and(super::state::ServiceState::is_ready);
            let makes_way = self.is_making_way(&service);
            let Some(supervisor) = self.supervisors.get_mut(&service) else {
                continue;
            };
            if makes_way {
                // That it was not ready says nothing of what comes in its stead.
                supervisor.on_resumed(time);
            }
            if is_ready {
                // It got there without a word of its own: a replica that was not ready is gone.
                supervisor.on_ready(time);
            }
            if let Verdict::GaveUp(why) = supervisor.on_time(time, &answer) {
                if self.has_trial(&service) {
                    self.reject(&service, why);
                } else {
                    self.emit(Event::GaveUp { service, why });
                }
            }
            self.look.wanted = true;
        }
    }

    fn last_answer(&self, service: &str) -> String {
        let instances = self
            .state
            .service(service)
            .map(|service| &service.instances);
        let probes = instances
            .into_iter()
            .flatten()
            .filter_map(|(_, instance)| instance.probe.as_ref());
        probes
            .filter(|probe| !probe.passed)
            .map(|probe| probe.answer.clone())
            .next()
            .unwrap_or_default()
    }

    /// Whether the goal is reached, and what follows from that.
    fn conclude(&mut self) {
        let quiet =
            self.look.seen && !self.look.wanted && !self.look.under_way && self.walk.is_idle();
        if !quiet || self.look.failures > 0 || self.inquiries.are_open() {
            return;
        }
        match &self.goal {
            Goal::Up { .. } if self.leaving => {
                if self.walk.open_operations() == 0 {
                    self.outcome = Some(Outcome::Left);
                }
            }
            Goal::Up { .. } if self.demands.create_only => self.conclude_creation(),
            Goal::Up { .. } if self.is_all_stopped_outside() => self.end_stopped_outside(),
            Goal::Up { .. } if self.is_replacing() => self.take_back(),
            Goal::Up { .. } => {
                let Some(verdict) = self.state.verdict() else {
                    self.take_back();
                    return;
                };
                if let Outcome::Failed(_) = verdict {
                    self.abort_with(verdict.clone());
                }
                // What still waits in the plan waits for what will not come.
                if !self.state.settled {
                    self.grace = None;
                    self.emit(Event::Settled {
                        ready: verdict == Outcome::Done,
                        operations: 0,
                    });
                }
                self.end_with_all(&verdict);
                if self.until == Until::Ready {
                    self.hand_over();
                    let tried = self.refused.is_empty() || self.refused.is_spent();
                    if self.walk.is_idle() && tried {
                        self.outcome = Some(verdict);
                    }
                }
            }
            Goal::Observe => {
                if self.until == Until::Answered && self.everyone_answered() {
                    self.outcome = Some(self.state.verdict().unwrap_or(Outcome::Left));
                }
            }
            Goal::Stop(_) | Goal::Down(_) => {
                if self.walk.open_operations() > 0 || self.reads_last_words {
                    return;
                }
                if self.refused.is_empty() {
                    self.outcome = Some(self.ends_with.take().unwrap_or(Outcome::Done));
                } else if self.refused.is_spent() {
                    self.outcome = Some(Outcome::Failed(self.refused.failures()));
                }
            }
        }
    }

    /// Before `dev` leaves, the engine takes over what restarts.
    pub(super) fn hand_over(&mut self) {
        if !self.handed_over {
            self.handed_over = true;
            self.plan();
            self.launch();
        }
    }

    /// It does not leave yet after all.
    pub(super) fn take_back(&mut self) {
        if std::mem::take(&mut self.handed_over) {
            self.plan();
            self.launch();
        }
    }

    fn everyone_answered(&self) -> bool {
        self.state.services.iter().all(|service| {
            service.instances.values().all(|instance| {
                let runs = instance
                    .found
                    .as_ref()
                    .is_some_and(|f| f.status == crate::plan::observed::Status::Running);
                !runs || service.info.job || instance.probe.is_some()
            })
        })
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Up {
                services,
                origin,
                wishes,
                reply,
            } => self.inquire(Some((services, *origin, wishes)), reply),
            Command::Compare { reply } => self.inquire(None, reply),
            Command::Restart { services, reply } => self.restart(&services, reply),
            Command::Stop { services } => self.stop_services(services),
            Command::Grace(grace) => self.grace = Some(grace),
            Command::Down { removal } => self.pursue(Goal::Down(removal)),
            // What ends already ends with what it was told to end with.
            Command::StopAndLeave if self.is_ending() => {}
            Command::StopAndLeave => {
                let scope = self.scope();
                self.pursue(Goal::Stop(scope));
            }
            Command::StopAtOnce => {
                for call in self.cancels.values() {
                    call.cancel();
                }
                self.at_once = true;
                let goal = if self.is_ending() {
                    self.goal.clone()
                } else {
                    Goal::Stop(self.scope())
                };
                self.pursue(goal);
            }
            Command::Subscribe { reply } => {
                let _gone = reply.send(self.bus.subscribe(&self.state));
            }
            // Nobody could tell an engine that is away.
            Command::HandOver if !self.look.seen || !self.state.runtime_up => {
                self.outcome = Some(Outcome::Left);
            }
            // What ends already ends with what it was told to end with.
            Command::HandOver if self.is_ending() => {}
            Command::HandOver => {
                self.leaving = true;
                self.look.wanted = true;
                self.plan();
                self.launch();
            }
            Command::Leave => self.outcome = Some(Outcome::Left),
        }
    }

    /// Told to end; whoever wants something else waits for the next engine.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.goal, Goal::Stop(_) | Goal::Down(_))
    }

    /// Changes what the world is compared with.
    pub(super) fn pursue(&mut self, goal: Goal) {
        if matches!(goal, Goal::Stop(_) | Goal::Down(_)) {
            self.instances.clear();
            self.end_sync();
            self.look.on_host.ending();
        }
        self.goal = goal;
        self.state.settled = false;
        self.tell_goal();
        self.refused.clear();
        self.look.epoch += 1;
        self.look.wanted = true;
        // What flies is cancelled or adopted once the new plan is there; nothing further starts until then.
        for ticket in self.walk.replace(crate::plan::Plan::default()) {
            self.cancel(ticket);
        }
    }

    pub(super) fn runtime_failed(&mut self, message: String) {
        self.look.failures += 1;
        self.look.on_host.engine_failed(&message);
        if self.state.runtime_up {
            self.emit(Event::Runtime {
                up: false,
                text: message.clone(),
            });
        }
        let patience = if self.look.seen { u32::MAX } else { TRIES };
        let ends_processes = self.is_ending() && self.has_processes();
        if self.look.failures > patience && !ends_processes {
            self.notice(Level::Error, message.clone());
            let failure = super::event::Failure {
                class: FailureClass::Engine,
                message,
                detail: Vec::new(),
                help: Some("check that the container engine runs: `docker version`".to_owned()),
            };
            self.outcome = Some(Outcome::Failed(vec![(String::new(), failure)]));
        }
    }
}

/// The pause before the next look after this many failed ones.
fn look_retry(failures: u32) -> Duration {
    Duration::from_millis(100u64 << failures.min(5))
}
