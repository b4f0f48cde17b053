//! Which files make a stack, and what is said where they do not.

use camino::{Utf8Path, Utf8PathBuf};

use crate::stack::file::{Code, LoadError, LoadRequest, Loaded, load, render};

const STACK: &str = "[services.a]\nimage = \"x\"\n";

struct Folder {
    temp: tempfile::TempDir,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self {
            temp: tempfile::tempdir().unwrap(),
        };
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path())
            .unwrap()
            .canonicalize_utf8()
            .unwrap()
    }

    fn load(&self, from: &str, envs: &[&str]) -> Result<Loaded, LoadError> {
        let envs = envs.iter().map(|env| (*env).to_owned()).collect();
        load(&LoadRequest {
            start_dir: self.path().join(from),
            envs,
            ..LoadRequest::default()
        })
    }

    fn told(&self, code: Code, result: Result<Loaded, LoadError>) {
        let error = result.unwrap_err();
        assert_eq!(error.diagnostics[0].code(), code);
        let text = render(&error, false, 100);
        let joined = text
            .replace("\n  │ ", " ")
            .replace(self.path().as_str(), "DIR");
        insta::assert_snapshot!(code.as_str().trim_start_matches("dev::stack::"), joined);
    }
}

#[test]
fn a_stack_is_found_from_below_with_its_layers() {
    let files = [
        ("dev.toml", STACK),
        ("dev.ci.toml", ""),
        ("dev.eu.toml", ""),
        ("dev.local.toml", ""),
        ("src/deep/x", ""),
    ];
    let folder = Folder::new(&files);
    let stack = folder.load("src/deep", &["eu", "ci", "eu"]).unwrap().stack;
    assert_eq!(stack.dir, folder.path());
    let names: Vec<&str> = stack
        .layers
        .iter()
        .filter_map(|layer| layer.file_name())
        .collect();
    assert_eq!(
        names,
        ["dev.toml", "dev.eu.toml", "dev.ci.toml", "dev.local.toml"]
    );
}

#[test]
fn a_link_to_a_checkout_is_the_same_stack() {
    let folder = Folder::new(&[("real/dev.toml", STACK)]);
    std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
    let name = |from: &str| folder.load(from, &[]).unwrap().stack.name;
    assert_eq!(name("link"), name("real"));
    assert!(name("real").starts_with("real-"));
}

#[test]
fn another_file_has_layers_of_its_own_name() {
    let folder = Folder::new(&[
        ("dev.toml", ""),
        ("x/shop.toml", STACK),
        ("x/shop.ci.toml", "name = \"ci\""),
    ]);
    let request = LoadRequest {
        start_dir: folder.path(),
        files: vec!["x/shop.toml".into()],
        envs: vec!["ci".to_owned()],
        ..LoadRequest::default()
    };
    assert_eq!(load(&request).unwrap().stack.name, "ci");
    assert_eq!(
        load(&LoadRequest {
            name: Some("mine".to_owned()),
            ..request.clone()
        })
        .unwrap()
        .stack
        .name,
        "mine"
    );
    let error = load(&LoadRequest {
        name: Some("Mine!".to_owned()),
        ..request
    })
    .unwrap_err();
    assert_eq!(error.diagnostics[0].code(), Code::BadName);
}

#[test]
fn a_project_directory_is_not_for_a_dev_toml() {
    let folder = Folder::new(&[("dev.toml", STACK), ("x/compose.yaml", "services: {}")]);
    let load_in = |dir: &str| {
        load(&LoadRequest {
            start_dir: folder.path(),
            project_dir: Some(dir.into()),
            ..LoadRequest::default()
        })
    };
    assert!(load_in(".").is_ok());
    let error = load_in("x").unwrap_err();
    assert_eq!(error.diagnostics[0].code(), Code::NotFound);
    let said = error.diagnostics[0].message();
    assert!(said.contains("about Compose files"), "{said}");
}

