//! Host processes as a part of the engine's outside world.

use super::{ProcessWorld, trouble};
use crate::plan::Action;
use crate::runtime::RuntimeError;
use crate::runtime::world::{Call, ExecOutput, ExecSpec, Output};

impl ProcessWorld {
    pub async fn perform(&self, call: &Call) -> Result<Output, RuntimeError> {
        match &call.action {
            Action::StartProcess { spec } => Ok(Output::Started(Box::new(self.start(spec).await?))),
            Action::StopContainer {
                id, signal, grace, ..
            } => {
                self.stop(id, signal.as_deref(), *grace).await?;
                Ok(Output::Nothing)
            }
            Action::RemoveContainer { id, .. } => {
                self.remove(id).await?;
                Ok(Output::Nothing)
            }
            Action::SetRestartPolicy { id, policy } => {
                self.set_policy(id, *policy)?;
                Ok(Output::Nothing)
            }
            Action::CreateVolume { name, .. } => {
                self.create_volume(name)?;
                Ok(Output::Nothing)
            }
            Action::RemoveVolume { name } => {
                self.remove_volume(name)?;
                Ok(Output::Nothing)
            }
            other => Err(trouble(format!(
                "a process on the host knows no `{}`",
                other.verb_text()
            ))),
        }
    }

    pub async fn run_inside(&self, id: &str, spec: &ExecSpec) -> Result<ExecOutput, RuntimeError> {
        self.exec(id, spec).await
    }

    /// To the whole process group.
    pub fn signal(&self, id: &str, signal: &str) -> Result<(), RuntimeError> {
        self.send_signal(id, signal)
    }
}
