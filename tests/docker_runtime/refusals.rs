use dev::engine::event::FailureClass;
use dev::plan::observed::Status;

use crate::sandbox::{IMAGE, Sandbox, free_port};

#[tokio::test]
async fn a_taken_port_names_the_container_that_has_it() {
    let sandbox = Sandbox::new("port").await;
    let port = free_port();
    let mut first = sandbox.idle("first");
    first.ports = vec![sandbox.port(80, port)];
    sandbox.run(&first).await;
    let observed = sandbox.only().await;
    assert_eq!(observed.ports.len(), 1);
    assert_eq!(observed.ports[0].3, port);

    let mut second = sandbox.idle("second");
    second.ports = vec![sandbox.port(80, port)];
    let id = sandbox.create(&second).await;
    let error = sandbox.docker.start(&id).await.unwrap_err();
    assert_eq!(error.0.class, FailureClass::PortTaken);
    assert_eq!(
        error.0.message,
        format!(
            "the host port 127.0.0.1:{port} is taken by container {} of project {}",
            first.name, sandbox.project
        )
    );
    let found = sandbox.look().await;
    let second = found
        .containers
        .iter()
        .find(|c| c.service == "second")
        .unwrap();
    assert_eq!(second.status, Status::Created);
}

#[tokio::test]
async fn a_taken_port_names_the_process_that_has_it() {
    let sandbox = Sandbox::new("process").await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut spec = sandbox.idle("api");
    spec.ports = vec![sandbox.port(80, port)];
    let id = sandbox.create(&spec).await;
    let error = sandbox.docker.start(&id).await.unwrap_err();
    assert_eq!(error.0.class, FailureClass::PortTaken);
    assert!(
        error
            .0
            .message
            .ends_with(&format!("(pid {})", std::process::id())),
        "{error}"
    );
}

#[tokio::test]
async fn missing_images_and_taken_names_have_their_class() {
    let sandbox = Sandbox::new("classes").await;
    let spec = sandbox.idle("api");
    let missing = "dev.local/devtest-nothing:latest";
    let error = sandbox
        .docker
        .create_container(&spec, missing)
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::ImageMissing, "{:?}", error.0);

    sandbox.create(&spec).await;
    let error = sandbox
        .docker
        .create_container(&spec, IMAGE)
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::NameTaken, "{:?}", error.0);
    assert!(
        error
            .0
            .message
            .contains(&format!("project {} has one", sandbox.project))
    );

    let network = sandbox.network("default", "api").await;
    let again = async |project: &str| {
        let labels = [("com.docker.compose.project".to_owned(), project.to_owned())];
        let options = dev::stack::NetworkOptions::default();
        let docker = &sandbox.docker;
        docker
            .create_network(&network.network, false, &options, &labels)
            .await
    };
    let other = again("another").await.unwrap_err();
    assert_eq!(other.0.class, FailureClass::NameTaken);
    // A killed `dev` may have made it after the next one looked.
    again(&sandbox.project).await.unwrap();

    let mut nonsense = sandbox.idle("nonsense");
    nonsense.entrypoint = Some(vec![dev::stack::resolve::Value {
        text: "/no/such/program".into(),
        secret: false,
    }]);
    let id = sandbox.create(&nonsense).await;
    let error = sandbox.docker.start(&id).await.unwrap_err();
    assert_eq!(error.0.class, FailureClass::Other);
    assert!(
        error.0.help.unwrap().contains("entrypoint"),
        "{}",
        error.0.message
    );
}

#[tokio::test]
async fn a_failed_attachment_leaves_nothing_behind() {
    let sandbox = Sandbox::new("halfway").await;
    let mut spec = sandbox.idle("api");
    let mut missing = sandbox.network("a", "api").await;
    spec.networks = vec![missing.clone()];
    missing.network = format!("{}_missing", sandbox.project);
    spec.networks.push(missing);
    let outcome = match sandbox.docker.create_container(&spec, IMAGE).await {
        Err(error) => Err(error),
        // Engines that take all networks at once find out at the start.
        Ok(id) => sandbox.docker.start(&id).await,
    };
    assert!(outcome.unwrap_err().0.message.contains("_missing"));
}
