//! `dev export argocd` and `flux`: manifests, and what keeps a cluster in step with the folder of git that they are in.

use serde_json::json;

use super::Files;
use super::plain::plain;
use super::yaml::whole;
use crate::promote::{Going, Promotion};

/// Folder of the manifests, below the one that was asked for.
const MANIFESTS: &str = "manifests";

/// Where the cluster finds the files.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Of the git repository.
    pub url: &'a str,
    /// Of the folder that was asked for, in it.
    pub path: &'a str,
}

impl Place<'_> {
    fn manifests(&self) -> String {
        let path = self.path.trim_start_matches("./").trim_matches('/');
        match path {
            "" | "." => MANIFESTS.to_owned(),
            path => format!("{path}/{MANIFESTS}"),
        }
    }
}

/// An Application that prunes and heals. <https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/>
pub fn argocd(going: &Going, promotion: &Promotion, place: Place<'_>) -> Files {
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": { "name": promotion.name, "namespace": "argocd" },
        "spec": {
            "project": "default",
            "source": {
                "repoURL": place.url,
                "path": place.manifests(),
                "targetRevision": "HEAD",
            },
            "destination": {
                "server": "https://kubernetes.default.svc",
                "namespace": promotion.namespace,
            },
            "syncPolicy": {
                "automated": { "prune": true, "selfHeal": true },
                "syncOptions": ["ServerSideApply=true"],
            },
        },
    });
    with(going, promotion, "application.yaml", whole(&application))
}

/// A GitRepository, and the Kustomization that applies it. <https://fluxcd.io/flux/components/kustomize/kustomizations/>
pub fn flux(going: &Going, promotion: &Promotion, place: Place<'_>) -> Files {
    let metadata = json!({ "name": promotion.name, "namespace": "flux-system" });
    let repository = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": metadata,
        "spec": { "interval": "1m", "url": place.url, "ref": { "branch": "main" } },
    });
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": metadata,
        "spec": {
            "interval": "10m",
            "path": format!("./{}", place.manifests()),
            "prune": true,
            "wait": true,
            "timeout": "10m",
            "sourceRef": { "kind": "GitRepository", "name": promotion.name },
        },
    });
    let text = format!("{}---\n{}", whole(&repository), whole(&kustomization));
    with(going, promotion, "flux.yaml", text)
}

fn with(going: &Going, promotion: &Promotion, name: &str, text: String) -> Files {
    let mut files: Files = plain(going, promotion)
        .into_iter()
        .map(|(file, text)| (format!("{MANIFESTS}/{file}"), text))
        .collect();
    files.insert(name.to_owned(), text);
    files
}
