//! Files of other images: they are there before a container is made, and another image is another container.

use super::super::scene::{Scene, runs};
use crate::plan::operation::{Action, Plan};
use crate::stack::{Mount, Service};

/// `web` has the files of an image.
fn web(reference: &str) -> Service {
    let mut web = runs("web", &[]);
    web.mounts.push(Mount::Image {
        reference: reference.to_owned(),
        target: "/tool".to_owned(),
        read_only: true,
    });
    web
}

fn id(scene: &mut Scene) -> String {
    scene.container("gold-web-1").id.clone()
}

/// Whether the container comes after what is done to the image.
fn is_after(plan: &Plan, image: &str) -> bool {
    let mut operations = plan.operations.iter();
    let bringing = operations
        .find(|operation| operation.subject.to_string() == format!("image {image}"))
        .map(|operation| operation.id);
    plan.operations.iter().any(|operation| {
        matches!(&operation.action, Action::CreateContainer { spec, .. } if spec.service == "web")
            && bringing.is_some_and(|bringing| operation.after.contains(&bringing))
    })
}

#[test]
fn an_image_that_is_missing_comes_before_the_container() {
    let mut scene = Scene::of([web("tool:1")]);
    assert!(is_after(&scene.plan(), "tool:1"), "{}", scene.text());
    scene.converge();
    // One that is gone later is brought again, and the container stays where it is the same.
    let before = id(&mut scene);
    scene.observed.images.remove("tool:1");
    assert!(is_after(&scene.plan(), "tool:1"), "{}", scene.text());
    scene.converge();
    assert_eq!(id(&mut scene), before);
}

#[test]
fn another_image_by_the_same_name_is_another_container() {
    let mut scene = Scene::running([web("tool:1")]);
    let before = id(&mut scene);
    scene.observed.images.get_mut("tool:1").unwrap().id = "sha256:newer".to_owned();
    assert!(scene.text().contains("image changed"), "{}", scene.text());
    scene.converge();
    assert_ne!(id(&mut scene), before);
}

#[test]
fn one_that_is_built_for_another_service_is_followed() {
    let services = [runs("assets", &[]).built(), web("gold-assets")];
    let mut scene = Scene::running(services);
    let before = id(&mut scene);
    scene
        .sources
        .contexts
        .insert("gold-assets".to_owned(), "tree-2".to_owned());
    assert!(is_after(&scene.plan(), "gold-assets"), "{}", scene.text());
    // One round does it: nobody waits for what is out of date.
    scene.execute(&scene.plan());
    assert_ne!(id(&mut scene), before);
    scene.converge();
}

#[test]
fn another_reference_is_another_configuration() {
    let mut scene = Scene::running([web("tool:1")]);
    scene.edit("web", |edited| edited.mounts = web("tool:2").mounts);
    assert!(scene.text().contains("its configuration changed"));
    assert!(is_after(&scene.plan(), "tool:2"), "{}", scene.text());
    scene.converge();
}

#[test]
fn an_image_is_pulled_for_the_platform_that_its_service_names() {
    let mut db = runs("db", &[]);
    db.container.platform = Some("linux/arm64".to_owned());
    let scene = Scene::of([db, web("tool:1")]);
    let operations = scene.plan().operations.into_iter();
    let platforms = operations.filter_map(|operation| match operation.action {
        Action::PullImage {
            reference,
            platform,
            ..
        } => Some((reference, platform)),
        _ => None,
    });
    let mut platforms: Vec<_> = platforms.collect();
    platforms.sort();
    let of = |image: &str, platform: Option<&str>| (image.to_owned(), platform.map(str::to_owned));
    let expected = [
        of("db:1", Some("linux/arm64")),
        of("tool:1", None),
        of("web:1", None),
    ];
    assert_eq!(platforms, expected);
}
