//! The keys of `[services.NAME]`.

use super::formats::{COMMAND_LINE, HTTP_PATH, IMAGE, KEY};
use super::shape::{COMMAND, ENVIRONMENT, Kind, ONE_OR_MORE, Shape, TEXT, TEXTS, key};
use super::{
    build, kubernetes, needs, ports, preset, probe, process, promote, update, volumes, watch,
};

const HOST: Kind = Kind::OneOf(&["host"]);

static OUTPUT: Shape = Shape {
    name: "output",
    keys: &[
        key("value", Kind::Template, "What a reference to it becomes.").required(),
        key("secret", Kind::Boolean, "Never shown in views."),
    ],
};

const OUTPUTS: Kind = Kind::Map {
    keys: &KEY,
    noun: "output",
    value: &Kind::Either(&[Kind::Template, Kind::Table(&OUTPUT)]),
};

pub(super) static SERVICE: Shape = Shape {
    name: "service",
    keys: &[
        key(
            "image",
            Kind::Text(&IMAGE),
            "Image to run; beside `preset` it replaces the preset's.",
        )
        .exclusive(),
        key(
            "build",
            build::KIND,
            "Folder of a Dockerfile, or { context, dockerfile, target, args, secrets, … }.",
        )
        .exclusive(),
        key(
            "preset",
            Kind::Text(&preset::FORMAT),
            "A known kind of service with its version, such as \"postgres:16\".",
        )
        .exclusive(),
        key(
            "run",
            Kind::Text(&COMMAND_LINE),
            "Command line of a process on the host, run by a shell.",
        )
        .or(&["serve_cmd", "cmd", "script"])
        .exclusive(),
        key(
            "databases",
            ONE_OR_MORE,
            "Databases that the preset creates; `${db.NAME.url}` refers to one.",
        )
        .or(&["database"]),
        key(
            "options",
            preset::OPTIONS,
            "Further settings of the preset, such as { buckets = [\"files\"] }.",
        ),
        key(
            "volume",
            Kind::Boolean,
            "false: the preset keeps nothing when its container goes.",
        ),
        key(
            "command",
            COMMAND,
            "Words as they are, or one text that a shell runs.",
        )
        .or(&["args", "cmd"]),
        key("entrypoint", COMMAND, "Instead of the image's."),
        key(
            "env",
            ENVIRONMENT,
            "Environment; values may hold references such as `${db.url}`.",
        )
        .or(&["environment", "envs"]),
        key(
            "env_file",
            ONE_OR_MORE,
            "Files of NAME=value lines; `env` wins over them.",
        )
        .or(&["envFrom", "dotenv"]),
        key(
            "needs",
            needs::KIND,
            "Services that have to be ready before this one starts.",
        )
        .or(&[
            "depends_on",
            "dependsOn",
            "deps",
            "requires",
            "resource_deps",
        ]),
        key(
            "ports",
            ports::KIND,
            "Ports by name; the first is the main one.",
        )
        .or(&["port", "expose", "port_forwards"]),
        key("ready", probe::KIND, "Ready when this passes.").or(&[
            "healthcheck",
            "readiness_probe",
            "readinessProbe",
            "health",
            "startupProbe",
        ]),
        key("alive", probe::KIND, "Restarted when this fails.").or(&["livenessProbe", "liveness"]),
        key(
            "job",
            process::JOB_KIND,
            "It runs to its end; exit 0 is ready.",
        )
        .or(&["oneshot"]),
        key(
            "watch",
            watch::KIND,
            "What a saved file leads to; the first rule that covers it decides.",
        )
        .or(&["develop", "live_update", "sync"]),
        key(
            "volumes",
            volumes::KIND,
            "Mounts: \"data:/var/lib/data\", \"./conf:/etc/conf:ro\" or tables.",
        )
        .or(&["mounts"]),
        key(
            "networks",
            ONE_OR_MORE,
            "Names from [networks]; without it the default network.",
        ),
        key("network", HOST, "\"host\": the network of the host.").or(&["network_mode"]),
        key("pid", HOST, "\"host\": the processes of the host."),
        key(
            "user",
            Kind::Template,
            "User or user:group, by name or number.",
        ),
        key("workdir", TEXT, "Folder in which the command runs.").or(&[
            "working_dir",
            "cwd",
            "dir",
            "workingDir",
        ]),
        key(
            "restart",
            process::RESTART_KIND,
            "\"no\", \"on-failure\", \"always\" or \"unless-stopped\".",
        )
        .or(&["restart_policy"]),
        key(
            "update",
            update::KIND,
            "\"start-first\": the new container gets ready beside the one that it replaces; \"stop-first\": once that is stopped; without it, \"start-first\" where that is safe.",
        )
        .or(&["update_config", "order", "strategy"]),
        key("stop", process::STOP_KIND, "How it is asked to end.")
            .or(&["stop_signal", "stop_grace_period"]),
        key("limits", process::LIMITS_KIND, "Limits of one instance.").or(&[
            "deploy",
            "mem_limit",
            "cpus",
            "resources",
        ]),
        key(
            "replicas",
            Kind::Integer { min: 0, max: 1000 },
            "Instances; 1 without it.",
        )
        .or(&["scale"]),
        key(
            "profiles",
            TEXTS,
            "Only started when one of these is asked for, or by name.",
        ),
        key(
            "labels",
            ENVIRONMENT,
            "Labels of its containers; text without references.",
        )
        .or(&["annotations"]),
        key(
            "outputs",
            OUTPUTS,
            "What others may refer to as `${service.NAME}`.",
        ),
        key(
            "metrics",
            Kind::Either(&[Kind::Boolean, Kind::Text(&HTTP_PATH)]),
            "Path that serves Prometheus metrics.",
        ),
        key(
            "promote",
            promote::KIND,
            "What changes on a cluster; false: it stays at home.",
        ),
        key("kubernetes", kubernetes::KIND, "What only a cluster reads.").or(&["k8s"]),
    ],
};

/// Keys that mean nothing to a process on the host.
pub(super) const CONTAINER_ONLY: &[&str] = &[
    "databases",
    "options",
    "volume",
    "command",
    "entrypoint",
    "volumes",
    "networks",
    "network",
    "pid",
    "user",
    "labels",
];

/// Keys that mean nothing without a preset.
pub(super) const PRESET_ONLY: &[&str] = &["databases", "options", "volume"];
