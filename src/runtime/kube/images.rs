//! How images of this machine's engine get to a cluster.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Locality;
use crate::engine::event::FailureClass;
use crate::runtime::docker::Docker;
use crate::runtime::{Environment, RuntimeError};

/// An image is given up on after this.
const DEADLINE: Duration = Duration::from_secs(600);
const LIST: Duration = Duration::from_secs(10);

/// The way for one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The cluster's containers run from the engine's own images.
    Shared,
    /// A program that reads an archive from its input, and one that lists what is there; the arguments of each.
    Archive {
        import: Vec<String>,
        list: Vec<String>,
    },
    /// A program that takes the image's name behind its arguments.
    Named {
        load: Vec<String>,
        after: Vec<String>,
    },
    /// There is none: a registry has to be between.
    None,
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

/// `containerd`: where it listens, if somebody says so.
pub fn delivery(locality: &Locality, containerd: Option<&str>) -> Delivery {
    let ctr = |program: Vec<String>| {
        let with = |rest: &[&str]| {
            [
                program.clone(),
                rest.iter().map(|word| (*word).to_owned()).collect(),
            ]
            .concat()
        };
        Delivery::Archive {
            import: with(&["--namespace", "k8s.io", "images", "import", "-"]),
            list: with(&["--namespace", "k8s.io", "images", "list", "--quiet"]),
        }
    };
    match locality {
        Locality::SharedEngine(_) => Delivery::Shared,
        Locality::K3s => ctr(words(["k3s", "ctr"])),
        Locality::MicroK8s => ctr(words(["microk8s", "ctr"])),
        Locality::ThisMachine => match containerd {
            Some(address) => ctr(words(["ctr", "--address", address])),
            None => ctr(words(["ctr"])),
        },
        Locality::Kind(name) => Delivery::Named {
            load: words(["kind", "load", "docker-image", "--name", name]),
            after: Vec::new(),
        },
        Locality::K3d(name) => Delivery::Named {
            load: words(["k3d", "image", "import", "--cluster", name]),
            after: Vec::new(),
        },
        Locality::Minikube(profile) => Delivery::Named {
            load: words(["minikube", "--profile", profile, "image", "load"]),
            after: Vec::new(),
        },
        Locality::Elsewhere => Delivery::None,
    }
}

impl Delivery {
    /// Gives the cluster those of `references` that it does not have.
    ///
    /// # Errors
    /// The program for it is missing, or fails.
    pub async fn deliver(
        &self,
        docker: &Docker,
        environment: &Environment,
        references: &BTreeSet<String>,
        tell: &mut (dyn FnMut(&str, u64) + Send),
    ) -> Result<(), RuntimeError> {
        match self {
            Self::Shared | Self::None => Ok(()),
            Self::Archive { import, list } => {
                let there = listed(list, environment).await?;
                for reference in references
                    .iter()
                    .filter(|reference| !there.contains(&full(reference)))
                {
                    let sent = archive(docker, import, environment, reference).await?;
                    tell(reference, sent);
                }
                Ok(())
            }
            Self::Named { load, after } => {
                for reference in references {
                    let command = [load.clone(), vec![reference.clone()], after.clone()].concat();
                    run(&command, environment, DEADLINE).await?;
                    tell(reference, 0);
                }
                Ok(())
            }
        }
    }
}

/// As containerd names an image: `docker.io/library/postgres:14`.
fn full(reference: &str) -> String {
    let (first, rest) = reference.split_once('/').unwrap_or(("", reference));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let named = match (is_host, first) {
        (true, _) => reference.to_owned(),
        (false, "") => format!("docker.io/library/{rest}"),
        (false, _) => format!("docker.io/{reference}"),
    };
    let last = named.rsplit('/').next().unwrap_or_default();
    match last.contains([':', '@']) {
        true => named,
        false => format!("{named}:latest"),
    }
}

async fn listed(
    command: &[String],
    environment: &Environment,
) -> Result<BTreeSet<String>, RuntimeError> {
    let output = run(command, environment, LIST).await?;
    Ok(output.lines().map(str::to_owned).collect())
}

fn program(command: &[String], environment: &Environment) -> Result<Command, RuntimeError> {
    let name = command.first().map(String::as_str).unwrap_or_default();
    let path = which::which_in(name, environment.get("PATH"), "/").map_err(|_| {
        RuntimeError::new(
            FailureClass::ImageMissing,
            format!("images get to this cluster by `{name}`, which was not found"),
        )
        .help(format!("install `{name}`, or put it on the PATH"))
    })?;
    let mut program = Command::new(path);
    program
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(program)
}

fn failed(command: &[String], said: &[u8]) -> RuntimeError {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<String> = said.lines().rev().take(5).map(str::to_owned).collect();
    RuntimeError::new(FailureClass::ImageMissing, format!("`{}` failed", command.join(" ")))
        .detail(lines.into_iter().rev().collect())
        .help("it needs to reach the cluster's containerd: as root, or with its address in CONTAINERD_ADDRESS")
}

async fn run(
    command: &[String],
    environment: &Environment,
    within: Duration,
) -> Result<String, RuntimeError> {
    let child = program(command, environment)?.output();
    let output = tokio::time::timeout(within, child).await;
    match output {
        Ok(Ok(output)) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(Ok(output)) => Err(failed(command, &output.stderr)),
        Ok(Err(error)) => Err(failed(command, error.to_string().as_bytes())),
        Err(_) => Err(failed(
            command,
            format!("no end within {within:?}").as_bytes(),
        )),
    }
}

/// Passes an image on as the engine writes it; the bytes that it took.
async fn archive(
    docker: &Docker,
    command: &[String],
    environment: &Environment,
    reference: &str,
) -> Result<u64, RuntimeError> {
    let mut child = program(command, environment)?
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| failed(command, error.to_string().as_bytes()))?;
    let mut input = child.stdin.take();
    let write = async {
        let mut sent = 0;
        let mut pieces = std::pin::pin!(docker.client().export_image(reference));
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failed(command, error.to_string().as_bytes()))?;
            sent += piece.len() as u64;
            let Some(input) = input.as_mut() else { break };
            // What it thinks of that, it says at its end.
            if input.write_all(&piece).await.is_err() {
                break;
            }
        }
        drop(input);
        Ok::<u64, RuntimeError>(sent)
    };
    let both = async { tokio::join!(write, child.wait_with_output()) };
    let (sent, output) = tokio::time::timeout(DEADLINE, both)
        .await
        .map_err(|_| failed(command, format!("no end within {DEADLINE:?}").as_bytes()))?;
    let output = output.map_err(|error| failed(command, error.to_string().as_bytes()))?;
    if !output.status.success() {
        return Err(failed(command, &output.stderr));
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containerd_has_images_under_their_full_names() {
        for (reference, name) in [
            ("redis", "docker.io/library/redis:latest"),
            ("postgres:14", "docker.io/library/postgres:14"),
            ("a/b:1", "docker.io/a/b:1"),
            ("dev.local/redis:7", "dev.local/redis:7"),
            ("localhost:5000/x", "localhost:5000/x:latest"),
        ] {
            assert_eq!(full(reference), name);
        }
    }

    #[test]
    fn each_cluster_has_its_way() {
        assert_eq!(
            delivery(&Locality::SharedEngine("x"), None),
            Delivery::Shared
        );
        assert_eq!(delivery(&Locality::Elsewhere, None), Delivery::None);
        let Delivery::Archive { import, .. } = delivery(&Locality::ThisMachine, Some("/c.sock"))
        else {
            panic!("an archive");
        };
        assert_eq!(import[..3], ["ctr", "--address", "/c.sock"]);
    }
}
