//! The variables that a project is read with.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Variables by name; notes those that are asked for, set or not.
#[derive(Clone, Default)]
pub(super) struct Environment {
    values: BTreeMap<String, String>,
    /// One for all that was made of the same: an included project has more values, and asks for those around it, too.
    asked: Rc<RefCell<BTreeSet<String>>>,
}

impl Environment {
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self {
            values,
            asked: Rc::default(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&String> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(name) {
            asked.insert(name.to_owned());
        }
        self.values.get(name)
    }

    pub fn insert(&mut self, name: String, value: String) {
        self.values.insert(name, value);
    }

    /// Adds what is not set.
    pub fn fill(&mut self, found: BTreeMap<String, String>) {
        for (name, value) in found {
            self.values.entry(name).or_insert(value);
        }
    }

    /// The names that were asked for so far.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }
}
