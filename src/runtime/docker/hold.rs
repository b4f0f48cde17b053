//! A command inside a container that is held on to.

use std::io;

use futures_util::stream;
use tokio_util::io::StreamReader;

use super::Docker;
use super::demultiplex::Stream;
use super::exec::{Attached, ExecSpec};
use crate::runtime::RuntimeError;
use crate::runtime::world::{self, Held};

/// Starts it; whether it runs shows in what it says.
///
/// # Errors
/// As [`Docker::attach`].
pub(super) async fn hold(
    docker: &Docker,
    id: &str,
    spec: &world::ExecSpec,
) -> Result<Held, RuntimeError> {
    let asked = ExecSpec {
        command: spec.command.clone(),
        user: spec.user.clone(),
        workdir: spec.workdir.clone(),
        ..ExecSpec::default()
    };
    let Attached { input, output } = docker.attach(id, &asked, true).await?;
    let said = stream::unfold(output, |mut output| async move {
        loop {
            match output.next().await? {
                Ok((Stream::Stdout, bytes)) => return Some((Ok(bytes), output)),
                Ok((Stream::Stderr, _)) => {}
                Err(error) => return Some((Err(io::Error::other(error)), output)),
            }
        }
    });
    Ok(Held {
        input: Box::pin(input.into_writer()),
        output: Box::pin(StreamReader::new(Box::pin(said))),
    })
}
