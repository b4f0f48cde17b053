use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

/// Write the stack as files for a Kubernetes cluster
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "The files are the same each time, and hold no secret.")]
pub struct ExportArgs {
    /// What to write
    #[arg(value_name = "FORMAT")]
    pub format: ExportFormat,
    /// Services to write, with what they need; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub to: Utf8PathBuf,
    /// Registry that images built here are pulled from, such as registry.example.com/team
    #[arg(long, value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// Tag of images built here
    #[arg(long, value_name = "TAG", default_value = "dev")]
    pub tag: String,
    /// Git repository that the files will be in, for argocd and flux
    #[arg(long, value_name = "URL", required_if_eq_any = [("format", "argocd"), ("format", "flux")])]
    pub repo: Option<String>,
    /// Folder of the repository that DIR is [default: DIR]
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Manifests for kubectl apply, one file for each service
    Kubernetes,
    /// A kustomize base, and an overlay for each environment, with generators for config and secrets
    Kustomize,
    /// A Helm chart, with one for each service in it
    Helm,
    /// Manifests, and an Application of Argo CD
    Argocd,
    /// Manifests, and what Flux needs to apply them
    Flux,
}
