//! How a service's process runs and ends: `job`, `restart`, `stop`, `limits`.

use std::time::Duration;

use super::Code;
use super::formats::{
    CRON, DURATION as DURATION_FORMAT, Format, INPUT, SIGNAL, duration, signal, size,
};
use super::shape::{DURATION, Kind, SIZE, Shape, key};
use super::tree::{Node, Value};
use crate::stack::{Job, Limits, Restart, Role, Stop};

const INPUTS: Kind = Kind::Either(&[Kind::Text(&INPUT), Kind::List(&Kind::Text(&INPUT))]);

static JOB: Shape = Shape {
    name: "job",
    keys: &[
        key(
            "inputs",
            INPUTS,
            "Globs; it runs again when one of these files changes. Without it, when the image does.",
        ),
        key(
            "schedule",
            Kind::Text(&CRON),
            "Cron expression; only on a cluster.",
        )
        .or(&["cron"]),
    ],
};

static STOP: Shape = Shape {
    name: "stop",
    keys: &[
        key("signal", Kind::Text(&SIGNAL), "The image's without it."),
        key("grace", DURATION, "Until it is killed; \"10s\" without it.")
            .or(&["timeout", "grace_period"]),
    ],
};

static LIMITS: Shape = Shape {
    name: "limits",
    keys: &[
        key("memory", SIZE, "Such as \"512Mi\".").or(&["mem"]),
        key("cpu", Kind::Number { max: 1024.0 }, "Cores, such as 0.5.").or(&["cpus"]),
        key(
            "pids",
            Kind::Integer {
                min: 1,
                max: 4_194_304,
            },
            "Processes and threads.",
        ),
        key("log", SIZE, "Kept of its log on disk."),
    ],
};

static RESTART: Format = Format {
    expected: "a restart policy",
    code: Code::BadValue,
    pattern: "^(no|always|unless-stopped|on-failure(:[0-9]+)?)$",
    check: |text| match policy(text) {
        Some(_) => Ok(()),
        None => Err(
            "write \"no\", \"on-failure\", \"on-failure:5\", \"always\" or \"unless-stopped\""
                .to_owned(),
        ),
    },
};

pub(super) const JOB_KIND: Kind = Kind::Either(&[Kind::Boolean, Kind::Table(&JOB)]);
pub(super) const RESTART_KIND: Kind = Kind::Either(&[Kind::Boolean, Kind::Text(&RESTART)]);
pub(super) const STOP_KIND: Kind = Kind::Table(&STOP);
pub(super) const LIMITS_KIND: Kind = Kind::Table(&LIMITS);

const GRACE: Duration = Duration::from_secs(10);

pub(super) fn role(node: Option<&Node>) -> Role {
    match node {
        None => Role::Service,
        Some(node) if node.is_false() => Role::Service,
        Some(node) => Role::Job(Job {
            inputs: node.get("inputs").map(Node::texts),
            schedule: node.text_of("schedule"),
            again: false,
        }),
    }
}

/// Without a policy, a service comes back when it fails, and a job does not.
pub(super) fn restart(node: Option<&Node>, role: &Role) -> Restart {
    match node.map(|node| &node.value) {
        Some(Value::Boolean(true)) => Restart::Always,
        Some(Value::Boolean(false)) => Restart::No,
        Some(Value::Text(text)) => policy(text).unwrap_or(Restart::No),
        _ if matches!(role, Role::Job(_)) => Restart::No,
        _ => Restart::Auto,
    }
}

fn policy(text: &str) -> Option<Restart> {
    match text {
        "no" => Some(Restart::No),
        "always" => Some(Restart::Always),
        "unless-stopped" => Some(Restart::UnlessStopped),
        "on-failure" => Some(Restart::OnFailure { max: None }),
        _ => {
            let max = text.strip_prefix("on-failure:")?.parse().ok()?;
            Some(Restart::OnFailure { max: Some(max) })
        }
    }
}

pub(super) fn stop(node: Option<&Node>, below: Option<Stop>) -> Stop {
    let mut stop = below.unwrap_or(Stop {
        signal: None,
        grace: GRACE,
    });
    if let Some(name) = node
        .and_then(|node| node.get("signal"))
        .and_then(Node::text)
    {
        stop.signal = signal(name).ok();
    }
    if let Some(grace) = node
        .and_then(|node| node.get("grace"))
        .and_then(Node::text)
        .filter(|t| (DURATION_FORMAT.check)(t).is_ok())
    {
        stop.grace = duration(grace).unwrap_or(GRACE);
    }
    stop
}

pub(super) fn limits(node: Option<&Node>) -> Limits {
    let Some(node) = node else {
        return Limits::default();
    };
    let bytes = |key: &str| {
        node.get(key)
            .and_then(Node::text)
            .and_then(|text| size(text).ok())
    };
    let cores = match node.get("cpu").map(|cpu| &cpu.value) {
        Some(Value::Integer(cores)) => Some(*cores as f64),
        Some(Value::Float(cores)) => Some(*cores),
        _ => None,
    };
    Limits {
        memory: bytes("memory"),
        // Checked to be above zero and at most 1024.
        cpu_millis: cores.map(|cores| (cores * 1000.0).round().max(1.0) as u64),
        pids: node.get("pids").and_then(Node::number),
        log: bytes("log"),
    }
}
