use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{
    PresetError, PresetService, PresetUse, catalog, definition::Definition, expand, names, options,
};
use crate::stack::{Part, Reference, Template};

fn usage(name: &str) -> PresetUse<'_> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    PresetUse {
        name,
        version: None,
        project: "gold",
        service: "my-db",
        databases: &[],
        volume: true,
        options: &NONE,
    }
}

/// The template as somebody would write it.
fn written(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Reference(own @ Reference::Own { .. }) => own.to_string(),
        Part::Reference(other) => panic!("presets refer to themselves only: {other:?}"),
    };
    template.parts.iter().map(part).collect()
}

fn shown(service: &PresetService) -> String {
    let words = |words: &[Template]| words.iter().map(written).collect::<Vec<_>>();
    let mut text = format!("image {}\n", service.image);
    if let Some(command) = &service.command {
        let _ = writeln!(text, "command {:?}", words(command));
    }
    for (name, value) in &service.env {
        let _ = writeln!(text, "env {name}={}", written(value));
    }
    for (name, port) in &service.ports {
        let _ = writeln!(
            text,
            "port {name} {} {} publish={}",
            port.container, port.scheme, port.publish
        );
    }
    let _ = writeln!(
        text,
        "ready {:?}",
        service.ready.as_ref().map(|probe| &probe.kind)
    );
    for (name, output) in &service.outputs {
        let secret = if output.secret { " (secret)" } else { "" };
        let _ = writeln!(text, "output {name}={}{secret}", written(&output.value));
    }
    for mount in &service.mounts {
        let _ = writeln!(text, "mount {mount:?}");
    }
    let _ = writeln!(text, "volumes {:?}", service.volumes);
    let _ = writeln!(text, "stop {:?} user {:?}", service.stop, service.user);
    for command in &service.provision {
        let _ = writeln!(text, "provision\n{}", words(command).join("\n"));
    }
    text
}

#[test]
fn every_preset_has_its_shape() {
    for name in names() {
        let databases = ["gold_platform".to_owned(), "auth_db".to_owned()];
        let options = BTreeMap::from([("buckets".to_owned(), "uploads, backups".to_owned())]);
        let known = Definition::plain(catalog::table(name).expect("it is in the catalog"))
            .expect("it is well formed");
        let full = PresetUse {
            databases: if known.databases { &databases } else { &[] },
            options: if known.options.is_empty() {
                usage(name).options
            } else {
                &options
            },
            ..usage(name)
        };
        let bare = PresetUse {
            volume: false,
            ..usage(name)
        };
        let text = format!(
            "{}\n--- without volume, databases and options\n{}",
            shown(&expand(&full).expect(name)),
            shown(&expand(&bare).expect(name))
        );
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn every_file_is_in_the_catalog() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stack/presets/data");
    let files: BTreeSet<String> = fs_err::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(
        names(),
        files.iter().map(String::as_str).collect::<Vec<_>>()
    );
}

#[test]
fn everything_that_a_preset_refers_to_is_there() {
    for name in names() {
        let service = expand(&usage(name)).expect(name);
        assert!(
            !shown(&service).replace("${self.", "").contains("${"),
            "{name}"
        );
        let outputs = service.outputs.values().map(|output| &output.value);
        for template in outputs.chain(service.env.values()) {
            for reference in template.references() {
                let Reference::Own { path } = reference else {
                    panic!("{name}: {reference:?}")
                };
                let known = match path.as_slice() {
                    [env, variable] if env == "env" => service.env.contains_key(variable),
                    [output] => {
                        ["host", "port"].contains(&output.as_str())
                            || service.outputs.contains_key(output)
                    }
                    _ => false,
                };
                assert!(known, "{name}: {reference:?}");
            }
        }
        for text in [shown(&service)] {
            for blank in [
                "{version}",
                "{name}",
                "{service}",
                "{project}",
                "{databases}",
                "{buckets}",
                "{bucket}",
            ] {
                assert!(!text.contains(blank), "{name}: {blank}");
            }
        }
    }
}

#[test]
fn a_version_decides_the_image_and_what_goes_with_it() {
    let of = |name, version| {
        expand(&PresetUse {
            version: Some(version),
            ..usage(name)
        })
        .expect(version)
    };
    let target = |version| of("postgres", version).mounts[0].target().to_owned();
    for old in ["14", "9.6", "17.2-alpine"] {
        assert_eq!(target(old), "/var/lib/postgresql/data", "{old}");
    }
    for new in ["18", "18.1-alpine", "19", "latest"] {
        assert_eq!(target(new), "/var/lib/postgresql", "{new}");
    }
    let image = |name, version| of(name, version).image;
    assert_eq!(image("postgres", "14"), "postgres:14");
    assert_eq!(image("rabbitmq", "3.13"), "rabbitmq:3.13-management");
    assert_eq!(
        image("rabbitmq", "3-management-alpine"),
        "rabbitmq:3-management-alpine"
    );
    assert_eq!(image("mailpit", "1.27"), "axllent/mailpit:v1.27");
    assert_eq!(image("mailpit", "latest"), "axllent/mailpit:latest");
}

#[test]
fn a_wrong_use_says_what_to_write() {
    let help = |usage: PresetUse| {
        let error = expand(&usage).expect_err(usage.name);
        format!("{error}\n    {}", error.help().unwrap_or_default())
    };
    let strange = ["auth\"; DROP DATABASE x".to_owned()];
    let option = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let (bucket, buckets, short) = (
        option("bucket", "a"),
        option("buckets", "a"),
        option("buckets", "ok-then, Up_loads"),
    );
    let errors = [
        help(usage("postgress")),
        help(usage("oracle")),
        help(PresetUse {
            version: Some("14 "),
            ..usage("postgres")
        }),
        help(PresetUse {
            databases: &strange,
            ..usage("postgres")
        }),
        help(PresetUse {
            databases: &strange,
            ..usage("redis")
        }),
        help(PresetUse {
            options: &bucket,
            ..usage("minio")
        }),
        help(PresetUse {
            options: &buckets,
            ..usage("redis")
        }),
        help(PresetUse {
            options: &short,
            ..usage("minio")
        }),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn options_are_known_before_they_are_used() {
    assert_eq!(options("minio"), ["buckets"]);
    assert!(options("redis").is_empty());
    assert_eq!(
        expand(&usage("nope")),
        Err(PresetError::Unknown {
            name: "nope".to_owned()
        })
    );
}
