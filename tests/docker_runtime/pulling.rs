use camino::Utf8PathBuf;
use dev::engine::event::FailureClass;
use dev::runtime::Environment;
use dev::runtime::docker::{Docker, Look};

use crate::registry::{LOGIN, Registry};
use crate::sandbox::{Sandbox, soon};

/// A connection with Docker's configuration file in `dir`.
async fn docker_with(dir: &Utf8PathBuf) -> Docker {
    let mut environment = Environment::of_process();
    environment
        .variables
        .insert("DOCKER_CONFIG".to_owned(), dir.to_string());
    Docker::connect(&environment).await.unwrap()
}

#[tokio::test]
async fn an_image_is_pulled_with_credentials() {
    let sandbox = Sandbox::new("pull").await;
    let registry = Registry::start(&sandbox.project).await;
    let reference = format!("{}/{}:1", registry.address, sandbox.project);
    let keep = tempfile::tempdir().unwrap();
    let dir = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();

    let stranger = docker_with(&dir).await;
    let error = soon("an answer", stranger.pull(&reference, None, None))
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::ImageMissing);
    assert!(
        error.0.help.unwrap().contains("docker login"),
        "{}",
        error.0.message
    );

    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{LOGIN}"}}}}}}"#,
        registry.address
    );
    std::fs::write(dir.join("config.json"), config).unwrap();
    let docker = docker_with(&dir).await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
    let id = soon("the image", docker.pull(&reference, None, Some(&sender)))
        .await
        .unwrap();
    drop(sender);
    let mut last = None;
    while let Some(progress) = receiver.recv().await {
        last = Some(progress);
    }
    let last = last.expect("progress");
    assert_eq!(
        (last.text.as_str(), last.done),
        ("unpacking, 1 of 1 layers", last.total)
    );

    let ask = Look {
        images: vec![reference.clone()],
        ..sandbox.ask()
    };
    let found = docker.look(&ask).await.unwrap();
    let image = &found.images[&reference];
    assert_eq!(image.id, id);
    assert_eq!(image.healthcheck.as_ref().unwrap().test, ["CMD", "true"]);

    let absent = format!("{}/{}:2", registry.address, sandbox.project);
    let error = soon("an answer", docker.pull(&absent, None, None))
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::ImageMissing, "{:?}", error.0);

    docker.remove_image(&reference).await.unwrap();
    docker
        .remove_image(&reference)
        .await
        .expect("removed twice is removed");
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_said_to_be() {
    let sandbox = Sandbox::new("unreachable").await;
    // Nothing listens on port 1.
    let pulling = sandbox.docker.pull("127.0.0.1:1/nothing:1", None, None);
    let error = soon("an answer", pulling).await.unwrap_err();
    assert_eq!(error.0.class, FailureClass::ImageMissing, "{:?}", error.0);
    assert!(
        error.0.help.unwrap().contains("cannot be reached"),
        "{}",
        error.0.message
    );
}
