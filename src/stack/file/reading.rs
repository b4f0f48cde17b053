//! How a stack is found and read, in a form that another process can follow.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::LoadRequest;

/// A [`LoadRequest`] without its layers and its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Absolute.
    pub start_dir: Utf8PathBuf,
    pub files: Vec<Utf8PathBuf>,
    pub project_dir: Option<Utf8PathBuf>,
    pub name: Option<String>,
    pub profiles: Vec<String>,
    pub env_files: Vec<Utf8PathBuf>,
}

impl Reading {
    /// Something else than what is found in a folder, as it is found.
    pub fn says_more(&self) -> bool {
        !(self.files.is_empty() && self.profiles.is_empty() && self.env_files.is_empty())
            || self.project_dir.is_some()
    }

    /// As a command line says it.
    pub fn options(&self) -> String {
        let files = self.files.iter().map(|path| format!("-f {path}"));
        let dir = self.project_dir.iter();
        let dir = dir.map(|dir| format!("--project-directory {dir}"));
        let profiles = self.profiles.iter();
        let profiles = profiles.map(|profile| format!("--profile {profile}"));
        let env_files = self.env_files.iter();
        let env_files = env_files.map(|path| format!("--env-file {path}"));
        let options = files.chain(dir).chain(profiles).chain(env_files);
        options.collect::<Vec<_>>().join(" ")
    }
}

impl LoadRequest {
    pub fn reading(&self) -> Reading {
        Reading {
            start_dir: self.start_dir.clone(),
            files: self.files.clone(),
            project_dir: self.project_dir.clone(),
            name: self.name.clone(),
            profiles: self.profiles.clone(),
            env_files: self.env_files.clone(),
        }
    }

    /// The same layers and environment, read in another way.
    #[must_use]
    pub fn read_as(self, reading: Reading) -> Self {
        Self {
            start_dir: reading.start_dir,
            files: reading.files,
            project_dir: reading.project_dir,
            name: reading.name,
            profiles: reading.profiles,
            env_files: reading.env_files,
            ..self
        }
    }
}
