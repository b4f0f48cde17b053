use clap::{Args, ValueEnum};

/// Print the JSON Schema of the stack file or of --json
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_name = "WHAT", default_value = "stack")]
    pub kind: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    // dev.toml
    Stack,
    // Lines of --json
    Events,
}
