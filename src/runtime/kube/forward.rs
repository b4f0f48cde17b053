//! A port of this machine that leads to a service's pods.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::kube::api::{Api, ListParams};
use k8s_openapi::api::core::v1::Pod;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::look::ours;
use super::pod_seen::pod_seen;
use super::{Kube, PodSeen};
use crate::engine::event::FailureClass;
use crate::promote::NAME;
use crate::runtime::RuntimeError;

/// Why a connection came to nothing is told at its end.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A port of loopback, listening.
pub struct Forward {
    kube: Kube,
    target: Arc<Target>,
    listener: TcpListener,
}

/// Whose port it is.
#[derive(Debug, Clone)]
pub struct Target {
    /// Of the stack, on the cluster.
    pub stack: String,
    pub namespace: String,
    /// On the cluster.
    pub service: String,
    pub port: u16,
}

impl Kube {
    /// Listens on loopback: on the port's own number where that is free, else on another.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn forward(&self, target: Target) -> Result<Forward, RuntimeError> {
        let at = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = match at(target.port).await {
            Ok(listener) => Ok(listener),
            Err(_) => at(0).await,
        };
        let listener = listener.map_err(|error| {
            let message = format!("cannot listen on 127.0.0.1: {error}");
            RuntimeError::new(FailureClass::PortTaken, message)
        })?;
        Ok(Forward {
            kube: self.clone(),
            target: Arc::new(target),
            listener,
        })
    }
}

impl Forward {
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Forwards until it is dropped. `tell` hears why a connection came to nothing.
    pub async fn run(self, tell: impl Fn(&str)) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => if let Ok((socket, _)) = accepted {
                    let (kube, target) = (self.kube.clone(), Arc::clone(&self.target));
                    connections.spawn(async move { kube.carry(&target, socket).await });
                },
                Some(ended) = connections.join_next() => if let Ok(Err(error)) = ended {
                    tell(&error.to_string());
                },
            }
        }
    }
}

impl Kube {
    /// One connection, to a pod that is ready now: those of before may be gone.
    async fn carry(&self, target: &Target, mut socket: TcpStream) -> Result<(), RuntimeError> {
        let which = format!("{},{NAME}={}", ours(&target.stack), target.service);
        let which = ListParams::default().labels(&which);
        let pods = self.listed::<Pod>(&target.namespace, &which).await?;
        let pods = pods
            .iter()
            .map(|pod| pod_seen(&target.service, pod, true, &[]));
        let pods: Vec<PodSeen> = pods.filter(|pod| !pod.ending).collect();
        let pod = pods
            .iter()
            .find(|pod| pod.ready.is_some())
            .or_else(|| pods.iter().find(|pod| pod.runs()));
        let Some(pod) = pod else {
            return Err(RuntimeError::new(
                FailureClass::Other,
                format!("no pod of `{}` runs", target.service),
            ));
        };
        let api: Api<Pod> = Api::namespaced(self.patient.clone(), &target.namespace);
        let what = format!("cannot reach port {} of {}", target.port, pod.name);
        let mut forwarder = api
            .portforward(&pod.name, &[target.port])
            .await
            .map_err(|error| self.failed(&what, &error))?;
        let Some(mut stream) = forwarder.take_stream(target.port) else {
            return Ok(());
        };
        let refused = forwarder.take_error(target.port);
        // Either side may hang up whenever it likes.
        let _hung_up = tokio::io::copy_bidirectional(&mut socket, &mut stream).await;
        drop(stream);
        let refused = match refused {
            Some(refused) => tokio::time::timeout(LAST_WORD, refused)
                .await
                .ok()
                .flatten(),
            None => None,
        };
        match refused {
            Some(why) => Err(RuntimeError::new(
                FailureClass::Other,
                format!("{what}: {why}"),
            )),
            None => Ok(()),
        }
    }
}
