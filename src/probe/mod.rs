//! Asks whether a service is ready, from where the answer is true.
//!
//! A published port connects although nothing listens behind it, because the engine's proxy accepts first; so the
//! container's own address is asked where it can be reached, and a published port has to prove that someone is there.

mod answer;
mod exec;
mod healthcheck;
mod http;
mod log;
mod mysql;
mod pace;
mod postgres;
mod prober;
mod redis;
mod report;
mod target;
mod tcp;

pub use answer::{Answer, clean};
pub use exec::Exec;
pub use healthcheck::{answered, from_healthcheck};
pub use pace::{Pace, Phase, next};
pub use prober::{Objection, Prober, Subject};
pub use report::ProbeReport;
pub use target::{Address, Target};