#[test]
fn no_stack_file() {
    let folder = Folder::new(&[]);
    folder.told(Code::NotFound, folder.load("", &[]));
    let request = LoadRequest {
        start_dir: folder.path(),
        files: vec!["gone.toml".into()],
        ..LoadRequest::default()
    };
    assert_eq!(
        load(&request).unwrap_err().diagnostics[0].code(),
        Code::NotFound
    );
}

#[test]
fn a_folder_with_only_a_compose_file_is_a_stack() {
    let compose = "services: {web: {image: nginx}}";
    let folder = Folder::new(&[("Shop-1/compose.yaml", compose)]);
    let stack = folder.load("Shop-1", &[]).unwrap().stack;
    assert_eq!(stack.name, "shop-1");
    assert_eq!(stack.dir, folder.path().join("Shop-1"));
    // Where both are, dev.toml leads; that is named is taken.
    let folder = Folder::new(&[("compose.yaml", compose), ("dev.toml", STACK)]);
    assert!(
        !folder
            .load("", &[])
            .unwrap()
            .stack
            .services
            .contains_key("web")
    );
    let named = LoadRequest {
        start_dir: folder.path(),
        files: vec!["compose.yaml".into()],
        ..LoadRequest::default()
    };
    assert!(load(&named).unwrap().stack.services.contains_key("web"));
}

#[test]
fn a_folder_instead_of_a_file() {
    let folder = Folder::new(&[("dev.toml/x", "")]);
    folder.told(Code::NotAFile, folder.load("", &[]));
}

#[test]
fn a_link_that_leads_nowhere() {
    let folder = Folder::new(&[("sub/x", ""), ("dev.toml", STACK)]);
    std::os::unix::fs::symlink("dev.toml", folder.path().join("sub/dev.toml")).unwrap();
    folder.told(Code::Unreadable, folder.load("sub", &[]));
    std::os::unix::fs::symlink("gone", folder.path().join("dev.local.toml")).unwrap();
    assert_eq!(
        folder.load("", &[]).unwrap_err().diagnostics[0].code(),
        Code::Unreadable
    );
}

#[test]
fn a_socket_instead_of_a_file() {
    let folder = Folder::new(&[]);
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("dev.toml")).unwrap();
    assert_eq!(
        folder.load("", &[]).unwrap_err().diagnostics[0].code(),
        Code::NotAFile
    );
}

#[test]
fn a_path_through_a_file() {
    let folder = Folder::new(&[("dev.toml", STACK)]);
    let request = LoadRequest {
        start_dir: folder.path(),
        files: vec!["dev.toml/x".into()],
        ..LoadRequest::default()
    };
    assert_eq!(
        load(&request).unwrap_err().diagnostics[0].code(),
        Code::NotFound
    );
}

#[test]
fn ten_megabytes_are_refused_at_once() {
    let folder = Folder::new(&[("dev.toml", &"# x\n".repeat(2_500_000))]);
    folder.told(Code::TooLarge, folder.load("", &[]));
}

#[test]
fn what_is_not_utf8() {
    let folder = Folder::new(&[]);
    std::fs::write(folder.path().join("dev.toml"), b"name = \"x\"\n# caf\xe9\n").unwrap();
    folder.told(Code::NotUtf8, folder.load("", &[]));
}

#[test]
fn a_layer_that_does_not_exist() {
    let folder = Folder::new(&[
        ("dev.toml", STACK),
        ("dev.prod.toml", ""),
        ("dev.offline.toml", ""),
        ("dev.local.toml", ""),
    ]);
    folder.told(
        Code::MissingLayer,
        folder.load("", &["ofline", "staging", "../x"]),
    );
}

#[test]
fn an_env_file_is_read_beside_the_stack_file() {
    let stack =
        "[services.a]\nimage = \"x\"\nenv_file = [\"a.env\", \"b.env\"]\nenv = { C = \"3\" }\n";
    let folder = Folder::new(&[
        ("dev.toml", stack),
        ("a.env", "A=1\nB=${x}"),
        ("b.env", "A=2\nC=2"),
        ("sub/x", ""),
    ]);
    let env = folder.load("sub", &[]).unwrap().stack.services["a"]
        .env
        .clone();
    let env: Vec<String> = env
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(env, ["A=2", "B=$${x}", "C=3"]);
}
