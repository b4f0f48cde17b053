//! What is on an engine, by the process that made it.

use std::collections::{BTreeSet, HashMap};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};

use super::Docker;
use super::call::{QUICK, within};
use super::classify::failure;
use crate::plan::desired::{LABEL_DIR, LABEL_OWNER, LABEL_PROJECT};
use crate::runtime::RuntimeError;

/// Containers, networks or volumes of one stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    pub project: String,
    /// As it was given to [`Docker::owned_by`].
    pub owner: String,
}

impl Docker {
    /// The same connection; what is made through it carries the owner's name.
    #[must_use]
    pub fn owned_by(&self, owner: Option<&str>) -> Self {
        Self {
            owner: owner.map(Into::into),
            ..self.clone()
        }
    }

    pub(super) fn owner_label(&self) -> impl Iterator<Item = (String, String)> {
        let owner = self.owner.iter();
        owner.map(|owner| (LABEL_OWNER.to_owned(), owner.to_string()))
    }

    /// What has an owner and was made by the checkout in `dir`.
    ///
    /// # Errors
    /// `Engine` when it does not answer.
    pub async fn owned(&self, dir: &str) -> Result<BTreeSet<Owned>, RuntimeError> {
        let labels = vec![LABEL_OWNER.to_owned(), format!("{LABEL_DIR}={dir}")];
        let with = HashMap::from([("label", labels)]);
        let client = self.client();
        let containers = ListContainersOptionsBuilder::new().all(true).filters(&with);
        let networks = ListNetworksOptionsBuilder::new().filters(&with);
        let volumes = ListVolumesOptionsBuilder::new().filters(&with);
        let found = tokio::try_join!(
            within(QUICK, client.list_containers(Some(containers.build()))),
            within(QUICK, client.list_networks(Some(networks.build()))),
            within(QUICK, client.list_volumes(Some(volumes.build()))),
        );
        let what = "look for what killed ones left";
        let (containers, networks, volumes) = found.map_err(|fault| failure(what, &fault))?;
        let containers = containers.into_iter().filter_map(|found| found.labels);
        let networks = networks.into_iter().filter_map(|found| found.labels);
        let volumes = volumes.volumes.into_iter().flatten();
        let volumes = volumes.map(|found| found.labels);
        let all = containers.chain(networks).chain(volumes);
        Ok(all.filter_map(owned).collect())
    }
}

fn owned(mut labels: HashMap<String, String>) -> Option<Owned> {
    Some(Owned {
        project: labels.remove(LABEL_PROJECT)?,
        owner: labels.remove(LABEL_OWNER)?,
    })
}
