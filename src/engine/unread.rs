//! Files of which the stack is read and images are made: with a mistake in them, nothing is made.

use super::core::Engine;
use crate::plan::react::{Reaction, layer_files};

impl Engine {
    /// Without the rebuilds for nothing but what the stack is read from: these wait until it could be.
    pub(super) fn set_apart_unread(&mut self, reactions: Vec<Reaction>) -> Vec<Reaction> {
        let is_read = |reaction: &Reaction| matches!(reaction, Reaction::RereadStack { .. });
        if !reactions.iter().any(is_read) {
            return reactions;
        }
        let mut read = layer_files(&self.stack);
        // Those are for builds alone.
        read.retain(|path| !path.as_str().ends_with(".dockerignore"));
        read.extend(self.env_files.iter().cloned());
        let (mut rest, unread) = (Vec::new(), &mut self.files.unread);
        for reaction in reactions {
            match reaction {
                Reaction::Rebuild {
                    service,
                    because,
                    files,
                } if files.is_subset(&read) => drop(unread.insert(service, because)),
                reaction => rest.push(reaction),
            }
        }
        rest
    }

    /// The stack could be read.
    pub(super) fn rebuild_unread(&mut self) {
        for (service, because) in std::mem::take(&mut self.files.unread) {
            if self.stack.services.contains_key(&service) {
                self.rebuild(&service, &because);
                self.look_again();
            }
        }
    }
}
