//! What a service is configured with: its environment and the files mounted into it.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, ConfigMapEnvSource, EnvFromSource, EnvVar};

use super::credentials::variables;
use super::labels::meta;
use super::object::{Kind, Object};
use super::refusal::Refusal;
use super::text::{SecretEnv, literal};
use super::volume::{Volumes, volumes};
use super::work::Work;
use crate::stack::{Service, cluster_name};

/// Of one service.
pub struct Config {
    /// In a ConfigMap.
    plain: BTreeMap<String, String>,
    /// In the container.
    pub env: Vec<EnvVar>,
    pub volumes: Volumes,
    /// Changes with everything of it, as far as it is known.
    pub hash: Option<String>,
}

pub fn of(work: &mut Work<'_>, service: &Service) -> Config {
    let mut plain = BTreeMap::new();
    let mut odd = Vec::new();
    let mut secret = Vec::new();
    let credentials = variables(service);
    for (name, template) in &service.env {
        let field = format!("env.{name}");
        let text = work.text(service, &field, template);
        if credentials.contains(name) && text.plain().is_some() {
            work.refusals.push(Refusal::PlainSecret {
                service: service.name.clone(),
                field,
            });
        }
        match text.plain() {
            Some(value) if is_key(name) => {
                plain.insert(name.clone(), value);
            }
            Some(value) => odd.push(EnvVar {
                name: name.clone(),
                value: Some(literal(&value)),
                value_from: None,
            }),
            None => secret.push((name, text)),
        }
    }
    let taken = |name: &str| service.env.contains_key(name);
    let mut env = SecretEnv::new(&work.secret, &taken);
    for (name, text) in &secret {
        env.add(name, text);
    }
    let env: Vec<EnvVar> = odd.into_iter().chain(env.finish()).collect();
    let volumes = volumes(work, service);
    let used = secret.iter().flat_map(|(_, text)| text.secrets());
    let digests: Vec<&String> = used
        .filter_map(|name| work.facts.secret_digests.get(name))
        .collect();
    let hash = hash(&plain, &volumes, &digests);
    Config {
        plain,
        env,
        volumes,
        hash,
    }
}

/// What may be a key of a ConfigMap and a variable that is made from it.
/// <https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/config-map-v1/>
fn is_key(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.len() <= 253
        && name.chars().all(inner)
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

fn hash(
    plain: &BTreeMap<String, String>,
    volumes: &Volumes,
    digests: &[&String],
) -> Option<String> {
    if plain.is_empty() && volumes.files.is_empty() && digests.is_empty() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(bytes);
    };
    for (name, value) in plain {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    for (name, bytes) in &volumes.files {
        add(name.as_bytes());
        add(bytes);
    }
    digests.iter().for_each(|digest| add(digest.as_bytes()));
    Some(hasher.finalize().to_hex()[..16].to_owned())
}

impl Config {
    pub fn env_from(&self, service: &Service) -> Option<Vec<EnvFromSource>> {
        (!self.plain.is_empty()).then(|| {
            vec![EnvFromSource {
                config_map_ref: Some(ConfigMapEnvSource {
                    name: env_name(service),
                    optional: None,
                }),
                ..EnvFromSource::default()
            }]
        })
    }

    pub fn objects(&self, work: &Work<'_>, service: &Service) -> Vec<Object> {
        let mut objects = Vec::new();
        if !self.plain.is_empty() {
            let name = env_name(service);
            let map = ConfigMap {
                metadata: meta(&name, &work.namespace, work.labels(service)),
                data: Some(self.plain.clone()),
                ..ConfigMap::default()
            };
            objects.push(work.object(service, Kind::ConfigMap, &name, &map));
        }
        if !self.volumes.files.is_empty() {
            let name = files_name(service);
            let (mut text, mut binary) = (BTreeMap::new(), BTreeMap::new());
            for (key, bytes) in &self.volumes.files {
                match String::from_utf8(bytes.clone()) {
                    Ok(content) => drop(text.insert(key.clone(), content)),
                    Err(_) => drop(binary.insert(key.clone(), ByteString(bytes.clone()))),
                }
            }
            let map = ConfigMap {
                metadata: meta(&name, &work.namespace, work.labels(service)),
                data: Some(text).filter(|data| !data.is_empty()),
                binary_data: Some(binary).filter(|data| !data.is_empty()),
                ..ConfigMap::default()
            };
            objects.push(work.object(service, Kind::ConfigMap, &name, &map));
        }
        objects
    }
}

fn env_name(service: &Service) -> String {
    format!("{}-env", cluster_name(&service.name))
}

pub fn files_name(service: &Service) -> String {
    format!("{}-files", cluster_name(&service.name))
}
