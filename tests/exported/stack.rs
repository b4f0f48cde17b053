//! A stack in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::tools::{Said, run};
use crate::yaml::documents;

pub struct Stack {
    folder: tempfile::TempDir,
}

impl Stack {
    pub fn new(text: &str) -> Self {
        let stack = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        stack.file("dev.toml", &format!("name = \"shop\"\n{text}"));
        stack.file("Dockerfile", "FROM scratch\n");
        stack.file("a.conf", "one\n{{ two }}\n");
        stack.file("init/a.sql", "SELECT 1;\n");
        stack
    }

    pub fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path(name)).expect("it is there")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn dev(&self, arguments: &[&str]) -> Said {
        run(self.command().args(arguments))
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command.current_dir(self.folder()).env("NO_COLOR", "1");
        command
    }

    /// The objects of `dev export kubernetes`, without the namespace; with `envs` laid over the stack.
    #[track_caller]
    pub fn manifests(&self, envs: &[&str]) -> Vec<Value> {
        let folder = format!("manifests{}", envs.concat());
        let mut arguments = vec!["export", "kubernetes", "--to", &folder];
        for env in envs {
            arguments.extend(["--env", env]);
        }
        self.dev(&arguments).expect();
        let files = fs_err::read_dir(self.path(&folder)).expect("a folder");
        let files = files.map(|file| file.expect("a file").path());
        let texts = files
            .filter(|file| file.extension().is_some_and(|end| end == "yaml"))
            .map(|file| fs_err::read_to_string(file).expect("text"));
        let objects = texts.flat_map(|text| documents(&text));
        objects
            .filter(|object| object["kind"] != "Namespace")
            .collect()
    }

    /// What `helm template` makes of `dev export helm`, which `helm lint` has nothing against.
    #[track_caller]
    pub fn chart(&self) -> Vec<Value> {
        self.dev(&["export", "helm", "--to", "chart"]).expect();
        let mut lint = crate::tools::helm(self.folder());
        run(lint.args(["lint", "--strict", "--quiet", "--with-subcharts", "chart"])).expect();
        self.rendered(&[]).expect_documents()
    }

    pub fn rendered(&self, options: &[&str]) -> Said {
        let mut template = crate::tools::helm(self.folder());
        run(template
            .args(["template", "shop", "chart", "--namespace", "shop"])
            .args(options))
    }

    /// What `kustomize build` makes of an overlay, with every secret filled in.
    #[track_caller]
    pub fn overlay(&self, name: &str) -> Vec<Value> {
        let folder = format!("kustomize/overlays/{name}");
        let example = format!("{folder}/secrets.env.example");
        if self.path(&example).exists() {
            let filled = self.read(&example).replace("=\n", "=filled-in\n");
            self.file(&format!("{folder}/secrets.env"), &filled);
        }
        crate::tools::kustomize(&self.path(&folder)).expect_documents()
    }
}

impl Said {
    #[track_caller]
    pub fn expect_documents(self) -> Vec<Value> {
        documents(&self.expect())
    }
}
