//! A project of its own for each test, which leaves nothing behind.

use std::time::{Duration, Instant};

use bollard::query_parameters::ListContainersOptionsBuilder;
use dev::plan::desired::{
    ContainerSpec, LABEL_NUMBER, LABEL_PROJECT, LABEL_SERVICE, NetworkAttachment, PortSpec,
};
use dev::plan::observed::{Observed, ObservedContainer};
use dev::runtime::Environment;
use dev::runtime::docker::{Docker, Look};
use dev::stack::resolve::Value;
use dev::stack::{Protocol, Restart};

pub const IMAGE: &str = "dev.local/busybox:latest";
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Sandbox {
    pub docker: Docker,
    pub project: String,
}

impl Sandbox {
    /// Fails, and says how to get one, where there is no engine or no image.
    pub async fn new(topic: &str) -> Self {
        let docker = match Docker::connect(&Environment::of_process()).await {
            Ok(docker) => docker,
            Err(error) => panic!(
                "these tests need a container engine: {}\n{:?}\nrun examples/offline/engine, or set DOCKER_HOST",
                error, error.0
            ),
        };
        assert!(
            docker.client().inspect_image(IMAGE).await.is_ok(),
            "these tests need the image {IMAGE}: run examples/offline/images"
        );
        Self {
            docker,
            project: format!("devtest-{topic}-{}", std::process::id()),
        }
    }

    pub fn labels(&self, service: &str) -> Vec<(String, String)> {
        [
            (LABEL_PROJECT, self.project.as_str()),
            (LABEL_SERVICE, service),
            (LABEL_NUMBER, "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// A container that runs `script` in a shell.
    pub fn spec(&self, service: &str, script: &str) -> ContainerSpec {
        ContainerSpec {
            service: service.to_owned(),
            index: 1,
            name: format!("{}-{service}-1", self.project),
            image: String::new(),
            job: false,
            command: Some(
                ["sh", "-c", script]
                    .map(|text| Value {
                        text: text.to_owned(),
                        secret: false,
                    })
                    .into(),
            ),
            entrypoint: None,
            env: Vec::new(),
            user: None,
            workdir: None,
            ports: Vec::new(),
            mounts: Vec::new(),
            networks: Vec::new(),
            host_network: false,
            host_pid: false,
            labels: self.labels(service),
            restart: Restart::No,
            stop_signal: None,
            stop_grace: Duration::from_secs(1),
            memory: None,
            cpu_millis: None,
            pids: None,
            hash: format!("hash-{service}"),
            options: dev::plan::desired::OptionsSpec::default(),
        }
    }

    /// A container that stays and ends at once when asked.
    pub fn idle(&self, service: &str) -> ContainerSpec {
        self.spec(
            service,
            "trap 'exit 0' TERM INT; while :; do sleep 0.05; done",
        )
    }

    pub fn port(&self, container: u16, host: u16) -> PortSpec {
        PortSpec {
            name: "main".to_owned(),
            container,
            protocol: Protocol::Tcp,
            host: Some(host),
            auto: false,
            bind: [127, 0, 0, 1].into(),
            everywhere: false,
        }
    }

    /// Creates a network of the project; its engine's name is `PROJECT_key`.
    pub async fn network(&self, key: &str, alias: &str) -> NetworkAttachment {
        let network = format!("{}_{key}", self.project);
        let labels = self.labels("");
        let labels = &labels[..1];
        self.docker
            .create_network(
                &network,
                false,
                &dev::stack::NetworkOptions::default(),
                labels,
            )
            .await
            .unwrap();
        NetworkAttachment {
            network,
            aliases: vec![alias.to_owned()],
            endpoint: dev::stack::Endpoint::default(),
            links: Vec::new(),
        }
    }

    pub async fn create(&self, spec: &ContainerSpec) -> String {
        self.docker.create_container(spec, IMAGE).await.unwrap()
    }

    pub async fn run(&self, spec: &ContainerSpec) -> String {
        let id = self.create(spec).await;
        self.docker.start(&id).await.unwrap();
        id
    }

    pub fn ask(&self) -> Look {
        Look {
            project: self.project.clone(),
            ..Look::default()
        }
    }

    pub async fn look(&self) -> Observed {
        self.docker.look(&self.ask()).await.unwrap()
    }

    pub async fn only(&self) -> ObservedContainer {
        let mut found = self.look().await.containers;
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// Looks until `holds` does.
    pub async fn until(&self, what: &str, holds: impl Fn(&Observed) -> bool) -> Observed {
        let begin = Instant::now();
        loop {
            let found = self.look().await;
            if holds(&found) {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "waited for: {what}; {found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Ends with a panic where `future` takes too long.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited for: {what}"),
    }
}

/// A port that nobody has at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let project = self.project.clone();
        // On a thread and a connection of its own: the test's runtime may be unwinding.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let docker = Docker::connect(&Environment::of_process()).await.unwrap();
                // A look leaves one-off containers out; they go as well.
                let label = format!("{LABEL_PROJECT}={project}");
                let options = ListContainersOptionsBuilder::new()
                    .all(true)
                    .filters(&[("label", vec![label])].into())
                    .build();
                let list = docker.client().list_containers(Some(options)).await;
                for container in list.unwrap() {
                    let _ = docker.remove(&container.id.unwrap(), true, true).await;
                }
                let ask = Look {
                    project,
                    ..Look::default()
                };
                let found = docker.look(&ask).await.unwrap();
                for name in found.networks.keys() {
                    let _ = docker.remove_network(name).await;
                }
                for name in found.volumes.keys() {
                    let _ = docker.remove_volume(name).await;
                }
            });
        });
        let _ = cleaning.join();
    }
}
