use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};

use dev::engine::event::FailureClass;
use dev::plan::desired::NetworkAttachment;
use dev::runtime::docker::{ChangeKind, ContainerAction, ExecSpec, Look};

use crate::sandbox::{IMAGE, Sandbox, soon};

#[tokio::test]
async fn only_what_was_asked_for_is_seen() {
    let sandbox = Sandbox::new("asked").await;
    let other = Sandbox::new("other").await;
    sandbox.create(&sandbox.idle("api")).await;
    other.create(&other.idle("api")).await;
    let mut once = sandbox.idle("once");
    once.labels
        .push(("com.docker.compose.oneoff".into(), "True".into()));
    sandbox.create(&once).await;
    let theirs = other.network("default", "x").await.network;
    sandbox.network("default", "x").await;
    let volume = format!("{}_data", other.project);
    other
        .docker
        .create_volume(
            &volume,
            "c",
            &dev::stack::VolumeOptions::default(),
            &other.labels("")[..1],
        )
        .await
        .unwrap();

    let found = sandbox
        .docker
        .look(&Look {
            project: sandbox.project.clone(),
            images: vec![
                IMAGE.into(),
                IMAGE.into(),
                "dev.local/devtest-nothing".into(),
            ],
            networks: vec![theirs.clone(), "devtest-nothing".into()],
            volumes: vec![volume.clone(), "devtest-nothing".into()],
        })
        .await
        .unwrap();
    assert_eq!(found.containers.len(), 1);
    let networks: Vec<(&String, bool)> = found.networks.iter().map(|(n, o)| (n, o.ours)).collect();
    let ours = format!("{}_default", sandbox.project);
    let mut expected = vec![(&ours, true), (&theirs, false)];
    expected.sort();
    assert_eq!(networks, expected);
    assert_eq!(found.volumes.len(), 1);
    assert!(!found.volumes[&volume].ours);
    assert_eq!(found.images.keys().collect::<Vec<_>>(), [IMAGE]);
    assert!(found.images[IMAGE].id.starts_with("sha256:"));
}

#[tokio::test]
async fn a_container_that_goes_away_meanwhile_is_left_out() {
    let sandbox = Sandbox::new("vanish").await;
    let ids: Vec<String> = stream::iter(0..6)
        .map(|i| {
            let spec = sandbox.spec(&format!("s{i}"), "true");
            let sandbox = &sandbox;
            async move { sandbox.create(&spec).await }
        })
        .buffered(3)
        .collect()
        .await;
    let removing = async {
        for id in &ids {
            sandbox.docker.remove(id, true, true).await.unwrap();
        }
    };
    let looking = async {
        for _ in 0..30 {
            sandbox.look().await;
        }
    };
    tokio::join!(removing, looking);
    assert!(sandbox.look().await.containers.is_empty());
}

/// Printed, never asserted as a time: machines differ.
#[tokio::test]
async fn a_look_is_quick() {
    let sandbox = Sandbox::new("speed").await;
    for count in [3, 40] {
        let have = sandbox.look().await.containers.len();
        let create = stream::iter(have..count).map(|i| {
            let spec = sandbox.spec(&format!("s{i}"), "true");
            let sandbox = &sandbox;
            async move { sandbox.docker.create_container(&spec, IMAGE).await }
        });
        let _: Vec<String> = create.buffer_unordered(4).try_collect().await.unwrap();
        let ask = Look {
            images: vec![IMAGE.into()],
            ..sandbox.ask()
        };
        let mut times = Vec::new();
        for _ in 0..20 {
            let begin = Instant::now();
            let found = sandbox.docker.look(&ask).await.unwrap();
            times.push(begin.elapsed());
            assert_eq!(found.containers.len(), count);
        }
        times.sort();
        println!(
            "a look at {count} containers: median {:?}, worst {:?}",
            times[10], times[19]
        );
    }
}

