//! Builds on a real engine: the one that `DOCKER_HOST` names, else `/var/run/docker.sock`.

mod bench;
mod buildkit;
mod cancel;
mod classic;
mod errors;
