mod changes;
mod demands;
mod down;
mod jobs;
mod mounted;
mod overlaps;
mod prepare;
mod processes;
mod property;
mod renew;
mod replacements;
mod runs;
mod speed;

use super::scene::{Scene, job, runs};
use crate::stack::Service;
use crate::stack::resolve::fixture::http;

/// A database with a volume, a migration, an app with a port that is built, and something beside them.
fn gold() -> Vec<Service> {
    vec![
        runs("db", &[]).with_volume("data"),
        job("migrate", &["db"]),
        runs("api", &["migrate"])
            .built()
            .with_port("http", http(8000)),
        runs("worker", &["api"]),
    ]
}

/// The plan of a world that differs from the wanted one in one thing; then it is as wanted.
fn text_after(mut scene: Scene, change: impl FnOnce(&mut Scene)) -> String {
    change(&mut scene);
    let text = scene.text();
    scene.converge();
    text
}
