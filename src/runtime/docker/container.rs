//! Containers: each operation of a plan as one call.

use std::time::Duration;

use bollard::models::{ContainerUpdateBody, NetworkConnectRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    RenameContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;

use super::bind_source;
use super::call::{CHANGE, QUICK, call, within};
use super::classify::{class_of, failure};
use super::create::{self, Engine, seconds};
use super::fault::Fault;
use super::version::ApiVersion;
use super::{Address, Docker};
use crate::engine::event::FailureClass;
use crate::plan::desired::{ContainerSpec, LABEL_PROJECT, NetworkAttachment};
use crate::runtime::RuntimeError;
use crate::stack::{Mount, Restart};

/// What an engine may take beyond the grace of a stop.
const STOP_MARGIN: Duration = Duration::from_secs(10);
/// From here on, a stop takes its signal along.
const STOP_SIGNAL: ApiVersion = ApiVersion::new(1, 42);
/// How long an engine may take to make a container whose name it keeps already. A busy one needs several seconds.
const MADE: Duration = Duration::from_secs(30);
/// Pause between looks while somebody else's removal, or making, goes on.
const POLL: Duration = Duration::from_millis(50);

impl Docker {
    /// Creates a container, on all its networks, with restart policy `no`. Returns its id. Nothing stays behind when
    /// it fails halfway.
    ///
    /// # Errors
    /// `NameTaken`, which names whose it is; `ImageMissing`; `DiskFull`; `Other`.
    pub async fn create_container(
        &self,
        spec: &ContainerSpec,
        image: &str,
    ) -> Result<String, RuntimeError> {
        let what = format!("create container {}", spec.name);
        self.prepare_bind_sources(spec)?;
        self.names_devices(spec)?;
        let mounted = self.mounted_images(spec, &what).await?;
        self.mounts_read_only_below(spec)?;
        let engine = Engine {
            version: self.version(),
            podman: self.is_podman(),
        };
        let (mut body, later) = create::body(spec, image, engine);
        body.labels
            .get_or_insert_default()
            .extend(self.owner_label().chain(mounted));
        let socket_files = self.hand_over_socket(spec, &mut body).await?;
        self.inherit(spec, &mut body).await;
        if self.means(&spec.image, image).await {
            body.image = Some(spec.image.clone());
        }
        let mut options = CreateContainerOptionsBuilder::new().name(&spec.name);
        if let Some(platform) = &spec.options.given.platform {
            options = options.platform(platform);
        }
        let options = options.build();
        let created = self.client().create_container(Some(options), body);
        let id = match within(CHANGE, created).await {
            Ok(created) => created.id,
            Err(fault) => return Err(self.explain_create(&what, &spec.name, &fault).await),
        };
        let completed = async {
            self.attach_later(&what, &id, later).await?;
            self.put_given(&id, &spec.options.files).await?;
            self.put_given(&id, &socket_files).await
        };
        if let Err(error) = completed.await {
            let _ = self.remove(&id, true, true).await;
            return Err(error);
        }
        Ok(id)
    }

    /// The networks that an engine does not take with the creation.
    pub(super) async fn attach_later(
        &self,
        what: &str,
        id: &str,
        networks: &[NetworkAttachment],
    ) -> Result<(), RuntimeError> {
        for network in networks {
            let request = NetworkConnectRequest {
                container: id.to_owned(),
                endpoint_config: Some(create::endpoint(network)),
            };
            let connect = self.client().connect_network(&network.network, request);
            let what = format!("{what}: attach it to network {}", network.network);
            call(&what, CHANGE, connect).await?;
        }
        Ok(())
    }

    /// An engine that does not know how to call a device says nothing of it.
    fn names_devices(&self, spec: &ContainerSpec) -> Result<(), RuntimeError> {
        let mut networks = spec.networks.iter();
        let Some(name) = networks.find_map(|on| on.endpoint.interface.as_ref()) else {
            return Ok(());
        };
        if self.version() >= create::INTERFACE_NAME {
            return Ok(());
        }
        let message = format!(
            "cannot create container {}: this engine does not take `interface_name: {name}`",
            spec.name
        );
        let help = format!(
            "it speaks API {}; Docker Engine 28.1 (API {}) and later can; without `interface_name` the devices are eth0, eth1 …",
            self.version(),
            create::INTERFACE_NAME
        );
        Err(RuntimeError::new(FailureClass::Other, message).help(help))
    }

    /// An engine that mounts nothing so says nothing of it.
    fn mounts_read_only_below(&self, spec: &ContainerSpec) -> Result<(), RuntimeError> {
        let mut given = spec.options.given.mounts.iter();
        let Some((target, _)) = given.find(|(_, options)| options.read_only_below) else {
            return Ok(());
        };
        if self.version() >= create::READ_ONLY_BELOW {
            return Ok(());
        }
        let message = format!(
            "cannot create container {}: this engine mounts nothing at {target} that is read-only with all below it (`recursive: readonly`)",
            spec.name
        );
        let help = format!(
            "it speaks API {}; Docker Engine 25 (API {}) and later can; `recursive: writable` is what it does",
            self.version(),
            create::READ_ONLY_BELOW
        );
        Err(RuntimeError::new(FailureClass::Other, message).help(help))
    }

    /// Not for an engine elsewhere, whose files are not ours.
    fn prepare_bind_sources(&self, spec: &ContainerSpec) -> Result<(), RuntimeError> {
        if !matches!(self.address(), Address::Unix(_)) {
            return Ok(());
        }
        for mount in &spec.mounts {
            if let Mount::Bind { source, target, .. } = &mount.mount {
                let options = spec.options.given.mounts.get(target);
                if options.is_some_and(|options| options.must_exist) {
                    bind_source::require(source, target, &spec.service)?;
                }
                bind_source::prepare(source, target, &spec.service)?;
            }
        }
        Ok(())
    }

    async fn explain_create(&self, what: &str, name: &str, fault: &Fault) -> RuntimeError {
        let mut error = failure(what, fault);
        if error.0.class == FailureClass::NameTaken {
            error.0.message = match self.owner_of(name).await {
                Some(Some(project)) => {
                    format!("cannot {what}: project {project} has one of that name")
                }
                Some(None) => format!("cannot {what}: there is one of that name, of no project"),
                None => format!(
                    "cannot {what}: the engine keeps the name for one that it has not made in {} s",
                    MADE.as_secs()
                ),
            };
        }
        error
    }

    /// The project of the container that has a name. An engine that makes one keeps its name before anybody can see it, and goes
    /// on with that when whoever asked was killed: it is waited for, so that the next look sees it.
    async fn owner_of(&self, name: &str) -> Option<Option<String>> {
        let seen = async {
            loop {
                match within(QUICK, self.client().inspect_container(name, None)).await {
                    Ok(found) => {
                        let labels = found.config.and_then(|config| config.labels);
                        return labels.and_then(|mut labels| labels.remove(LABEL_PROJECT));
                    }
                    Err(_) => tokio::time::sleep(POLL).await,
                }
            }
        };
        tokio::time::timeout(MADE, seen).await.ok()
    }

    /// Starts a container; one that runs already is started.
    ///
    /// # Errors
    /// `PortTaken`, which names who has the port; the container stays created then. `Other` when its program cannot
    /// be run.
    pub async fn start(&self, id: &str) -> Result<(), RuntimeError> {
        match within(CHANGE, self.client().start_container(id, None)).await {
            Ok(()) => Ok(()),
            Err(fault) => {
                let error = failure(&format!("start container {}", short(id)), &fault);
                if error.0.class == FailureClass::PortTaken {
                    return Err(self.name_port_owner(id, error, &fault).await);
                }
                Err(error)
            }
        }
    }

    /// Asks a container to end, and ends it after `grace`. One that does not run, or is gone, is stopped already.
    /// `signal`: instead of the container's own.
    ///
    /// # Errors
    /// `Engine` when it still runs 10 seconds after the grace.
    pub async fn stop(
        &self,
        id: &str,
        signal: Option<&str>,
        grace: Duration,
    ) -> Result<(), RuntimeError> {
        let limit = grace + STOP_MARGIN;
        let what = format!("stop container {}", short(id));
        let stopping = async {
            let mut options = StopContainerOptionsBuilder::new();
            match signal {
                Some(signal) if self.version() >= STOP_SIGNAL => {
                    options = options.signal(signal).t(seconds(grace));
                }
                Some(signal) => {
                    self.signal_and_wait(id, signal, grace).await?;
                    options = options.t(0);
                }
                None => options = options.t(seconds(grace)),
            }
            within(
                limit,
                self.client().stop_container(id, Some(options.build())),
            )
            .await
        };
        let stopped = tokio::time::timeout(limit + STOP_MARGIN, stopping);
        gone_is_done(stopped.await.unwrap_or(Err(Fault::Late)))
            .map_err(|fault| failure(&what, &fault))
    }

    /// For engines whose stop call takes no signal.
    async fn signal_and_wait(&self, id: &str, signal: &str, grace: Duration) -> Result<(), Fault> {
        match within(QUICK, self.kill_call(id, signal)).await {
            Ok(()) => {}
            // It does not run: there is nothing to wait for.
            Err(Fault::Answer { status: 409, .. }) => return Ok(()),
            Err(fault) => return Err(fault),
        }
        let options = WaitContainerOptionsBuilder::new()
            .condition("not-running")
            .build();
        let mut ended = self.client().wait_container(id, Some(options));
        // However it ends: what follows looks again.
        let _ = tokio::time::timeout(grace, ended.next()).await;
        Ok(())
    }

    async fn kill_call(&self, id: &str, signal: &str) -> Result<(), bollard::errors::Error> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        self.client().kill_container(id, Some(options)).await
    }

    /// Sends a signal (`HUP`, `SIGHUP`) to a container's first process.
    ///
    /// # Errors
    /// `Other` when it does not run or is gone.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), RuntimeError> {
        let what = format!("send {signal} to container {}", short(id));
        call(&what, CHANGE, self.kill_call(id, signal)).await
    }

    /// Removes a container; one that is gone, or being removed by someone else, is removed when this ends.
    /// `force`: even while it runs. Volumes with a name always stay; those without one stay unless
    /// `with_anonymous_volumes`.
    ///
    /// # Errors
    /// `Other` when it runs and `force` is not given.
    pub async fn remove(
        &self,
        id: &str,
        force: bool,
        with_anonymous_volumes: bool,
    ) -> Result<(), RuntimeError> {
        let what = format!("remove container {}", short(id));
        let options = RemoveContainerOptionsBuilder::new()
            .force(force)
            .v(with_anonymous_volumes)
            .build();
        let removed = within(CHANGE, self.client().remove_container(id, Some(options))).await;
        let outcome = match removed {
            Err(Fault::Answer { status: 409, words }) if words.contains("already in progress") => {
                self.until_gone(id).await
            }
            other => other,
        };
        gone_is_done(outcome).map_err(|fault| failure(&what, &fault))
    }

    async fn until_gone(&self, id: &str) -> Result<(), Fault> {
        let looking = async {
            loop {
                within(QUICK, self.client().inspect_container(id, None)).await?;
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(CHANGE, looking)
            .await
            .unwrap_or(Err(Fault::Late))
    }

    /// Gives a container another name; others on its networks find it by that then.
    ///
    /// # Errors
    /// `NameTaken`, `Other` when it is gone.
    pub async fn rename(&self, id: &str, name: &str) -> Result<(), RuntimeError> {
        let what = format!("rename container {} to {name}", short(id));
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        call(&what, CHANGE, self.client().rename_container(id, options)).await
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// `Other` when it is not paused.
    pub async fn unpause(&self, id: &str) -> Result<(), RuntimeError> {
        let what = format!("unpause container {}", short(id));
        call(&what, CHANGE, self.client().unpause_container(id)).await
    }

    /// Changes what the engine does when the container ends; live, without a restart. One that is gone needs none.
    ///
    /// # Errors
    /// `Engine`, `Other`.
    pub async fn set_restart_policy(&self, id: &str, policy: Restart) -> Result<(), RuntimeError> {
        let body = ContainerUpdateBody {
            restart_policy: Some(create::restart_policy(policy)),
            ..ContainerUpdateBody::default()
        };
        let updated = within(CHANGE, self.client().update_container(id, body)).await;
        gone_is_done(updated)
            .map_err(|fault| failure(&format!("change container {}", short(id)), &fault))
    }
}

fn gone_is_done(outcome: Result<(), Fault>) -> Result<(), Fault> {
    match outcome {
        Err(Fault::Answer { status: 404, words })
            if matches!(
                class_of(404, &words),
                FailureClass::Other | FailureClass::Engine
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// An id as people read it; a name stays whole.
pub(super) fn short(id: &str) -> &str {
    match id.get(..12) {
        Some(start) if id.len() == 64 => start,
        _ => id,
    }
}