#[tokio::test]
async fn the_engine_describes_itself() {
    let sandbox = Sandbox::new("info").await;
    let info = sandbox.docker.info().await.unwrap();
    println!("{info:?}");
    assert!(!info.engine_version.is_empty());
    assert_eq!(info.api_version, sandbox.docker.version());
    if info.routable {
        let network = sandbox.network("default", "api").await;
        let mut spec = sandbox.spec("api", "exec httpd -f -p 7000");
        spec.networks = vec![network];
        sandbox.run(&spec).await;
        let address = *sandbox.only().await.addresses.values().next().unwrap();
        let connecting = async {
            while tokio::net::TcpStream::connect((address, 7000))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("the container at its own address", connecting).await;
    }
}

#[tokio::test]
async fn changes_arrive_and_execs_do_not() {
    let sandbox = Sandbox::new("events").await;
    let other = Sandbox::new("events-other").await;
    let since = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    let mut events = sandbox
        .docker
        .events(&sandbox.project, since)
        .await
        .unwrap();
    let script = "trap 'exit 3' TERM; while :; do sleep 0.05; done";
    let id = sandbox.run(&sandbox.spec("api", script)).await;
    other.run(&other.spec("api", "true")).await;
    for _ in 0..3 {
        let spec = ExecSpec::new(["true"]);
        sandbox
            .docker
            .exec(&id, &spec, None, Duration::from_secs(10))
            .await
            .unwrap();
    }
    sandbox
        .docker
        .stop(&id, None, Duration::from_secs(5))
        .await
        .unwrap();
    sandbox.docker.remove(&id, true, true).await.unwrap();
    let network = sandbox.network("default", "api").await.network;

    let mut seen = Vec::new();
    let mut networks = Vec::new();
    while networks.is_empty() || !seen.contains(&ContainerAction::Destroy) {
        let change = soon("a change", events.next()).await.unwrap().unwrap();
        match change.kind {
            ChangeKind::Container {
                id: of,
                service,
                action,
            } => {
                assert_eq!((of.as_str(), service.as_str()), (id.as_str(), "api"));
                seen.push(action);
            }
            ChangeKind::Network { name } if name == network => networks.push(name),
            _ => {}
        }
    }
    // Which of the two an engine tells first is left to chance.
    let end = seen
        .iter()
        .position(|action| matches!(action, ContainerAction::Die { .. }));
    let stop = seen
        .iter()
        .position(|action| matches!(action, ContainerAction::Stop { .. }));
    if let (Some(end), Some(stop)) = (end, stop)
        && stop + 1 == end
    {
        seen.swap(stop, end);
    }
    assert_eq!(
        seen,
        [
            ContainerAction::Create,
            ContainerAction::Start,
            ContainerAction::Kill {
                signal: "15".into()
            },
            ContainerAction::Die { code: 3 },
            ContainerAction::Stop { index: 1 },
            ContainerAction::Destroy,
        ]
    );
}

#[tokio::test]
async fn of_two_networks_with_one_name_the_used_one_counts() {
    let sandbox = Sandbox::new("twins").await;
    let labels = sandbox.labels("");
    let name = format!("{}_default", sandbox.project);
    // Without the question before: as a call does that overlaps with another.
    let create = || async {
        let request = bollard::models::NetworkCreateRequest {
            name: name.clone(),
            labels: Some(labels[..1].iter().cloned().collect()),
            ..Default::default()
        };
        sandbox.docker.client().create_network(request).await
    };
    let used = create().await.unwrap().id;
    let mut spec = sandbox.idle("api");
    spec.networks = vec![NetworkAttachment {
        network: name.clone(),
        aliases: vec!["api".to_owned()],
        endpoint: dev::stack::Endpoint::default(),
        links: Vec::new(),
    }];
    sandbox.run(&spec).await;
    if let Err(error) = create().await {
        // Current engines have one of a name only.
        assert!(error.to_string().contains("already exists"), "{error}");
        return;
    }
    let found = sandbox.look().await;
    assert_eq!(found.networks.len(), 1);
    let network = &found.networks[&name];
    assert_eq!((&network.id, network.twins.len()), (&used, 1));
    let error = sandbox
        .docker
        .create_network(
            &name,
            false,
            &dev::stack::NetworkOptions::default(),
            &labels[..1],
        )
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::NameTaken);
    sandbox
        .docker
        .remove_network(&network.twins[0])
        .await
        .unwrap();
    let found = sandbox.look().await;
    let left = &found.networks[&name];
    assert_eq!(left.id, used);
    assert!(left.twins.is_empty());
}
