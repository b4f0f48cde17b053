//! From a data file to the parts of a service.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::definition::{Definition, PortData, ProvisionData, ReadyData};
use super::text::{Blanks, template};
use super::{PresetError, PresetService, PresetUse, catalog};
use crate::stack::{
    HostPort, Login, Mount, Output, Port, Probe, ProbeKind, Protocol, Stop, Template,
};

/// Fills in a service from its preset.
///
/// # Errors
/// There is no such preset, or it cannot be used like this.
pub fn expand(usage: &PresetUse) -> Result<PresetService, PresetError> {
    let unknown = || PresetError::Unknown {
        name: usage.name.to_owned(),
    };
    let file = catalog::table(usage.name).ok_or_else(unknown)?;
    let definition = Definition::of(file, usage.version, !usage.volume)
        .map_err(|error| data(usage, error.message()))?;
    check(usage, &definition)?;
    let version = usage.version.unwrap_or(&definition.version);
    let blanks = blanks(usage, version)?;

    let mounts = mounts(usage, &definition);
    let volumes = mounts.iter().filter_map(|mount| match mount {
        Mount::Volume { key, .. } => Some(key.clone()),
        _ => None,
    });
    Ok(PresetService {
        image: image(usage, &definition, version, &blanks)?,
        command: definition
            .command
            .as_deref()
            .map(|command| arguments(command, &blanks)),
        env: filled(&definition.env, &blanks)
            .map(|(name, value)| (name, template(&value)))
            .collect(),
        ports: definition
            .ports
            .iter()
            .map(|data| (data.name.clone(), port(data)))
            .collect(),
        ready: definition
            .ready
            .as_ref()
            .map(|ready| probe(usage, ready, &blanks))
            .transpose()?,
        provision: provision(&definition.provision, &blanks),
        outputs: outputs(&definition, &blanks),
        volumes: volumes.collect(),
        mounts,
        stop: definition.stop.as_ref().map(|stop| Stop {
            signal: stop.signal.clone(),
            grace: stop.grace(),
        }),
        storage: definition.storage.filter(|_| usage.volume),
        cluster_env: filled(&definition.cluster, &blanks)
            .filter(|(_, value)| usage.volume && !value.is_empty())
            .map(|(name, value)| (name, template(&value)))
            .collect(),
        // Variants of an image have users of their own.
        uid: definition.uid.filter(|_| is_number(version)),
        user: definition.user,
    })
}

fn data(usage: &PresetUse, problem: &str) -> PresetError {
    PresetError::Data {
        preset: usage.name.to_owned(),
        problem: problem.to_owned(),
    }
}

fn check(usage: &PresetUse, definition: &Definition) -> Result<(), PresetError> {
    let preset = || usage.name.to_owned();
    if let Some(version) = usage.version {
        let is_tag = |c: char| c.is_ascii_alphanumeric() || "._-@:+".contains(c);
        if version.is_empty() || !version.chars().all(is_tag) {
            return Err(PresetError::Version {
                preset: preset(),
                version: version.to_owned(),
            });
        }
    }
    if !usage.databases.is_empty() && !definition.databases {
        return Err(PresetError::NoDatabases { preset: preset() });
    }
    // They end up in SQL, shell arguments and URLs: names that mean the same everywhere are enough.
    let is_name = |name: &&String| {
        (1..=63).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    if let Some(name) = usage.databases.iter().find(|name| !is_name(name)) {
        return Err(PresetError::Name {
            what: "database",
            name: name.clone(),
        });
    }
    match usage
        .options
        .keys()
        .find(|option| !definition.options.contains(option))
    {
        Some(option) => Err(PresetError::UnknownOption {
            preset: preset(),
            option: option.clone(),
            known: definition.options.clone(),
        }),
        None => Ok(()),
    }
}

fn blanks(usage: &PresetUse, version: &str) -> Result<Blanks, PresetError> {
    let buckets = buckets(usage)?;
    let name = usage
        .databases
        .first()
        .cloned()
        .unwrap_or_else(|| identifier(usage.service));
    let one = [
        ("version", Some(version.to_owned())),
        ("project", Some(usage.project.to_owned())),
        ("service", Some(usage.service.to_owned())),
        ("name", Some(name)),
        ("bucket", buckets.first().cloned()),
    ];
    let lists = [
        (
            "databases",
            usage.databases.iter().skip(1).cloned().collect(),
        ),
        ("buckets", buckets),
    ];
    Ok(Blanks {
        one: one.into(),
        lists: lists.into(),
    })
}

/// The service's name as a database's: not the project's, so that it is the same in every checkout.
fn identifier(service: &str) -> String {
    service
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(63)
        .collect()
}

fn buckets(usage: &PresetUse) -> Result<Vec<String>, PresetError> {
    let Some(list) = usage.options.get("buckets") else {
        return Ok(Vec::new());
    };
    let buckets: Vec<String> = list
        .split([',', ' '])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_bucket = |name: &str| {
        (3..=63).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
            && is_edge(name.chars().next())
            && is_edge(name.chars().last())
    };
    match buckets.iter().find(|name| !is_bucket(name)) {
        Some(name) => Err(PresetError::Name {
            what: "bucket",
            name: name.clone(),
        }),
        None => Ok(buckets),
    }
}

fn image(
    usage: &PresetUse,
    definition: &Definition,
    version: &str,
    blanks: &Blanks,
) -> Result<String, PresetError> {
    let pattern = definition
        .image_variant
        .as_ref()
        .filter(|_| !is_number(version))
        .unwrap_or(&definition.image);
    blanks.fill(pattern).ok_or_else(|| data(usage, "image"))
}

fn is_number(version: &str) -> bool {
    version.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn arguments(command: &[String], blanks: &Blanks) -> Vec<Template> {
    command
        .iter()
        .flat_map(|argument| blanks.arguments(argument))
        .map(|argument| template(&argument))
        .collect()
}

/// Entries whose blanks all have a value.
fn filled<'a>(
    entries: &'a BTreeMap<String, String>,
    blanks: &'a Blanks,
) -> impl Iterator<Item = (String, String)> + 'a {
    entries
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), blanks.fill(value)?)))
}

