//! Tables within a service.

use crate::stack::compose::form::{
    Attribute, Dict, Form, List, Listed, NAMED_TEXTS, Named, Short, TEXT_OR_TEXTS, Table, Unique,
};

const ANY: Form = Form::Int(i64::MIN, i64::MAX);

static BLKIO_LIMITS: List = List {
    item: Form::Table(&Table {
        extensions: false,
        ..Table::new(
            "limit of `blkio_config`",
            &[
                Attribute::new("path", Form::Text),
                Attribute::new("rate", Form::Bytes),
            ],
        )
    }),
    unique: Unique::Not,
    single: false,
};

static BLKIO_WEIGHTS: List = List {
    item: Form::Table(&Table {
        extensions: false,
        ..Table::new(
            "weight of `blkio_config`",
            &[
                Attribute::new("path", Form::Text),
                Attribute::new("weight", ANY),
            ],
        )
    }),
    unique: Unique::Not,
    single: false,
};

pub(super) static BLKIO: Table = Table {
    extensions: false,
    ..Table::new(
        "`blkio_config`",
        &[
            Attribute::new("device_read_bps", Form::List(&BLKIO_LIMITS)),
            Attribute::new("device_read_iops", Form::List(&BLKIO_LIMITS)),
            Attribute::new("device_write_bps", Form::List(&BLKIO_LIMITS)),
            Attribute::new("device_write_iops", Form::List(&BLKIO_LIMITS)),
            Attribute::new("weight", ANY),
            Attribute::new("weight_device", Form::List(&BLKIO_WEIGHTS)),
        ],
    )
};

static FILE_MOUNT: Table = Table {
    short: Short::Key("source"),
    ..Table::new(
        "file of a secret or config",
        &[
            Attribute::new("gid", Form::Text),
            Attribute::new("mode", Form::FileMode),
            Attribute::new("source", Form::Text),
            Attribute::new("target", Form::Text),
            Attribute::new("uid", Form::Text),
        ],
    )
};

const RUN_SAYS: &str = "whose it is in a build, `RUN --mount=type=secret` says";

static BUILD_SECRET: Table = Table {
    short: Short::Key("source"),
    ..Table::new(
        "secret of a build",
        &[
            Attribute::warned("gid", Form::Text, RUN_SAYS),
            Attribute::warned("mode", Form::FileMode, RUN_SAYS),
            Attribute::new("source", Form::Text),
            Attribute::new("target", Form::Text),
            Attribute::warned("uid", Form::Text, RUN_SAYS),
        ],
    )
};
pub(super) static CONFIGS: List = List {
    item: Form::Table(&FILE_MOUNT),
    unique: Unique::Target("/"),
    single: false,
};
pub(super) static SECRETS: List = List {
    item: Form::Table(&FILE_MOUNT),
    unique: Unique::Target("/run/secrets/"),
    single: false,
};
pub(super) static BUILD_SECRETS: List = List {
    item: Form::Table(&BUILD_SECRET),
    unique: Unique::Not,
    single: false,
};

pub(super) static CREDENTIAL_SPEC: Table = Table::new(
    "`credential_spec`",
    &[
        Attribute::new("config", Form::Text),
        Attribute::new("file", Form::Text),
        Attribute::new("registry", Form::Text),
    ],
);

pub(super) static DEPENDENCIES: Named = Named {
    item: Form::Table(&Table {
        required: &["condition"],
        ..Table::new(
            "dependency",
            &[
                Attribute::new(
                    "condition",
                    Form::Choice(&[
                        "service_started",
                        "service_healthy",
                        "service_completed_successfully",
                    ]),
                ),
                Attribute::new("required", Form::Flag),
                Attribute::new("restart", Form::Bool),
            ],
        )
    }),
    listed: Some(Listed::Dependency),
    empty: false,
};

