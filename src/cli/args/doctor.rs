use clap::Args;

/// Say whether this machine has what the stack needs
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Exit code 1 where something keeps the stack from coming up. Without a stack file, about the machine alone."
)]
pub struct DoctorArgs {}
