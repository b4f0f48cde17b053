//! What somebody wants of an `up` beside that the world is as the stack file says.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::operation::Cause;

/// As a command line says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    pub build: Build,
    pub pull: Pull,
    pub recreate: Recreate,
    /// Volumes without a name begin anew with the container that is made anew.
    pub renew_volumes: bool,
    /// Everything is made, and nothing is started.
    pub create_only: bool,
}

/// Which images are built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// Those that are not there, or were built from something else.
    #[default]
    Changed,
    /// All of them, once.
    Always,
    /// None: what is not there is an error.
    Never,
}

/// Which images are pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// As the stack file says of each.
    #[default]
    AsWritten,
    /// Those that are not there.
    Missing,
    /// All of them, once.
    Always,
    /// None: what is not there is an error.
    Never,
}

/// Which containers are made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recreate {
    /// Those that are not as they should be.
    #[default]
    Changed,
    /// All of them, once.
    Always,
    /// None that is there.
    Never,
}

/// The same for planning, about things that there are: each holds until it is done, or asked otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// Services whose image is built although nothing says that it has to be.
    pub build: BTreeSet<String>,
    /// Services whose image is pulled although it is there.
    pub pull: BTreeSet<String>,
    /// The same for the steps before a start: a service, and the image of one of its steps.
    pub pull_steps: BTreeSet<(String, String)>,
    /// Services whose image is as it is: where it is not there, nothing makes it.
    pub no_build: BTreeSet<String>,
    pub no_pull: BTreeSet<String>,
    /// Containers, by id, that are made anew, and why.
    pub renew: BTreeMap<String, Cause>,
    /// Containers, by id, that stay as they are.
    pub keep: BTreeSet<String>,
    /// Containers, by id, with which their volumes without a name go.
    pub drop_volumes: BTreeSet<String>,
    /// Containers, by id, that did not bear to be attached anew beside the ones that they are to replace: those are stopped
    /// first. With when the life began of which that was seen, as the engine writes it.
    pub alone: BTreeMap<String, String>,
    /// What does not run is not started, and what runs is left alone.
    pub create_only: bool,
}

impl Demands {
    /// Of a service, nothing is forbidden any more.
    pub fn allow(&mut self, service: &str) {
        self.no_build.remove(service);
        self.no_pull.remove(service);
    }

    /// An image has been pulled for all whose step it is.
    pub fn pulled_for_steps(&mut self, reference: &str) {
        self.pull_steps.retain(|(_, image)| image != reference);
    }

    /// A container is gone.
    pub fn forget(&mut self, container: &str) {
        self.renew.remove(container);
        self.keep.remove(container);
        self.drop_volumes.remove(container);
        self.alone.remove(container);
    }
}
