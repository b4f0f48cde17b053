//! Volumes without a name, from a container to the one that takes its place.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, Mount, MountPoint, MountType};
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::Docker;
use super::call::{QUICK, within};
use crate::plan::desired::{ContainerSpec, LABEL_NUMBER, LABEL_PROJECT, LABEL_SERVICE};

impl Docker {
    /// Mounts what the container of this instance has in volumes without a name, where the stack file mounts nothing. Where
    /// the engine does not tell, there is nothing to take over.
    pub(super) async fn inherit(&self, spec: &ContainerSpec, body: &mut ContainerCreateBody) {
        if !spec.options.given.keeps_anonymous_volumes {
            return;
        }
        let Some(host) = body.host_config.as_mut() else {
            return;
        };
        let mounts = host.mounts.get_or_insert_default();
        for point in self.mounted(spec).await {
            let (Some(name), Some(target)) = (point.name, point.destination) else {
                continue;
            };
            let there = mounts
                .iter_mut()
                .find(|m| m.target.as_ref() == Some(&target));
            match there {
                // The file's own, without a name.
                Some(mount) if mount.typ == Some(MountType::VOLUME) && mount.source.is_none() => {
                    mount.source = Some(name);
                }
                Some(_) => {}
                // Mounted in another way than those here.
                None if spec.mounts.iter().any(|own| own.mount.target() == target) => {}
                None => mounts.push(Mount {
                    target: Some(target),
                    source: Some(name),
                    typ: Some(MountType::VOLUME),
                    ..Mount::default()
                }),
            }
        }
    }

    async fn mounted(&self, spec: &ContainerSpec) -> Vec<MountPoint> {
        let labels = spec.labels.iter().filter(|(name, _)| {
            [LABEL_PROJECT, LABEL_SERVICE, LABEL_NUMBER].contains(&name.as_str())
        });
        let labels: Vec<String> = labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&HashMap::from([("label", labels)]))
            .build();
        let list = within(QUICK, self.client().list_containers(Some(options))).await;
        let newest = list
            .unwrap_or_default()
            .into_iter()
            .max_by_key(|c| c.created);
        let points = newest
            .and_then(|container| container.mounts)
            .unwrap_or_default();
        points.into_iter().filter(is_anonymous).collect()
    }
}

/// A volume that the engine named by itself.
pub(super) fn is_anonymous(point: &MountPoint) -> bool {
    let name = point.name.as_deref().unwrap_or_default();
    point.typ.as_deref() == Some("volume")
        && name.len() == 64
        && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