static WATCH_RULES: List = List {
    item: Form::Table(&Table {
        required: &["path", "action"],
        ..Table::new(
            "rule of `develop.watch`",
            &[
                Attribute::new(
                    "action",
                    Form::Choice(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
                ),
                Attribute::new("exec", Form::Table(&HOOK)),
                Attribute::new("ignore", Form::List(&TEXT_OR_TEXTS)),
                Attribute::new("include", Form::List(&TEXT_OR_TEXTS)),
                Attribute::partly(
                    "initial_sync",
                    Form::Bool,
                    "without it, too, what the container lacks is brought in, but for what `.gitignore` names",
                ),
                Attribute::new("path", Form::Text),
                Attribute::new("target", Form::Text),
            ],
        )
    }),
    unique: Unique::Not,
    single: false,
};
pub(super) static DEVELOP: Table = Table {
    short: Short::Null,
    ..Table::new(
        "`develop`",
        &[Attribute::new("watch", Form::List(&WATCH_RULES))],
    )
};

pub(super) static DEVICES: List = List {
    item: Form::Table(&Table {
        required: &["source"],
        short: Short::Device,
        ..Table::new(
            "device",
            &[
                Attribute::new("permissions", Form::Text),
                Attribute::new("source", Form::Text),
                Attribute::new("target", Form::Text),
            ],
        )
    }),
    unique: Unique::Target(""),
    single: false,
};

pub(super) static ENV_FILES: List = List {
    item: Form::Table(&Table {
        required: &["path"],
        short: Short::Key("path"),
        extensions: false,
        ..Table::new(
            "`env_file`",
            &[
                Attribute::new("format", Form::Text),
                Attribute::new("path", Form::Text),
                Attribute::new("required", Form::OptOut),
            ],
        )
    }),
    unique: Unique::Path,
    single: true,
};

pub(super) static EXTENDS: Table = Table {
    required: &["service"],
    short: Short::Key("service"),
    extensions: false,
    ..Table::new(
        "`extends`",
        &[
            Attribute::new("file", Form::Text),
            Attribute::new("service", Form::Text),
        ],
    )
};

pub(super) static HEALTHCHECK: Table = Table::new(
    "`healthcheck`",
    &[
        Attribute::new("disable", Form::Bool),
        Attribute::new("interval", Form::Duration),
        Attribute::new("retries", Form::Count),
        Attribute::new("start_interval", Form::Duration),
        Attribute::new("start_period", Form::Duration),
        Attribute::new("test", Form::HealthTest),
        Attribute::new("timeout", Form::Duration),
    ],
);

pub(super) static HOOK: Table = Table {
    required: &["command"],
    ..Table::new(
        "hook",
        &[
            Attribute::new("command", Form::Command),
            Attribute::new("environment", Form::Dict(Dict::Environment)),
            Attribute::new("privileged", Form::Bool),
            Attribute::new("user", Form::Text),
            Attribute::new("working_dir", Form::Text),
        ],
    )
};
pub(super) static HOOKS: List = List {
    item: Form::Table(&HOOK),
    unique: Unique::Not,
    single: false,
};
pub(super) static PRE_START: List = List {
    item: Form::Table(&Table::new(
        "hook before the start",
        &[
            Attribute::new("command", Form::Command),
            Attribute::new("environment", Form::Dict(Dict::Environment)),
            Attribute::new("image", Form::Text),
            Attribute::new("per_replica", Form::Bool),
            Attribute::new("privileged", Form::Bool),
            Attribute::new("user", Form::Text),
            Attribute::new("working_dir", Form::Text),
        ],
    )),
    unique: Unique::Not,
    single: false,
};

pub(super) static LOGGING: Table = Table::new(
    "`logging`",
    &[
        Attribute::new("driver", Form::Text),
        Attribute::new("options", Form::Options),
    ],
);

pub(super) static MODELS: Named = Named {
    item: Form::Table(&Table::new(
        "model of a service",
        &[
            Attribute::new("endpoint_var", Form::Text),
            Attribute::new("model_var", Form::Text),
        ],
    )),
    listed: Some(Listed::Null),
    empty: true,
};

pub(super) static NETWORKS: Named = Named {
    item: Form::Table(&Table::new(
        "network of a service",
        &[
            Attribute::new("aliases", Form::List(&NAMED_TEXTS)),
            Attribute::new("driver_opts", Form::Options),
            Attribute::new("gw_priority", ANY),
            Attribute::new("interface_name", Form::Text),
            Attribute::new("ipv4_address", Form::Text),
            Attribute::new("ipv6_address", Form::Text),
            Attribute::new("link_local_ips", Form::List(&NAMED_TEXTS)),
            Attribute::new("mac_address", Form::Text),
            Attribute::new("priority", ANY),
        ],
    )),
    listed: Some(Listed::Null),
    empty: true,
};

pub(super) static PORTS: List = List {
    item: Form::Table(&Table {
        required: &["target"],
        short: Short::Port,
        ..Table::new(
            "port",
            &[
                Attribute::new("app_protocol", Form::Text),
                Attribute::new("host_ip", Form::Text),
                Attribute::warned_but(
                    "mode",
                    Form::Text,
                    "ingress",
                    "there is one machine, and a port is published there",
                ),
                Attribute::new("name", Form::Text),
                Attribute::partly(
                    "protocol",
                    Form::Text,
                    "`tcp` and `udp`; any other is an error",
                ),
                Attribute::new("published", Form::Scalar),
                Attribute::new("target", Form::Int(0, 65_535)),
            ],
        )
    }),
    unique: Unique::Port,
    single: false,
};

pub(super) static PROVIDER: Table = Table {
    required: &["type"],
    ..Table::new(
        "`provider`",
        &[
            Attribute::new("options", Form::MultiOptions),
            Attribute::new("type", Form::Text),
        ],
    )
};

pub(super) static ULIMITS: Named = Named {
    item: Form::Ulimit,
    listed: None,
    empty: false,
};

static VOLUME_BIND: Table = Table::new(
    "`bind` of a mount",
    &[
        Attribute::new("create_host_path", Form::OptOut),
        Attribute::new("propagation", Form::Text),
        Attribute::partly(
            "recursive",
            Form::Choice(&["enabled", "disabled", "writable", "readonly"]),
            "`readonly` needs Docker Engine 25",
        ),
        Attribute::partly(
            "selinux",
            Form::Choice(&["z", "Z"]),
            "beside another `recursive` than `enabled`, and `subpath`, the engine takes no label",
        ),
    ],
);
static VOLUME_VOLUME: Table = Table::new(
    "`volume` of a mount",
    &[
        Attribute::new("labels", Form::Dict(Dict::Labels)),
        Attribute::new("nocopy", Form::Bool),
        Attribute::new("subpath", Form::Text),
    ],
);
pub(super) static VOLUMES: List = List {
    item: Form::Table(&Table {
        required: &["type"],
        short: Short::Volume,
        ..Table::new(
            "mount",
            &[
                Attribute::new("bind", Form::Table(&VOLUME_BIND)),
                Attribute::warned(
                    "consistency",
                    Form::Text,
                    "engines have stopped telling ways of mounting apart",
                ),
                Attribute::new(
                    "image",
                    Form::Table(&Table::new(
                        "`image` of a mount",
                        &[Attribute::new("subpath", Form::Text)],
                    )),
                ),
                Attribute::new("read_only", Form::Bool),
                Attribute::new("source", Form::Text),
                Attribute::new("target", Form::Text),
                Attribute::new(
                    "tmpfs",
                    Form::Table(&Table::new(
                        "`tmpfs` of a mount",
                        &[
                            Attribute::new("mode", Form::Int(0, u32::MAX as i64)),
                            Attribute::new("size", Form::Bytes),
                        ],
                    )),
                ),
                Attribute::partly(
                    "type",
                    Form::Choice(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
                    "`bind`, `volume` and `tmpfs`; any other is an error",
                ),
                Attribute::new("volume", Form::Table(&VOLUME_VOLUME)),
            ],
        )
    }),
    unique: Unique::Target(""),
    single: false,
};
