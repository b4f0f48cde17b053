//! What stands at the left edge of a Compose file.

use super::service::SERVICE;
use crate::stack::compose::form::{
    Attribute, Dict, Form, List, Named, Short, TEXT_OR_TEXTS, TEXTS, Table, Unique,
};

const SWARM: &str = "only Docker Swarm has drivers for it";
const EXTERNAL: &str = "what uses it is an error: only Docker Swarm keeps such";

pub(in crate::stack::compose) static PROJECT: Table = Table::new(
    "project",
    &[
        Attribute::new("configs", Form::Named(&CONFIGS)),
        Attribute::new("include", Form::List(&INCLUDES)),
        Attribute::refused(
            "models",
            Form::Named(&MODELS),
            "`dev` has nothing that runs models",
        ),
        Attribute::new("name", Form::Text),
        Attribute::new("networks", Form::Named(&NETWORKS)),
        Attribute::new("secrets", Form::Named(&SECRETS)),
        Attribute::new("services", Form::Named(&SERVICES)),
        Attribute::warned(
            "version",
            Form::Text,
            "it has no meaning any more and can be left out",
        ),
        Attribute::new("volumes", Form::Named(&VOLUMES)),
    ],
);

static SERVICES: Named = Named {
    item: Form::Table(&SERVICE),
    listed: None,
    empty: false,
};

static INCLUDES: List = List {
    item: Form::Table(&INCLUDE),
    unique: Unique::Not,
    single: false,
};
static INCLUDE: Table = Table {
    short: Short::Key("path"),
    extensions: false,
    ..Table::new(
        "`include`",
        &[
            Attribute::new("env_file", Form::List(&TEXT_OR_TEXTS)),
            Attribute::new("path", Form::List(&TEXT_OR_TEXTS)),
            Attribute::new("project_directory", Form::Text),
        ],
    )
};

static MODELS: Named = Named {
    item: Form::Table(&Table {
        required: &["model"],
        ..Table::new(
            "model",
            &[
                Attribute::new("context_size", Form::Int(i64::MIN, i64::MAX)),
                Attribute::new("model", Form::Text),
                Attribute::new("name", Form::Text),
                Attribute::new("runtime_flags", Form::List(&TEXTS)),
            ],
        )
    }),
    listed: None,
    empty: false,
};

static IPAM_POOLS: List = List {
    item: Form::Table(&Table::new(
        "pool of `ipam`",
        &[
            Attribute::new("aux_addresses", Form::Options),
            Attribute::new("gateway", Form::Text),
            Attribute::new("ip_range", Form::Text),
            Attribute::new("subnet", Form::Text),
        ],
    )),
    unique: Unique::Not,
    single: false,
};
static IPAM: Table = Table::new(
    "`ipam`",
    &[
        Attribute::new("config", Form::List(&IPAM_POOLS)),
        Attribute::new("driver", Form::Text),
        Attribute::new("options", Form::Options),
    ],
);
static NETWORKS: Named = Named {
    item: Form::Table(&Table {
        short: Short::Null,
        ..Table::new(
            "network",
            &[
                Attribute::new("attachable", Form::Bool),
                Attribute::new("driver", Form::Text),
                Attribute::new("driver_opts", Form::Options),
                Attribute::new("enable_ipv4", Form::Flag),
                Attribute::new("enable_ipv6", Form::Flag),
                Attribute::new("external", Form::External),
                Attribute::new("internal", Form::Bool),
                Attribute::new("ipam", Form::Table(&IPAM)),
                Attribute::new("labels", Form::Dict(Dict::Labels)),
                Attribute::new("name", Form::Text),
            ],
        )
    }),
    listed: None,
    empty: true,
};

static VOLUMES: Named = Named {
    item: Form::Table(&Table {
        short: Short::Null,
        ..Table::new(
            "volume",
            &[
                Attribute::new("driver", Form::Text),
                Attribute::new("driver_opts", Form::Options),
                Attribute::new("external", Form::External),
                Attribute::new("labels", Form::Dict(Dict::Labels)),
                Attribute::new("name", Form::Text),
            ],
        )
    }),
    listed: None,
    empty: true,
};

static SECRETS: Named = Named {
    item: Form::Table(&Table::new(
        "secret",
        &[
            Attribute::warned("driver", Form::Text, SWARM),
            Attribute::warned("driver_opts", Form::Options, SWARM),
            Attribute::new("environment", Form::Text),
            Attribute::partly("external", Form::External, EXTERNAL),
            Attribute::new("file", Form::Text),
            Attribute::warned(
                "labels",
                Form::Dict(Dict::Labels),
                "nothing is made that could carry them",
            ),
            Attribute::new("name", Form::Text),
            Attribute::warned("template_driver", Form::Text, SWARM),
        ],
    )),
    listed: None,
    empty: false,
};

static CONFIGS: Named = Named {
    item: Form::Table(&Table::new(
        "config",
        &[
            Attribute::new("content", Form::Text),
            Attribute::new("environment", Form::Text),
            Attribute::partly("external", Form::External, EXTERNAL),
            Attribute::new("file", Form::Text),
            Attribute::warned(
                "labels",
                Form::Dict(Dict::Labels),
                "nothing is made that could carry them",
            ),
            Attribute::new("name", Form::Text),
            Attribute::warned("template_driver", Form::Text, SWARM),
        ],
    )),
    listed: None,
    empty: false,
};
