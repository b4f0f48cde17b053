//! What the tests stand on: an engine, a folder to build from, and the removal of what was built.

use std::sync::Mutex;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
};
use camino::Utf8PathBuf;
use dev::plan::desired::BuildSpec;
use dev::runtime::docker::Docker as Engine;
use dev::runtime::docker::build::{BuildOptions, BuiltImage};
use dev::runtime::{Environment, Progress, RuntimeError};
use dev::stack::resolve::Value;
use futures_util::TryStreamExt;

/// A base image with a shell, made by `examples/offline`.
pub const BASE: &str = "dev.local/busybox";

pub struct Bench {
    pub engine: Engine,
    pub docker: Docker,
    folder: tempfile::TempDir,
    images: Mutex<Vec<String>>,
    name: String,
}

pub struct Outcome {
    pub result: Result<BuiltImage, RuntimeError>,
    pub lines: Vec<Progress>,
}

impl Outcome {
    pub fn image(self) -> BuiltImage {
        match self.result {
            Ok(image) => image,
            Err(error) => panic!("the build failed: {:#?}", error.0),
        }
    }

    pub fn error(self) -> dev::engine::event::Failure {
        match self.result {
            Ok(_) => panic!("the build passed"),
            Err(error) => error.0,
        }
    }
}

impl Bench {
    /// # Panics
    /// Where no engine answers.
    pub async fn new(name: &str) -> Self {
        let engine = Engine::connect(&Environment::of_process())
            .await
            .unwrap_or_else(|error| {
                panic!(
                    "{} {:?}; examples/offline/engine starts one",
                    error, error.0.help
                )
            });
        let docker = engine.client().clone();
        let folder = tempfile::Builder::new()
            .prefix("dev-build-")
            .tempdir()
            .expect("a folder");
        // Folder names are random: so no two runs share a tag.
        let unique = folder
            .path()
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .to_lowercase();
        let name = format!("devtest-{name}-{unique}").replace('.', "-");
        Self {
            engine,
            docker,
            folder,
            images: Mutex::default(),
            name,
        }
    }

    pub fn dir(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().to_owned()).expect("UTF-8")
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.dir().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    pub fn spec(&self) -> BuildSpec {
        BuildSpec {
            tag: format!("{}:latest", self.name),
            services: vec!["api".to_owned()],
            context: self.dir(),
            dockerfile: self.dir().join("Dockerfile"),
            target: None,
            args: Vec::new(),
            secrets: Vec::new(),
            cache_from: Vec::new(),
            platforms: Vec::new(),
            bases: Vec::new(),
            labels: vec![("devtest".to_owned(), self.name.clone())],
            files: None,
            hash: "abc123".to_owned(),
            options: dev::stack::BuildOptions::default(),
        }
    }

    pub async fn build(&self, spec: &BuildSpec) -> Outcome {
        self.build_with(spec, BuildOptions::default()).await
    }

    pub async fn build_with(&self, spec: &BuildSpec, options: BuildOptions) -> Outcome {
        let (progress, mut lines) = tokio::sync::mpsc::channel(10_000);
        let result = self.engine.build_with(spec, options, Some(&progress)).await;
        drop(progress);
        let mut all = Vec::new();
        while let Some(line) = lines.recv().await {
            all.push(line);
        }
        if let Ok(image) = &result {
            self.images
                .lock()
                .expect("unpoisoned")
                .push(image.id.clone());
        }
        Outcome { result, lines: all }
    }

    /// A file of an image.
    pub async fn read(&self, image: &BuiltImage, path: &str) -> Option<String> {
        let body = ContainerCreateBody {
            image: Some(image.id.clone()),
            cmd: Some(vec!["none".to_owned()]),
            ..ContainerCreateBody::default()
        };
        let container = self
            .docker
            .create_container(None, body)
            .await
            .expect("a container")
            .id;
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let archive = self
            .docker
            .download_from_container(&container, Some(options))
            .try_fold(Vec::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            })
            .await;
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        self.docker
            .remove_container(&container, Some(options))
            .await
            .expect("it goes");
        let archive = archive.ok()?;
        let mut archive = tar::Archive::new(archive.as_slice());
        let mut entry = archive
            .entries()
            .expect("entries")
            .next()?
            .expect("an entry");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).expect("text");
        Some(text)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let images = std::mem::take(
            &mut *self
                .images
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let remove = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                // Connections belong to the runtime that opened them.
                let engine = Engine::connect(&Environment::of_process())
                    .await
                    .expect("an engine");
                let docker = engine.client();
                for image in images.iter().rev() {
                    let options = RemoveImageOptionsBuilder::default().force(true).build();
                    // Two builds of one test may have come to the same image.
                    let _ = docker.remove_image(image, Some(options), None).await;
                }
            });
        };
        // A test's own runtime may be gone or may be this thread's.
        let _ = std::thread::spawn(remove).join();
    }
}

pub fn secret(text: &str) -> Value {
    Value {
        text: text.to_owned(),
        secret: true,
    }
}

pub fn plain(text: &str) -> Value {
    Value {
        text: text.to_owned(),
        secret: false,
    }
}
