//! Stack files by chance. The tests of what is written draw from it, too.

use std::collections::BTreeSet;

use proptest::prelude::*;

/// Names as stack files may have them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9_-]{0,6}", "[0-9][a-z_]{1,4}", "[a-z]{41,60}"]
        .prop_filter("means itself", |name| name != "self")
}

fn source() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("image = \"a/b:1\"".to_owned()),
        Just("build = \".\"".to_owned()),
        Just("preset = \"postgres:16\"\ndatabases = [\"x\", \"y-z\"]".to_owned()),
        Just("preset = \"redis:7\"\nvolume = false".to_owned()),
        Just("preset = \"minio\"\noptions = { buckets = [\"one\"] }".to_owned()),
        Just("image = \"a\"\nvolumes = [\"./a.conf:/a:ro\", \"./init:/b:ro\"]".to_owned()),
    ]
}

fn extra() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("user = 1000".to_owned()),
        Just("kubernetes = { replicas = 3 }".to_owned()),
        Just(
            "kubernetes = { scale = { max = 5 }, expose = { host = \"h.example\", tls = \"t\" } }"
                .to_owned()
        ),
        Just("promote = false".to_owned()),
        Just(
            "promote = { command = [\"x\", \"$$(y)\"], env = { EXTRA = \"$$(A) $${B}\" } }"
                .to_owned()
        ),
        Just("ready = { exec = [\"true\"] }\nalive = { tcp = 99 }".to_owned()),
        Just("metrics = true".to_owned()),
        Just("limits = { memory = \"64Mi\" }".to_owned()),
    ]
}

/// One service.
#[derive(Debug, Clone)]
pub struct Drawn {
    name: String,
    source: String,
    extra: String,
    job: Option<bool>,
    port: Option<u16>,
    needs: Vec<prop::sample::Index>,
    secret: bool,
}

pub fn drawn() -> impl Strategy<Value = Drawn> {
    let job = prop_oneof![4 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let needs = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    (
        name(),
        source(),
        extra(),
        job,
        prop::option::of(1u16..),
        needs,
        any::<bool>(),
    )
        .prop_map(|(name, source, extra, job, port, needs, secret)| Drawn {
            name,
            source,
            extra,
            job,
            port,
            needs,
            secret,
        })
}

/// A stack of them. Each needs, and is told of, only those before it.
pub fn text(mut services: Vec<Drawn>) -> String {
    let mut seen = BTreeSet::new();
    services.retain(|service| seen.insert(service.name.clone()));
    let mut text = "[secrets]\nKEY = { generate = 16 }\n".to_owned();
    for (at, service) in services.iter().enumerate() {
        let Drawn {
            name,
            source,
            extra,
            job,
            port,
            needs,
            secret,
        } = service;
        text.push_str(&format!("[services.{name}]\n{source}\n{extra}\n"));
        let is_preset = source.contains("preset");
        match job {
            Some(scheduled) if !is_preset => text.push_str(match scheduled {
                true => "job = { schedule = \"1 2 * * *\" }\n",
                false => "job = true\n",
            }),
            _ => {}
        }
        if let (Some(port), false) = (port, is_preset) {
            text.push_str(&format!(
                "ports = {{ http = {port}, Other_One = {{ port = {port}, publish = false }} }}\n"
            ));
        }
        let earlier: BTreeSet<&str> = match at {
            0 => BTreeSet::new(),
            _ => needs
                .iter()
                .map(|index| services[index.index(at)].name.as_str())
                .collect(),
        };
        text.push_str(
            &format!("needs = {earlier:?}\n")
                .replace(['{', '}'], "")
                .replace("= ", "= [")
                .replace('\n', "]\n"),
        );
        let mut env = String::new();
        for (number, other) in earlier.iter().enumerate() {
            let drawn = services.iter().find(|drawn| drawn.name == *other);
            if drawn.is_some_and(|drawn| drawn.source.contains("preset")) {
                env.push_str(&format!(
                    "U{number} = \"a ${{{other}.url}} $(b) ${{secret:KEY}}\", "
                ));
            }
        }
        if *secret {
            env.push_str("KEY = \"${secret:KEY}\", \"odd/name\" = \"$(x)\", ");
        }
        text.push_str(&format!("env = {{ {env}PLAIN = \"$(PLAIN) $$$$\" }}\n"));
    }
    text
}
