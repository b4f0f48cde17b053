//! What a look finds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ProcessWorld;
use super::record::Record;
use crate::plan::observed::{ObservedContainer, Status};

impl ProcessWorld {
    /// Every process of the stack that is noted, ended ones too.
    pub fn look(&self) -> Vec<ObservedContainer> {
        let all = self.place.read_all();
        all.iter()
            .map(|(name, record)| self.observed(name, record))
            .collect()
    }

    pub(super) fn observed(&self, name: &str, record: &Record) -> ObservedContainer {
        let status = self.place.status(name, record);
        let runs = matches!(status, Status::Running | Status::Restarting | Status::Dead);
        let policy = fs_err::read_to_string(self.place.policy(name)).unwrap_or_default();
        let policy = policy.split(':').next().unwrap_or_default().trim();
        ObservedContainer {
            id: record.id.clone(),
            name: record.name.clone(),
            service: record.service.clone(),
            index: record.index,
            config: Some(record.config.clone()),
            dir: Some(self.dir.to_string()),
            checkout: None,
            image_id: String::new(),
            status,
            started_at: record.started_at.clone(),
            finished_at: if record.exit.is_some() {
                chrono::DateTime::from_timestamp_nanos(record.ended_at).to_rfc3339()
            } else {
                String::new()
            },
            stop_grace: Some(Duration::from_millis(record.grace)),
            anonymous_volumes: false,
            healthy: None,
            mounted: BTreeMap::new(),
            ports: if runs {
                record.ports.clone()
            } else {
                Vec::new()
            },
            addresses: BTreeMap::new(),
            aliases: BTreeMap::new(),
            restart_policy: if policy.is_empty() { "no" } else { policy }.to_owned(),
        }
    }
}
