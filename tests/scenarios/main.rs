//! Scenarios on a real Docker engine: each states one intent, uses the built `dev` as a person would, and waits for
//! states. `tests/run` runs them on an old and on a current engine; `cargo test --test scenarios` on the engine that
//! `DOCKER_HOST` names.
//!
//! Those in [`hurt`] stop engines or fill disks, and use only an engine that the tests started (`DEV_TEST_ENGINE`).

#[cfg(test)]
mod support;

#[cfg(test)]
mod asked;
mod attach;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod build_cache;
#[cfg(test)]
mod ci;
#[cfg(test)]
mod commands;
mod dependencies;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hurt;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod on_host;
#[cfg(test)]
mod options;
#[cfg(test)]
mod overlap;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod presets;
#[cfg(test)]
mod process;
#[cfg(test)]
mod process_faults;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod replan;
#[cfg(test)]
mod same_image;
mod secrets;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod superseded;
#[cfg(test)]
mod sync;
mod sync_busy;
mod sync_git;
mod sync_limits;
#[cfg(test)]
mod up;
#[cfg(test)]
mod watch;
