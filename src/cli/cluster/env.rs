//! `dev env --on kubernetes`: the settings that reach services from a pod of the namespace.

use std::collections::BTreeMap;

use super::{Cluster, Touch};
use crate::cli::args::{EnvArgs, GlobalArgs};
use crate::cli::env::{of_service, print};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::git;
use crate::stack::resolve::{Absent, Asker, Facts};

/// # Errors
/// The stack cannot be read, no API server answers, or a secret is not there.
pub async fn env(global: &GlobalArgs, arguments: &EnvArgs) -> Result<ExitCode, CliError> {
    let command = "dev env --on kubernetes";
    let cluster = Cluster::open(global, &arguments.place, Touch::Looks, command).await?;
    cluster.check_names(&arguments.services)?;
    let stack = &cluster.place.stack;
    let secrets = cluster.secrets().await?;
    let missing = stack
        .secrets
        .keys()
        .filter(|name| !secrets.contains_key(*name));
    let namespace = &cluster.place.namespace;
    let facts = Facts {
        environment: cluster.session.environment.variables.clone(),
        git: git::facts(stack).await,
        absent: missing
            .map(|name| {
                let why = format!("the secret `{name}` is not in namespace `{namespace}`");
                let help = "`dev promote` puts it there".to_owned();
                (name.clone(), Absent { why, help })
            })
            .collect(),
        secrets,
        ..Facts::default()
    };
    let names = &arguments.services;
    let wanted = stack
        .services
        .values()
        .filter(|service| names.is_empty() || names.contains(&service.name));
    let mut settings = BTreeMap::new();
    let mut absent = Vec::new();
    for service in wanted {
        let asker = Asker::Cluster {
            service: &service.name,
        };
        settings.extend(of_service(stack, service, asker, &facts, &mut absent));
    }
    if !absent.is_empty() {
        return Err(CliError::Secrets(absent));
    }
    print(settings, arguments.format(global.json))
}
