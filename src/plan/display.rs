//! A plan as text: one line per operation with its cause.

use std::fmt;

use super::operation::{Action, Cause, Operation, Plan};
use crate::stack::Condition;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .operations
            .iter()
            .map(|operation| operation.subject.to_string().len())
            .max()
            .unwrap_or(0);
        for operation in &self.operations {
            let subject = operation.subject.to_string();
            write!(
                f,
                "{:<10} {subject:<width$}  {}",
                operation.action.verb_text(),
                operation.cause
            )?;
            if let Some(gates) = gates(operation) {
                write!(f, "; {gates}")?;
            }
            if let Some(once) = &operation.once_ready {
                write!(f, "; once {} is ready", once.name)?;
            }
            if operation.only_if.is_some() {
                f.write_str("; only if the image comes out different")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn gates(operation: &Operation) -> Option<String> {
    let waits: Vec<String> = operation
        .gates
        .iter()
        .map(|gate| match gate.condition {
            Condition::Ready => format!("{} is ready", gate.service),
            Condition::Started => format!("{} has started", gate.service),
        })
        .collect();
    (!waits.is_empty()).then(|| format!("once {}", waits.join(", ")))
}

impl Action {
    /// The word that views show for it.
    pub fn verb_text(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "pull",
            Self::BuildImage(_) => "build",
            Self::CreateNetwork { .. }
            | Self::CreateVolume { .. }
            | Self::CreateContainer { .. } => "create",
            Self::RemoveNetwork { .. }
            | Self::RemoveVolume { .. }
            | Self::RemoveImage { .. }
            | Self::RemoveContainer { .. } => "remove",
            Self::Seed { .. } | Self::Sync { .. } => "sync",
            Self::Prepare { .. } => "prepare",
            Self::StartContainer { .. } | Self::StartProcess { .. } => "start",
            Self::StopContainer { .. } => "stop",
            Self::UnpauseContainer { .. } => "unpause",
            Self::RenameContainer { .. } => "rename",
            Self::SetAliases { networks, .. }
                if networks.iter().all(|on| on.aliases.is_empty()) =>
            {
                "unname"
            }
            Self::SetAliases { .. } => "name",
            Self::SetRestartPolicy { .. } => "update",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::SourcesChanged => f.write_str("its sources or its build changed"),
            Self::FilesChanged => f.write_str("files that it syncs changed"),
            Self::FilesUnknown => f.write_str("it may lack files that it syncs"),
            Self::ConfigChanged => f.write_str("its configuration changed"),
            Self::ImageChanged => f.write_str("its image changed"),
            Self::NetworkGone => f.write_str("its network is gone"),
            Self::NetworkChanged => f.write_str("the options of the network changed"),
            Self::For(service) => write!(f, "for {service}"),
            Self::NotRunning { exit: Some(code) } => write!(f, "it ended with {code}"),
            Self::NotRunning { exit: None } => f.write_str("it does not run"),
            Self::InputsChanged => f.write_str("it has not run with what it needs now"),
            Self::Asked => f.write_str("asked for"),
            Self::AskedToBuild => f.write_str("asked for by --build"),
            Self::AskedToPull => f.write_str("asked for by --pull always"),
            Self::AskedToRecreate => f.write_str("asked for by --force-recreate"),
            Self::Needs(service) => write!(f, "{service} was restarted"),
            Self::Rejected => f.write_str("the new one did not get ready"),
            Self::Unattached => {
                f.write_str("it did not bear to get its names beside the one before")
            }
            Self::Replaces => f.write_str("the new one takes over"),
            Self::Twin => f.write_str("there are two of that name"),
            Self::Orphan => f.write_str("the stack file has no such service any more"),
            Self::Surplus => f.write_str("the stack file wants fewer of it"),
            Self::Down => f.write_str("taken down"),
            Self::Attach => f.write_str("dev restarts it from now on"),
            Self::Detach => f.write_str("the engine restarts it from now on"),
            Self::Paused => f.write_str("it is paused"),
            Self::PortTaken => f.write_str("its host port was taken"),
            Self::NotAlive => f.write_str("it is not alive"),
        }
    }
}
