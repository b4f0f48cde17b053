use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;

use super::Docker;
use super::call::{CHANGE, call, within};
use super::classify::failure;
use super::network::{labeled, table};
use crate::plan::desired::LABEL_CREATED;
use crate::runtime::RuntimeError;
use crate::stack::VolumeOptions;

impl Docker {
    /// Creates a volume. `created` is a random text that tells it from an earlier one of the same name; one that
    /// exists already stays as it is, with its own.
    ///
    /// # Errors
    /// `DiskFull`, `Engine`, `Other`.
    pub async fn create_volume(
        &self,
        name: &str,
        created: &str,
        options: &VolumeOptions,
        labels: &[(String, String)],
    ) -> Result<(), RuntimeError> {
        let mut labels = labeled(&options.labels, labels);
        labels.insert(LABEL_CREATED.to_owned(), created.to_owned());
        labels.extend(self.owner_label());
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels),
            driver: options.driver.clone(),
            driver_opts: table(&options.driver_options),
            ..VolumeCreateRequest::default()
        };
        let what = format!("create volume {name}");
        call(&what, CHANGE, self.client().create_volume(request)).await?;
        Ok(())
    }

    /// Removes a volume and all that is in it; one that is not there is removed already.
    ///
    /// # Errors
    /// `Other` while a container, even a stopped one, uses it.
    pub async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        match within(
            CHANGE,
            self.client()
                .remove_volume(name, None::<RemoveVolumeOptions>),
        )
        .await
        {
            Err(fault) if fault.is_gone() => Ok(()),
            other => other.map_err(|fault| failure(&format!("remove volume {name}"), &fault)),
        }
    }
}