fn outputs(definition: &Definition, blanks: &Blanks) -> BTreeMap<String, Output> {
    let output = |(name, value): (String, String)| {
        let secret = definition.secret.contains(&name);
        (
            name,
            Output {
                value: template(&value),
                secret,
            },
        )
    };
    filled(&definition.outputs, blanks).map(output).collect()
}

fn provision(steps: &[ProvisionData], blanks: &Blanks) -> Vec<Vec<Template>> {
    let has_items = |list: &String| {
        blanks
            .lists
            .get(list.as_str())
            .is_some_and(|items| !items.is_empty())
    };
    let wanted = steps
        .iter()
        .filter(|step| step.when.as_ref().is_none_or(has_items));
    wanted
        .map(|step| arguments(&step.command, blanks))
        .collect()
}

fn mounts(usage: &PresetUse, definition: &Definition) -> Vec<Mount> {
    let volume = definition.volume.as_ref().filter(|_| usage.volume);
    let mount = |target: &String| Mount::Volume {
        key: format!("{}-data", usage.service),
        target: target.clone(),
        read_only: false,
    };
    volume.map(mount).into_iter().collect()
}

fn port(data: &PortData) -> Port {
    Port {
        container: data.port,
        protocol: Protocol::Tcp,
        host: HostPort::Auto,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        publish: true,
        scheme: data.scheme.clone().unwrap_or_else(|| data.name.clone()),
        everywhere: false,
    }
}

fn probe(usage: &PresetUse, ready: &ReadyData, blanks: &Blanks) -> Result<Probe, PresetError> {
    let fill = |text: &Option<String>| {
        text.as_ref()
            .and_then(|text| blanks.fill(text))
            .unwrap_or_default()
    };
    let kinds = [
        ready.http.map(|port| ProbeKind::Http {
            port,
            path: ready.path.clone().unwrap_or_else(|| "/".to_owned()),
        }),
        ready.tcp.map(|port| ProbeKind::Tcp { port }),
        ready
            .exec
            .clone()
            .map(|command| ProbeKind::Exec { command }),
        ready.log.clone().map(|pattern| ProbeKind::Log { pattern }),
        ready.postgres.map(|port| ProbeKind::Postgres {
            port,
            user: fill(&ready.user),
            database: fill(&ready.database),
        }),
        ready.redis.map(|port| ProbeKind::Redis { port }),
        ready.mysql.map(|port| ProbeKind::Mysql {
            port,
            login: ready
                .login
                .clone()
                .map(|(user, password)| Login { user, password }),
        }),
    ];
    let mut kinds = kinds.into_iter().flatten();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(Probe::new(kind)),
        _ => Err(data(usage, "`ready` is not exactly one protocol")),
    }
}
