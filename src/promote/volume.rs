//! Mounts: claims, files out of a ConfigMap, memory.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource, Volume, VolumeMount,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::config::files_name;
use super::facts::Mounted;
use super::labels::selector;
use super::refusal::Refusal;
use super::work::Work;
use crate::stack::{Mount, Service, cluster_name};

/// Where nobody says how large.
const SIZE: &str = "1Gi";

/// What is mounted into the pods of a service.
#[derive(Debug, Default)]
pub struct Volumes {
    pub mounts: Vec<VolumeMount>,
    pub volumes: Vec<Volume>,
    /// Templates of claims: each pod has its own.
    pub claims: Vec<PersistentVolumeClaim>,
    /// By key of the ConfigMap.
    pub files: BTreeMap<String, Vec<u8>>,
    /// A claim that others made can be held by one pod at a time.
    pub shared_claim: bool,
}

pub fn volumes(work: &mut Work<'_>, service: &Service) -> Volumes {
    let mut volumes = Volumes::default();
    for (at, mount) in service.mounts.iter().enumerate() {
        match mount {
            Mount::Volume {
                key,
                target,
                read_only,
            } => {
                let name = match work
                    .stack
                    .volumes
                    .get(key)
                    .and_then(|volume| volume.external.clone())
                {
                    Some(external) => volumes.existing(&external),
                    None => claim(work, service, key, &mut volumes),
                };
                volumes.mount(name, target, *read_only);
            }
            Mount::Tmpfs { target } => {
                volumes.empty(format!("memory-{at}"), Some("Memory"), target, false);
            }
            // As it goes with the container, so it goes with the pod.
            Mount::Anonymous { target, read_only } => {
                volumes.empty(format!("empty-{at}"), None, target, *read_only);
            }
            Mount::Image { reference, .. } => work.refusals.push(Refusal::Options {
                service: service.name.clone(),
                what: format!("a mount of the image {reference}"),
            }),
            Mount::Bind {
                source,
                target,
                read_only,
            } => {
                bind(
                    work,
                    service,
                    (at, source, target, *read_only),
                    &mut volumes,
                );
            }
        }
    }
    volumes
}

/// A claim of the service's own; the name of the volume.
fn claim(work: &mut Work<'_>, service: &Service, key: &str, volumes: &mut Volumes) -> String {
    let (name, volume) = (service.name.clone(), key.to_owned());
    let has = |other: &&Service| {
        other.name != service.name
            && other
                .mounts
                .iter()
                .any(|mount| matches!(mount, Mount::Volume { key: other, .. } if other == key))
    };
    let replicas = super::workload::replicas(service).most;
    if service.is_job() {
        work.refusals.push(Refusal::JobVolume {
            service: name,
            volume,
        });
    } else if let Some(other) = work.stack.services.values().find(has) {
        let other = other.name.clone();
        work.refusals.push(Refusal::SharedVolume {
            service: name,
            volume,
            other,
        });
    } else if replicas > 1 {
        work.refusals.push(Refusal::ReplicatedVolume {
            service: name,
            volume,
            replicas,
        });
    }
    let label = claim_name(service, key);
    if volumes
        .claims
        .iter()
        .all(|claim| claim.metadata.name.as_ref() != Some(&label))
    {
        volumes.claims.push(template(work, service, &label));
    }
    label
}

/// `data` for `db-data` of `db`: the pod's name follows it anyway.
fn claim_name(service: &Service, key: &str) -> String {
    let short = key.strip_prefix(&format!("{}-", service.name));
    let is_other = |short: &&str| {
        service
            .mounts
            .iter()
            .any(|mount| matches!(mount, Mount::Volume { key, .. } if key == short))
    };
    cluster_name(short.filter(|short| !is_other(short)).unwrap_or(key))
}

fn template(work: &Work<'_>, service: &Service, name: &str) -> PersistentVolumeClaim {
    let size = service.kubernetes.storage.as_deref().unwrap_or(SIZE);
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            // No more of them: a template never changes.
            labels: Some(selector(work.stack, &service.name)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(size.to_owned()))].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

type Bind<'b> = (usize, &'b camino::Utf8PathBuf, &'b str, bool);

fn bind(
    work: &mut Work<'_>,
    service: &Service,
    (at, source, target, read_only): Bind<'_>,
    volumes: &mut Volumes,
) {
    let why = match work.facts.mounted.get(source) {
        Some(Mounted::File(bytes)) if read_only => {
            let name = source.file_name().unwrap_or("file");
            let key = volumes.file(at, name, bytes);
            let volume = volumes.file_volume(service, at, vec![item(&key, name)]);
            volumes.mounts.push(VolumeMount {
                name: volume,
                mount_path: target.to_owned(),
                sub_path: Some(name.to_owned()),
                read_only: Some(true),
                ..VolumeMount::default()
            });
            return;
        }
        Some(Mounted::Files(files)) if read_only => {
            let items = files
                .iter()
                .map(|(name, bytes)| item(&volumes.file(at, name, bytes), name));
            let items = items.collect();
            let volume = volumes.file_volume(service, at, items);
            volumes.mount(volume, target, true);
            return;
        }
        Some(Mounted::File(_) | Mounted::Files(_)) => "and a pod could not write there",
        Some(Mounted::Other(why)) => why,
        Some(Mounted::Missing) | None => "where there is nothing",
    };
    let path = source
        .strip_prefix(&work.stack.dir)
        .unwrap_or(source)
        .to_string();
    if work.going.otherwise.contains(&service.name) {
        work.note(
            service,
            format!("{path} is not mounted: that is for development"),
        );
    } else {
        work.refusals.push(Refusal::Bind {
            service: service.name.clone(),
            source_path: path,
            why: why.to_owned(),
        });
    }
}

fn item(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}

impl Volumes {
    /// A folder that lives as long as the pod, on `medium` or on the node's disk.
    fn empty(&mut self, name: String, medium: Option<&str>, target: &str, read_only: bool) {
        self.volumes.push(Volume {
            name: name.clone(),
            empty_dir: Some(EmptyDirVolumeSource {
                medium: medium.map(str::to_owned),
                size_limit: None,
            }),
            ..Volume::default()
        });
        self.mount(name, target, read_only);
    }

    fn mount(&mut self, name: String, target: &str, read_only: bool) {
        self.mounts.push(VolumeMount {
            name,
            mount_path: target.to_owned(),
            read_only: read_only.then_some(true),
            ..VolumeMount::default()
        });
    }

    /// A claim that somebody else made.
    fn existing(&mut self, claim: &str) -> String {
        let name = cluster_name(claim);
        self.shared_claim = true;
        if self.volumes.iter().all(|volume| volume.name != name) {
            self.volumes.push(Volume {
                name: name.clone(),
                persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                    claim_name: claim.to_owned(),
                    read_only: None,
                }),
                ..Volume::default()
            });
        }
        name
    }

    /// Keeps a file under a key that a ConfigMap can have.
    fn file(&mut self, at: usize, name: &str, bytes: &[u8]) -> String {
        let fitting = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let fitted: String = name.chars().map(fitting).collect();
        let mut key = format!("{at}-{fitted}");
        while self.files.contains_key(&key) {
            key.push('-');
        }
        self.files.insert(key.clone(), bytes.to_vec());
        key
    }

    fn file_volume(&mut self, service: &Service, at: usize, items: Vec<KeyToPath>) -> String {
        let name = format!("files-{at}");
        self.volumes.push(Volume {
            name: name.clone(),
            config_map: Some(ConfigMapVolumeSource {
                name: files_name(service),
                items: Some(items),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        });
        name
    }
}
