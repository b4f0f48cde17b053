//! `services.NAME.deploy`.

use crate::stack::UpdateOrder;
use crate::stack::compose::form::{
    Attribute, Dict, Form, List, STRICT_TEXTS, Short, TEXTS, Table, Unique,
};

const ONE_MACHINE: &str = "there is one machine, and nothing to choose";
const NO_ROLLOUT: &str = "there is no rolling update on one machine: a container is replaced";

const BACKOFF: &str = "`dev` waits longer after each restart, and begins anew after a steady while";

const ALL_AT_ONCE: &str = "containers of a service are replaced at once, each as soon as it can be";

static UPDATE: Table = Table::new(
    "`update_config`",
    &[
        Attribute::warned("delay", Form::Duration, ALL_AT_ONCE),
        Attribute::warned(
            "failure_action",
            Form::Text,
            "the one before stays or comes back",
        ),
        Attribute::warned("max_failure_ratio", Form::Number, ALL_AT_ONCE),
        Attribute::warned(
            "monitor",
            Form::Duration,
            "the one before goes once the new one is ready",
        ),
        Attribute::new("order", Form::Choice(&UpdateOrder::WORDS)),
        Attribute::warned("parallelism", Form::Count, ALL_AT_ONCE),
    ],
);

static ROLLBACK: Table = Table::new(
    "`rollback_config`",
    &[
        Attribute::new("delay", Form::Duration),
        Attribute::new("failure_action", Form::Text),
        Attribute::new("max_failure_ratio", Form::Number),
        Attribute::new("monitor", Form::Duration),
        Attribute::new("order", Form::Choice(&UpdateOrder::WORDS)),
        Attribute::new("parallelism", Form::Count),
    ],
);

static DEVICE_REQUESTS: List = List {
    item: Form::Table(&Table {
        required: &["capabilities"],
        ..Table::new("device request", DEVICE_REQUEST)
    }),
    unique: Unique::Not,
    single: false,
};
pub(super) static GPUS: List = List {
    item: Form::Table(&Table {
        short: Short::Key("count"),
        ..Table::new("device request", DEVICE_REQUEST)
    }),
    unique: Unique::Not,
    single: true,
};
static DEVICE_REQUEST: &[Attribute] = &[
    Attribute::new("capabilities", Form::List(&STRICT_TEXTS)),
    Attribute::new("count", Form::DeviceCount),
    Attribute::new("device_ids", Form::List(&STRICT_TEXTS)),
    Attribute::new("driver", Form::Text),
    Attribute::new("options", Form::Dict(Dict::Labels)),
];

static GENERIC: List = List {
    item: Form::Table(&Table::new(
        "generic resource",
        &[Attribute::new(
            "discrete_resource_spec",
            Form::Table(&Table::new(
                "`discrete_resource_spec`",
                &[
                    Attribute::new("kind", Form::Text),
                    Attribute::new("value", Form::Count),
                ],
            )),
        )],
    )),
    unique: Unique::Not,
    single: false,
};

static RESOURCES: Table = Table::new(
    "`deploy.resources`",
    &[
        Attribute::new(
            "limits",
            Form::Table(&Table::new(
                "`limits` of `deploy`",
                &[
                    Attribute::new("cpus", Form::Number),
                    Attribute::new("memory", Form::Bytes),
                    Attribute::new("pids", Form::Int(i64::MIN, i64::MAX)),
                ],
            )),
        ),
        Attribute::new(
            "reservations",
            Form::Table(&Table::new(
                "`reservations` of `deploy`",
                &[
                    Attribute::warned("cpus", Form::Number, ONE_MACHINE),
                    Attribute::new("devices", Form::List(&DEVICE_REQUESTS)),
                    Attribute::warned("generic_resources", Form::List(&GENERIC), ONE_MACHINE),
                    Attribute::new("memory", Form::Bytes),
                ],
            )),
        ),
    ],
);

static PREFERENCES: List = List {
    item: Form::Table(&Table::new(
        "preference",
        &[Attribute::new("spread", Form::Text)],
    )),
    unique: Unique::Not,
    single: false,
};

pub(super) static DEPLOY: Table = Table {
    short: Short::Null,
    ..Table::new(
        "`deploy`",
        &[
            Attribute::warned("endpoint_mode", Form::Text, ONE_MACHINE),
            Attribute::warned(
                "labels",
                Form::Dict(Dict::Labels),
                "only a cluster has services that could carry them",
            ),
            Attribute::warned("mode", Form::Text, ONE_MACHINE),
            Attribute::warned(
                "placement",
                Form::Table(&Table::new(
                    "`placement`",
                    &[
                        Attribute::new("constraints", Form::List(&TEXTS)),
                        Attribute::new("max_replicas_per_node", Form::Int(0, i64::MAX)),
                        Attribute::new("preferences", Form::List(&PREFERENCES)),
                    ],
                )),
                ONE_MACHINE,
            ),
            Attribute::new("replicas", Form::Count),
            Attribute::new("resources", Form::Table(&RESOURCES)),
            Attribute::new(
                "restart_policy",
                Form::Table(&Table::new(
                    "`restart_policy`",
                    &[
                        Attribute::new("condition", Form::Text),
                        Attribute::warned("delay", Form::Duration, BACKOFF),
                        Attribute::new("max_attempts", Form::Count),
                        Attribute::warned("window", Form::Duration, BACKOFF),
                    ],
                )),
            ),
            Attribute::warned("rollback_config", Form::Table(&ROLLBACK), NO_ROLLOUT),
            Attribute::new("update_config", Form::Table(&UPDATE)),
        ],
    )
};
