//! The five stacks that the format has to carry.

use camino::{Utf8Path, Utf8PathBuf};

use super::summary::summary;
use crate::stack::Stack;
use crate::stack::file::{Diagnostic, Layer, LoadRequest, Loaded, load, parse, render};

fn fixture(name: &str, envs: &[&str]) -> Loaded {
    let start_dir = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/stacks")
        .join(name);
    let envs = envs.iter().map(|env| (*env).to_owned()).collect();
    match load(&LoadRequest {
        start_dir,
        envs,
        ..LoadRequest::default()
    }) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}", render(&error, false, 120)),
    }
}

fn snapshot(name: &str, envs: &[&str]) {
    let loaded = fixture(name, envs);
    // Their sources are not here.
    let is_else = |warning: &&Diagnostic| !warning.message().contains("nothing is watched");
    let warnings: Vec<_> = loaded.warnings.iter().filter(is_else).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    insta::assert_snapshot!([&[name], envs].concat().join("_"), summary(&loaded.stack));
}

#[test]
fn goldplatform() {
    snapshot("goldplatform", &[]);
    snapshot("goldplatform", &["offline"]);
}

#[test]
fn secumsg() {
    snapshot("secumsg", &[]);
    assert_eq!(
        fixture("secumsg", &["argo"])
            .stack
            .kubernetes
            .namespace
            .as_deref(),
        Some("default")
    );
}

#[test]
fn sportshop() {
    snapshot("sportshop", &[]);
    let stack = fixture("sportshop", &[]).stack;
    assert_eq!(
        stack.services["api"].source, stack.services["metrics-worker"].source,
        "one build for both"
    );
    fixture("sportshop", &["cluster"]);
}

#[test]
fn petclinic() {
    snapshot("petclinic", &[]);
    let hosts = |env: &str| {
        let stack = fixture("petclinic", &[env]).stack;
        ["web", "api"].map(|name| {
            stack.services[name]
                .kubernetes
                .expose
                .as_ref()
                .and_then(|e| e.host.clone())
                .unwrap()
        })
    };
    assert_eq!(
        hosts("dev"),
        ["dev.petclinic.example", "dev-api.petclinic.example"]
    );
    assert_eq!(
        hosts("prod"),
        ["prod.petclinic.example", "api.petclinic.example"]
    );
}

#[test]
fn req1() {
    snapshot("req1", &[]);
    let ci = fixture("req1", &["ci"]).stack;
    assert!(
        !ci.services.contains_key("vite"),
        "`false` removes a service"
    );
    assert!(ci.services["app"].watch.is_empty());
}

#[test]
fn the_example_that_people_copy() {
    let start_dir = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/gold-platform");
    for envs in [vec![], vec!["offline".to_owned()]] {
        let request = LoadRequest {
            start_dir: start_dir.clone(),
            envs,
            ..LoadRequest::default()
        };
        match load(&request) {
            Ok(loaded) => assert!(loaded.warnings.is_empty()),
            Err(error) => panic!("{}", render(&error, false, 120)),
        }
    }
}

/// Reads what `dev config` prints in the place of the files that it is from.
fn reads_again(request: &LoadRequest) {
    let loaded = load(request).unwrap_or_else(|error| panic!("{}", render(&error, false, 120)));
    let text = toml::to_string_pretty(&loaded.document).unwrap();
    let layer = Layer {
        path: loaded.stack.dir.join("dev.toml"),
        text: text.clone(),
    };
    let env_text = |path: &Utf8Path| std::fs::read_to_string(path);
    let again = match parse(&loaded.stack.dir, vec![layer], None, &env_text) {
        Ok(again) => again,
        Err(error) => panic!("{}\n{text}", render(&error, false, 120)),
    };
    let layers = loaded.stack.layers.clone();
    let again_stack = Stack {
        layers,
        ..again.stack
    };
    assert_eq!(again_stack, loaded.stack, "{text}");
    assert_eq!(
        serde_json::to_value(&again.document).unwrap(),
        serde_json::to_value(&loaded.document).unwrap()
    );
}

#[test]
fn every_stack_of_ours_printed_as_one_file_reads_again_to_the_same() {
    let root = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut folders = Vec::new();
    for beneath in ["examples", "tests/fixtures/stacks"] {
        for entry in root.join(beneath).read_dir_utf8().unwrap() {
            folders.push(entry.unwrap().path().to_owned());
        }
    }
    folders.retain(|folder| folder.join("dev.toml").is_file());
    assert!(folders.len() >= 6, "{folders:?}");
    for folder in folders {
        let files = folder.read_dir_utf8().unwrap();
        let names = files.map(|file| file.unwrap().file_name().to_owned());
        let envs = names.filter_map(|name| {
            let env = name.strip_prefix("dev.")?.strip_suffix(".toml")?;
            Some(vec![env.to_owned()])
        });
        for envs in envs.chain([Vec::new()]).collect::<Vec<_>>() {
            reads_again(&LoadRequest {
                start_dir: folder.clone(),
                envs,
                ..LoadRequest::default()
            });
        }
    }
}

#[test]
fn the_first_port_stays_the_first_and_what_is_taken_away_stays_away() {
    let dir = tempfile::tempdir().unwrap();
    let start_dir = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    std::fs::write(
        start_dir.join("dev.toml"),
        "[services.db]\npreset = \"postgres:16\"\nenv = { TZ = false }\n\
         [services.api]\nimage = \"x\"\nports = { web = 80, admin = 8080, api = 90 }\nenv_file = \"a.env\"\n\
         command = \"echo $$HOME '\\\"' \\\"\\n\"\nlimits = { cpu = 0.5 }\n[services.gone]\nimage = \"y\"\n",
    )
    .unwrap();
    std::fs::write(start_dir.join("a.env"), "A=1\n").unwrap();
    std::fs::write(
        start_dir.join("dev.more.toml"),
        "[services]\ngone = false\n[services.api]\nenv = { B = \"${db.url}\" }\n",
    )
    .unwrap();
    reads_again(&LoadRequest {
        start_dir,
        envs: vec!["more".to_owned()],
        ..LoadRequest::default()
    });
}
