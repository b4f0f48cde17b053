//! Stacks for simulated worlds.

use std::time::Duration;

use crate::plan::reconcile::scene::runs;
use crate::stack::{Mount, Probe, ProbeKind, Service, Stack};

/// Asks the world whether the service is ready.
pub fn probed(name: &str, needs: &[&str]) -> Service {
    let kind = ProbeKind::Exec {
        command: vec!["ready".to_owned()],
    };
    Service {
        ready: Some(Probe {
            within: Duration::from_secs(20),
            ..Probe::new(kind)
        }),
        ..runs(name, needs)
    }
}

pub fn job(name: &str, needs: &[&str]) -> Service {
    runs(name, needs).as_job(None)
}

/// A database, a migration, an app, and what uses the app.
pub fn gold() -> Vec<Service> {
    vec![
        probed("db", &[]).with_volume("data"),
        job("migrate", &["db"]),
        probed("api", &["migrate"]).built(),
        probed("web", &["api"]),
    ]
}

/// Puts the stack into a folder that is there, with the contexts of its builds.
pub fn place(mut stack: Stack, dir: &camino::Utf8Path) -> Stack {
    stack.layers = vec![dir.join("dev.toml")];
    // What a test says of a volume stays.
    let said = std::mem::take(&mut stack.volumes);
    for service in stack.services.values_mut() {
        for mount in &service.mounts {
            if let Mount::Volume { key, .. } = mount {
                let volume = said.get(key).cloned().unwrap_or_default();
                stack.volumes.insert(key.clone(), volume);
            }
        }
        if let crate::stack::Source::Build(build) = &mut service.source {
            let context = dir.join(&service.name);
            fs_err::create_dir_all(&context).expect("a folder");
            if !context.join("Dockerfile").exists() {
                fs_err::write(context.join("Dockerfile"), "FROM scratch\n").expect("a file");
            }
            build.dockerfile = context.join("Dockerfile");
            build.context = context;
        }
    }
    stack.dir = dir.to_owned();
    stack
}
