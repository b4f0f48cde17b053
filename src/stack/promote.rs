use std::collections::BTreeMap;

use serde::Serialize;

use super::Template;

/// What becomes of a service on a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promote {
    /// Stays at home: `promote = false`.
    No,
    #[default]
    Same,
    /// As here, with these changes.
    With {
        /// Build stage instead of the development one.
        target: Option<String>,
        args: BTreeMap<String, Template>,
        command: Option<Vec<Template>>,
        env: BTreeMap<String, Template>,
    },
}
