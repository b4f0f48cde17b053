//! A build that comes out as the image that was there. Builders answer with its id while they have its steps in their cache; made
//! anew, the same layers and the same configuration get another id, because it covers the time, too.

use std::time::Duration;

use bollard::models::{ImageConfig, ImageInspect};
use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};

use super::super::Docker;
use super::super::call::{CHANGE, QUICK, within};
use super::super::fault::Fault;
use super::names::split;
use super::{BuiltImage, tags};
use crate::plan::desired::BuildSpec;

impl Docker {
    /// The image that has the tag before a build.
    pub(super) async fn has_tag(&self, spec: &BuildSpec, limit: Duration) -> Option<ImageInspect> {
        let found = within(limit, self.client().inspect_image(&spec.tag)).await;
        found.ok()
    }

    /// What was built; where that is what was there before, the image from before gets its names back, and its twin goes.
    /// Where that cannot be, the twin is as good.
    pub(super) async fn settle_on(
        &self,
        before: Option<ImageInspect>,
        built: BuiltImage,
        spec: &BuildSpec,
    ) -> BuiltImage {
        let before = before.filter(|before| before.id.as_ref() != Some(&built.id));
        let Some((id, before)) = before.and_then(|before| Some((before.id.clone()?, before)))
        else {
            return built;
        };
        let twin = within(QUICK, self.client().inspect_image(&built.id)).await;
        if !twin.is_ok_and(|twin| is_same(&twin, &before)) {
            return built;
        }
        for name in tags(spec) {
            if self.tag(&id, name).await.is_err() {
                return built;
            }
        }
        let kept_parents = RemoveImageOptionsBuilder::new().noprune(true).build();
        let removed = self
            .client()
            .remove_image(&built.id, Some(kept_parents), None);
        // What stays goes with those that newer ones have taken the name from.
        let _in_use = within(CHANGE, removed).await;
        BuiltImage { id, ..built }
    }

    pub(super) async fn tag(&self, image: &str, name: &str) -> Result<(), Fault> {
        let (repository, tag) = split(name);
        let options = TagImageOptionsBuilder::new()
            .repo(repository)
            .tag(tag)
            .build();
        within(QUICK, self.client().tag_image(image, Some(options))).await
    }
}

/// Whether containers of the two are the same; when they were made, and by which steps, is nothing that runs.
pub(super) fn is_same(a: &ImageInspect, b: &ImageInspect) -> bool {
    let platform = |image: &ImageInspect| {
        let parts = [
            &image.os,
            &image.os_version,
            &image.architecture,
            &image.variant,
        ];
        parts.map(|part| part.clone().unwrap_or_default())
    };
    let layers = |image: &ImageInspect| image.root_fs.as_ref().and_then(|fs| fs.layers.clone());
    layers(a).is_some()
        && layers(a) == layers(b)
        && config(a) == config(b)
        && platform(a) == platform(b)
}

/// Sets come in any order.
fn config(image: &ImageInspect) -> ImageConfig {
    let mut config = image.config.clone().unwrap_or_default();
    for set in [&mut config.exposed_ports, &mut config.volumes]
        .into_iter()
        .flatten()
    {
        set.sort();
    }
    config
}

#[cfg(test)]
mod tests {
    use super::is_same;
    use bollard::models::ImageInspect;

    fn image(json: &str) -> ImageInspect {
        serde_json::from_str(json).expect("an image")
    }

    #[test]
    fn only_what_runs_counts() {
        let of = |layer: &str, rest: &str, config: &str| {
            image(&format!(
                r#"{{"RootFS":{{"Type":"layers","Layers":["sha256:{layer}"]}},"Os":"linux",{rest},"Config":{{{config}}}}}"#
            ))
        };
        let base = of(
            "1",
            r#""Id":"a","Created":"2020-01-01T00:00:00Z""#,
            r#""Labels":{"a":"b","c":"d"}"#,
        );
        let later = of(
            "1",
            r#""Id":"b","Created":"2021-01-01T00:00:00Z""#,
            r#""Labels":{"c":"d","a":"b"}"#,
        );
        assert!(is_same(&base, &later));
        let plain = r#""Id":"b""#;
        assert!(!is_same(
            &base,
            &of("2", plain, r#""Labels":{"a":"b","c":"d"}"#)
        ));
        assert!(!is_same(&base, &of("1", plain, r#""Labels":{"a":"b"}"#)));
        assert!(!is_same(
            &base,
            &of(
                "1",
                r#""Architecture":"arm64""#,
                r#""Labels":{"a":"b","c":"d"}"#
            )
        ));
        let bare = image(r#"{"Id":"a"}"#);
        assert!(!is_same(&bare, &bare), "nothing is known of it");
    }
}
