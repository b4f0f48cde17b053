//! `services.NAME.build`.

use super::service_parts::{BUILD_SECRETS, ULIMITS};
use crate::stack::compose::form::{
    Attribute, Dict, Form, NAMED_TEXTS, Short, TEXT_OR_TEXTS, TEXTS, Table,
};

const ATTESTATIONS: &str = "an image for one machine is attested to nobody";

pub(super) static BUILD: Table = Table {
    short: Short::Key("context"),
    ..Table::new(
        "`build`",
        &[
            Attribute::new("additional_contexts", Form::Dict(Dict::Pairs)),
            Attribute::new("args", Form::Dict(Dict::Arguments)),
            Attribute::new("cache_from", Form::List(&TEXTS)),
            Attribute::warned(
                "cache_to",
                Form::List(&TEXTS),
                "the engine's own builder hands its cache to nobody",
            ),
            Attribute::new("context", Form::Text),
            Attribute::new("dockerfile", Form::Text),
            Attribute::new("dockerfile_inline", Form::Text),
            Attribute::new("entitlements", Form::List(&TEXTS)),
            Attribute::new("extra_hosts", Form::Hosts),
            Attribute::warned("isolation", Form::Text, "only engines on Windows know it"),
            Attribute::new("labels", Form::Dict(Dict::Labels)),
            Attribute::new("network", Form::Text),
            Attribute::new("no_cache", Form::Bool),
            Attribute::new("no_cache_filter", Form::List(&TEXT_OR_TEXTS)),
            Attribute::new("platforms", Form::List(&TEXTS)),
            Attribute::new("privileged", Form::Bool),
            Attribute::warned("provenance", Form::Scalar, ATTESTATIONS),
            Attribute::new("pull", Form::Bool),
            Attribute::warned("sbom", Form::Scalar, ATTESTATIONS),
            Attribute::new("secrets", Form::List(&BUILD_SECRETS)),
            Attribute::new("shm_size", Form::Bytes),
            Attribute::new("ssh", Form::Ssh),
            Attribute::new("tags", Form::List(&NAMED_TEXTS)),
            Attribute::new("target", Form::Text),
            Attribute::new("ulimits", Form::Named(&ULIMITS)),
        ],
    )
};
