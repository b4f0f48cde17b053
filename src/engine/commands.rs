//! What people ask of a running engine, and a stack file that was edited under it.

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::ExposeSecret;

use super::core::{Engine, Loaded, Warning};
use super::event::Level;
use super::goal::Goal;
use super::round::able_services;
use super::wire::ENDING;
use crate::plan::observed::Generation;
use crate::secret::Redactor;
use crate::stack::presets::off_host_text;
use crate::stack::resolve::Facts;

/// Told which lives end.
type Ends = tokio::sync::oneshot::Sender<Result<Vec<Generation>, String>>;

/// A restart that was asked for.
pub(super) struct Bounce {
    /// Services, and which replica of each.
    meant: Vec<(String, Option<u32>)>,
    reply: Ends,
}

impl Engine {
    /// Adds services to what is up; what gave up is tried again.
    pub(super) fn up(&mut self, names: Vec<String>) {
        if self.is_ending() {
            return;
        }
        let names: BTreeSet<String> = if names.is_empty() {
            able_services(&self.stack)
        } else {
            names.into_iter().collect()
        };
        let again = self.stack.closure(names.iter().map(String::as_str));
        if let Goal::Up { services, stopped } = &mut self.goal {
            services.extend(names);
            stopped.retain(|name| !again.contains(name));
        } else {
            self.goal = Goal::Up {
                services: names,
                stopped: BTreeSet::new(),
            };
        }
        for service in again {
            self.forget_outside(&service);
            self.retry(&service);
        }
        self.outdated.held.clear();
        self.rehash_everything();
        self.begin_again();
    }

    /// `names`: of services, or of one replica as in `api-2`; none: everything that is up.
    ///
    /// # Errors
    /// In words: a name that the stack does not have.
    pub(super) fn restart(&mut self, names: &[String], reply: Ends) {
        match self.prepare_restart(names) {
            Ok(meant) if self.look.seen => self.bounce(Bounce { meant, reply }),
            Ok(meant) => self.bounce_first.push(Bounce { meant, reply }),
            // The asker may be gone.
            Err(why) => drop(reply.send(Err(why))),
        }
    }

    pub(super) fn bounce(&mut self, Bounce { meant, reply }: Bounce) {
        let mut lives = Vec::new();
        for (name, index) in meant {
            lives.extend(self.bounce_lives(&name, index));
        }
        // The asker may be gone; the restart counts anyway.
        let _gone = reply.send(Ok(lives));
    }

    /// Services, and which replica of each.
    fn prepare_restart(&mut self, names: &[String]) -> Result<Vec<(String, Option<u32>)>, String> {
        if self.is_ending() {
            return Err(ENDING.to_owned());
        }
        let names: Vec<String> = if names.is_empty() {
            self.scope().into_iter().collect()
        } else {
            names.to_vec()
        };
        if let Some(unknown) = names
            .iter()
            .find(|name| self.stack.instance(name).is_none())
        {
            return Err(format!("the stack has no service `{unknown}`"));
        }
        let stack = Arc::clone(&self.stack);
        let meant = names.iter().filter_map(|name| stack.instance(name));
        let meant: Vec<(String, Option<u32>)> = meant
            .map(|(name, index)| (name.to_owned(), index))
            .collect();
        let off_host = stack.off_host_of(meant.iter().map(|(name, _)| name.as_str()));
        if !off_host.is_empty() {
            return Err(off_host_text(&off_host));
        }
        if let Goal::Up { services, stopped } = &mut self.goal {
            for (name, _) in &meant {
                stopped.remove(name);
                services.insert(name.clone());
            }
        }
        for (name, _) in &meant {
            self.forget_outside(name);
            self.retry(name);
            if self.is_job(name) {
                self.rerun.insert(name.clone());
            }
        }
        self.begin_again();
        Ok(meant)
    }

    pub(super) fn stop_services(&mut self, names: Vec<String>) {
        for name in &names {
            self.forget_outside(name);
        }
        if let Goal::Up { stopped, .. } = &mut self.goal {
            stopped.extend(names);
        }
        self.begin_again();
    }

    /// Takes in what reading the stack again gave. `grows`: where everything is up, so is what is new.
    ///
    /// # Errors
    /// In words: it cannot be taken in, and what was before stays.
    pub(super) fn take_in(
        &mut self,
        result: Result<Box<Loaded>, String>,
        grows: bool,
    ) -> Result<(), String> {
        let loaded = *result?;
        if loaded.stack.name != self.stack.name {
            // Everything that runs has the old name, and nothing may be made of the new one beside it.
            return Err(format!(
                "the name changed from `{}` to `{}`: it takes effect at the next `dev up`; `dev down` first",
                self.stack.name, loaded.stack.name
            ));
        }
        let before = able_services(&self.stack);
        if let Goal::Up { services, stopped } = &self.goal {
            // What is new and cannot run there takes nothing from the others; what is up stays as it is.
            let up = services.difference(stopped).map(String::as_str);
            let off_host = loaded.stack.off_host_of(up);
            if !off_host.is_empty() {
                return Err(off_host_text(&off_host));
            }
        }
        let Loaded {
            stack,
            mut facts,
            env_files,
            warnings,
        } = loaded;
        facts.host_ports.clone_from(&self.facts.host_ports);
        self.learn_secrets(&facts);
        if let Goal::Up { services, stopped } = &mut self.goal {
            let everything = *services == before;
            services.retain(|name| stack.services.contains_key(name));
            stopped.retain(|name| stack.services.contains_key(name));
            if everything && grows {
                *services = able_services(&stack);
            }
        }
        let changed: Vec<String> = stack
            .services
            .iter()
            .filter(|(name, service)| self.stack.services.get(*name) != Some(service))
            .map(|(name, _)| name.clone())
            .collect();
        let off_host = match stack.off_host == self.stack.off_host {
            true => None,
            false => Some(stack.off_host.clone()),
        };
        self.stack = Arc::new(stack);
        self.facts = facts;
        self.env_files = env_files;
        self.warn_anew(warnings);
        if let Some(off_host) = off_host.filter(|services| !services.is_empty()) {
            self.notice(Level::Warning, off_host_text(&off_host));
        }
        self.announce_anyway();
        for service in changed {
            self.retry(&service);
        }
        self.watch_files();
        self.rehash();
        self.begin_again();
        Ok(())
    }

    /// Tells what was not odd about the stack file before, wherever in it that stood.
    fn warn_anew(&mut self, warnings: Vec<Warning>) {
        let mut before = std::mem::replace(&mut self.warnings, warnings.clone());
        for warning in warnings {
            let known = before.iter().position(|old| old.message == warning.message);
            if let Some(known) = known {
                before.swap_remove(known);
                continue;
            }
            let Warning { place, message } = warning;
            let text = match place.is_empty() {
                true => message,
                false => format!("{place}: {message}"),
            };
            self.notice(Level::Warning, text);
        }
    }

    /// A secret stays one after it was replaced: containers and their logs still have it.
    fn learn_secrets(&mut self, facts: &Facts) {
        let known: BTreeSet<String> = self
            .secrets
            .iter()
            .map(|secret| secret.expose_secret().to_owned())
            .collect();
        let new = facts
            .secrets
            .values()
            .filter(|secret| !known.contains(secret.expose_secret()));
        let before = self.secrets.len();
        self.secrets.extend(new.cloned());
        if self.secrets.len() > before {
            self.redactor.send_replace(Redactor::new(&self.secrets));
        }
    }

    /// Looks, and plans anew.
    fn begin_again(&mut self) {
        self.state.settled = false;
        self.announce();
        self.look.wanted = true;
    }
}
