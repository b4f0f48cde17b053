use std::time::{Duration, Instant};

use dev::engine::event::FailureClass;
use dev::plan::desired::MountSpec;
use dev::plan::observed::Status;
use dev::runtime::docker::ExecSpec;
use dev::stack::{Mount, Restart};

use crate::sandbox::Sandbox;

#[tokio::test]
async fn a_container_lives_through_all_operations() {
    let sandbox = Sandbox::new("life").await;
    let docker = &sandbox.docker;
    let id = sandbox.create(&sandbox.idle("api")).await;
    let created = sandbox.only().await;
    assert_eq!(created.status, Status::Created);
    assert_eq!(created.config.as_deref(), Some("hash-api"));
    assert_eq!(
        (created.id.as_str(), created.service.as_str()),
        (id.as_str(), "api")
    );

    docker.start(&id).await.unwrap();
    docker.start(&id).await.expect("started twice is started");
    let running = sandbox.only().await;
    assert_eq!(running.status, Status::Running);
    assert_ne!(running.started_at, created.started_at);

    docker.client().pause_container(&id).await.unwrap();
    assert_eq!(sandbox.only().await.status, Status::Paused);
    docker.unpause(&id).await.unwrap();
    assert_eq!(sandbox.only().await.status, Status::Running);

    docker
        .stop(&id, None, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(
        sandbox.only().await.status,
        Status::Exited {
            code: 0,
            out_of_memory: false
        }
    );
    docker
        .stop(&id, None, Duration::from_secs(5))
        .await
        .expect("stopped twice is stopped");

    docker.remove(&id, false, false).await.unwrap();
    assert!(sandbox.look().await.containers.is_empty());
    docker
        .remove(&id, false, false)
        .await
        .expect("removed twice is removed");
    docker
        .stop(&id, None, Duration::ZERO)
        .await
        .expect("what is gone is stopped");
}

#[tokio::test]
async fn a_stop_takes_its_own_signal_and_its_time() {
    let sandbox = Sandbox::new("signal").await;
    let script = "trap 'exit 7' USR1; trap '' TERM; echo up; while :; do sleep 0.05; done";
    let id = sandbox.run(&sandbox.spec("api", script)).await;
    let up = ["sh", "-c", "kill -0 1"];
    let output = sandbox
        .docker
        .exec(&id, &ExecSpec::new(up), None, Duration::from_secs(10))
        .await;
    assert!(output.unwrap().success());
    sandbox.until("the trap to be set", |_| true).await;
    wait_for_line(&sandbox, &id).await;
    sandbox
        .docker
        .stop(&id, Some("USR1"), Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(
        sandbox.only().await.status,
        Status::Exited {
            code: 7,
            out_of_memory: false
        }
    );

    sandbox.docker.start(&id).await.unwrap();
    let begin = Instant::now();
    sandbox
        .docker
        .stop(&id, None, Duration::from_secs(1))
        .await
        .unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "killed after its grace"
    );
    assert_eq!(
        sandbox.only().await.status,
        Status::Exited {
            code: 137,
            out_of_memory: false
        }
    );
}

async fn wait_for_line(sandbox: &Sandbox, id: &str) {
    use futures_util::StreamExt;
    let options = dev::runtime::docker::LogOptions {
        follow: true,
        ..Default::default()
    };
    let mut logs = sandbox.docker.logs(id, &options).await.unwrap();
    crate::sandbox::soon("a line", logs.next())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_paused_container_can_be_stopped_and_removed() {
    let sandbox = Sandbox::new("paused").await;
    let id = sandbox.run(&sandbox.idle("api")).await;
    sandbox.docker.client().pause_container(&id).await.unwrap();
    sandbox
        .docker
        .stop(&id, None, Duration::from_secs(1))
        .await
        .unwrap();
    assert!(!sandbox.only().await.is_running());
    sandbox.docker.remove(&id, true, false).await.unwrap();
}

#[tokio::test]
async fn a_container_is_on_all_its_networks_under_its_aliases() {
    let sandbox = Sandbox::new("networks").await;
    let networks = [
        sandbox.network("a", "db").await,
        sandbox.network("b", "store").await,
    ];
    let mut spec = sandbox.idle("db");
    spec.networks = networks.to_vec();
    sandbox.run(&spec).await;
    let observed = sandbox.only().await;
    assert_eq!(observed.addresses.len(), 2, "{observed:?}");
    assert!(observed.config.is_some());

    for (network, alias) in [(&networks[0], "db"), (&networks[1], "store")] {
        let mut asker = sandbox.idle(alias);
        asker.name += "-asker";
        asker.service = format!("{alias}-asker");
        asker.labels = sandbox.labels(&asker.service);
        asker.networks = vec![network.clone()];
        asker.networks[0].aliases.clear();
        let id = sandbox.run(&asker).await;
        let ask = ExecSpec::new(["ping", "-c", "1", alias]);
        let output = sandbox
            .docker
            .exec(&id, &ask, None, Duration::from_secs(10))
            .await
            .unwrap();
        assert!(
            output.success(),
            "{alias}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let host = ExecSpec::new(["ping", "-c", "1", "host.docker.internal"]);
        let output = sandbox
            .docker
            .exec(&id, &host, None, Duration::from_secs(10))
            .await
            .unwrap();
        assert!(
            output.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    // A network that somebody takes away makes it differ from what it should be.
    let disconnect = bollard::models::NetworkDisconnectRequest {
        container: observed.id.clone(),
        force: Some(true),
    };
    sandbox
        .docker
        .client()
        .disconnect_network(&networks[1].network, disconnect)
        .await
        .unwrap();
    let found = sandbox.look().await;
    let db = found
        .containers
        .iter()
        .find(|c| c.id == observed.id)
        .unwrap();
    assert_eq!(db.config, None);
}

#[tokio::test]
async fn the_restart_policy_changes_live() {
    let sandbox = Sandbox::new("policy").await;
    let id = sandbox.run(&sandbox.idle("api")).await;
    let before = sandbox.only().await;
    assert_eq!(before.restart_policy, "no");
    sandbox
        .docker
        .set_restart_policy(&id, Restart::UnlessStopped)
        .await
        .unwrap();
    let after = sandbox.only().await;
    assert_eq!(after.restart_policy, "unless-stopped");
    assert_eq!(after.generation(), before.generation());
    sandbox
        .docker
        .set_restart_policy(&id, Restart::OnFailure { max: Some(3) })
        .await
        .unwrap();
    assert_eq!(sandbox.only().await.restart_policy, "on-failure");
    sandbox
        .docker
        .set_restart_policy(&id, Restart::No)
        .await
        .unwrap();
    assert_eq!(sandbox.only().await.restart_policy, "no");
}

#[tokio::test]
async fn volumes_outlive_containers_and_know_when_they_are_new() {
    let sandbox = Sandbox::new("volume").await;
    let name = format!("{}_data", sandbox.project);
    let labels = sandbox.labels("");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("made/for/it");
    sandbox
        .docker
        .create_volume(
            &name,
            "first",
            &dev::stack::VolumeOptions::default(),
            &labels[..1],
        )
        .await
        .unwrap();
    sandbox
        .docker
        .create_volume(
            &name,
            "second",
            &dev::stack::VolumeOptions::default(),
            &labels[..1],
        )
        .await
        .unwrap();
    let mut spec = sandbox.spec("api", "echo hello > /data/file && echo hello > /bind/file");
    spec.mounts = vec![
        MountSpec {
            mount: Mount::Volume {
                key: "data".into(),
                target: "/data".into(),
                read_only: false,
            },
            volume: Some(name.clone()),
        },
        MountSpec {
            mount: Mount::Bind {
                source: camino::Utf8PathBuf::from_path_buf(source.clone()).unwrap(),
                target: "/bind".into(),
                read_only: false,
            },
            volume: None,
        },
    ];
    let id = sandbox.run(&spec).await;
    sandbox
        .until("the job to end", |found| {
            found.containers[0].status
                == Status::Exited {
                    code: 0,
                    out_of_memory: false,
                }
        })
        .await;
    assert!(source.join("file").exists());
    let error = sandbox.docker.remove_volume(&name).await.unwrap_err();
    assert_eq!(error.0.class, FailureClass::Other, "in use: {error}");
    sandbox.docker.remove(&id, true, true).await.unwrap();
    let found = sandbox.look().await;
    assert!(found.volumes[&name].ours);
    assert_eq!(found.volumes[&name].created, "first");
    sandbox.docker.remove_volume(&name).await.unwrap();
    sandbox
        .docker
        .remove_volume(&name)
        .await
        .expect("removed twice is removed");
    sandbox
        .docker
        .create_volume(
            &name,
            "third",
            &dev::stack::VolumeOptions::default(),
            &labels[..1],
        )
        .await
        .unwrap();
    assert_eq!(sandbox.look().await.volumes[&name].created, "third");
}

#[tokio::test]
async fn files_go_in_and_come_out() {
    let sandbox = Sandbox::new("archive").await;
    let id = sandbox.create(&sandbox.idle("api")).await;
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    header.set_cksum();
    builder
        .append_data(&mut header, "greeting.txt", &b"hello"[..])
        .unwrap();
    let archive = builder.into_inner().unwrap();
    sandbox
        .docker
        .put_archive(&id, "/tmp", archive.into())
        .await
        .unwrap();
    let back = sandbox
        .docker
        .get_archive(&id, "/tmp/greeting.txt")
        .await
        .unwrap();
    let mut archive = tar::Archive::new(back.as_slice());
    let mut text = String::new();
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
    assert_eq!(text, "hello");
    let error = sandbox
        .docker
        .put_archive(&id, "/nowhere", Vec::new().into())
        .await
        .unwrap_err();
    assert_eq!(error.0.class, FailureClass::Other);
}
