//! A service, or one replica of it, as people name them: `api`, `api-2`, or `--index 2 api`.

use std::fmt;

use super::error::CliError;
use super::session::Session;

/// What an argument means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub service: String,
    /// From 1; `None`: each of them.
    pub index: Option<u32>,
}

impl Instance {
    pub fn every(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            index: None,
        }
    }

    pub fn is(&self, index: u32) -> bool {
        self.index.is_none_or(|wanted| wanted == index)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}-{index}", self.service),
            None => f.write_str(&self.service),
        }
    }
}

impl Session {
    /// What these names mean; `index`: which replica of each, where the name does not say it.
    ///
    /// # Errors
    /// The first name that the stack does not have, or a replica that its service does not have.
    pub fn instances(
        &self,
        names: &[String],
        index: Option<u32>,
    ) -> Result<Vec<Instance>, CliError> {
        if index.is_some() && names.is_empty() {
            return Err(CliError::Usage {
                message: "`--index` is about one service".to_owned(),
                help: Some("name the service".to_owned()),
            });
        }
        names
            .iter()
            .map(|name| self.instance(name, index))
            .collect()
    }

    /// Also a replica that is there because the last `up` asked for so many.
    fn named<'a>(&self, name: &'a str) -> Option<(&'a str, Option<u32>)> {
        let scaled = || {
            let (service, number) = name.rsplit_once('-')?;
            let index = number.parse().ok().filter(|index| *index > 0)?;
            let is_there = self.stack.services.contains_key(service);
            (is_there && index <= self.replicas(service)).then_some((service, Some(index)))
        };
        self.stack.instance(name).or_else(scaled)
    }

    /// The same for one.
    ///
    /// # Errors
    /// See [`Session::instances`].
    pub fn instance(&self, name: &str, index: Option<u32>) -> Result<Instance, CliError> {
        let Some((service, named)) = self.named(name) else {
            self.check_names(&[name.to_owned()])?;
            return Ok(Instance::every(name));
        };
        let index = named.or(index);
        let replicas = self.replicas(service);
        if let Some(index) = index
            && !(1..=replicas).contains(&index)
        {
            let count = match replicas {
                0 | 1 => "one replica".to_owned(),
                n => format!("{n} replicas"),
            };
            return Err(CliError::usage(format!(
                "`{service}` has {count}, and none with the number {index}"
            )));
        }
        Ok(Instance {
            service: service.to_owned(),
            index,
        })
    }
}
