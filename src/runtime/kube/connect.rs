//! Which cluster is meant.

use std::time::Duration;

use ::kube::config::{KubeConfigOptions, Kubeconfig};
use ::kube::{Client, Config};
use camino::Utf8PathBuf;

use super::Kube;
use crate::engine::event::FailureClass;
use crate::runtime::{Environment, RuntimeError};
use crate::stack::alike;

/// An API server that does not take a connection within this time is none.
const CONNECT: Duration = Duration::from_secs(5);
/// No answer of ours takes longer, but for logs.
const ANSWER: Duration = Duration::from_secs(30);

impl Kube {
    /// Connects to `context`, else to the current one.
    ///
    /// # Errors
    /// `NoEngine`: there is no kubeconfig, no such context, or it cannot be used. `Engine`: nothing answers.
    pub async fn connect(
        environment: &Environment,
        context: Option<&str>,
    ) -> Result<Self, RuntimeError> {
        let file = read(environment)?;
        let known: Vec<&str> = file
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        let context = match context.or(file.current_context.as_deref()) {
            Some(name) if known.contains(&name) => name.to_owned(),
            Some(name) => return Err(unknown(name, &known)),
            None => return Err(nameless(&known)),
        };
        let options = KubeConfigOptions {
            context: Some(context.clone()),
            ..KubeConfigOptions::default()
        };
        let unusable = |error: &dyn std::fmt::Display| {
            RuntimeError::new(
                FailureClass::NoEngine,
                format!("context `{context}` cannot be used: {error}"),
            )
        };
        let mut config = Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| unusable(&error))?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(ANSWER);
        let server = config.cluster_url.to_string();
        let mut patient = config.clone();
        patient.read_timeout = None;
        let client = Client::try_from(config).map_err(|error| unusable(&error))?;
        let patient = Client::try_from(patient).map_err(|error| unusable(&error))?;
        let kube = Self {
            client,
            patient,
            context,
            server,
        };
        let version = tokio::time::timeout(CONNECT, kube.client.apiserver_version()).await;
        match version {
            Ok(Ok(_)) => Ok(kube),
            Ok(Err(error)) => Err(kube.failed("cannot connect", &error)),
            Err(_) => Err(RuntimeError::new(
                FailureClass::Engine,
                format!(
                    "the API server of context `{}` at {} does not answer within {CONNECT:?}",
                    kube.context, kube.server
                ),
            )
            .help("start the cluster, or name another context: `--context NAME`")),
        }
    }
}

/// The files of `KUBECONFIG`, or the usual one.
fn read(environment: &Environment) -> Result<Kubeconfig, RuntimeError> {
    let none = |message: String| {
        RuntimeError::new(FailureClass::NoEngine, message)
            .help("start a cluster (k3s, kind, minikube, …), or name its kubeconfig in KUBECONFIG")
    };
    let usual = || {
        environment
            .home
            .as_ref()
            .map(|home| home.join(".kube/config"))
    };
    let files: Vec<Utf8PathBuf> = match environment.get("KUBECONFIG") {
        Some(list) => list
            .split(':')
            .filter(|file| !file.is_empty())
            .map(Utf8PathBuf::from)
            .collect(),
        None => usual().into_iter().collect(),
    };
    let mut merged: Option<Kubeconfig> = None;
    for file in files.iter().filter(|file| file.is_file()) {
        let bad = |error: &dyn std::fmt::Display| none(format!("cannot read {file}: {error}"));
        let next = Kubeconfig::read_from(file).map_err(|error| bad(&error))?;
        merged = Some(match merged {
            Some(before) => before.merge(next).map_err(|error| bad(&error))?,
            None => next,
        });
    }
    merged.ok_or_else(|| {
        let looked: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
        none(format!(
            "there is no kubeconfig: looked for {}",
            looked.join(", ")
        ))
    })
}

fn unknown(name: &str, known: &[&str]) -> RuntimeError {
    let help = match alike(name, known) {
        Some(other) => format!("did you mean `{other}`?"),
        None => format!("it has: {}", known.join(", ")),
    };
    RuntimeError::new(
        FailureClass::NoEngine,
        format!("the kubeconfig has no context `{name}`"),
    )
    .help(help)
}

fn nameless(known: &[&str]) -> RuntimeError {
    let help = match known {
        [] => "it is empty: start a cluster, or name another kubeconfig in KUBECONFIG".to_owned(),
        known => format!("name one: `--context {}`", known.join("`, `--context ")),
    };
    RuntimeError::new(
        FailureClass::NoEngine,
        "the kubeconfig names no current context",
    )
    .help(help)
}
