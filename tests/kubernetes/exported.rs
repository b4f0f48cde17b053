//! The example's exported files alone, as kubectl and helm take them; the same check from outside passes.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::examples::{Images, example, exchanged};
use crate::support::Stack;

/// With a host of its own, because others are served at the same time.
fn secumsg() -> (Stack, String) {
    let stack = Stack::copy_of(&example("secumsg"));
    let text = fs_err::read_to_string(stack.path("dev.toml")).expect("it is there");
    let host = format!("{}.localhost", stack.name);
    fs_err::write(
        stack.path("dev.toml"),
        text.replace("secumsg.localhost", &host),
    )
    .expect("written");
    (stack, host)
}

/// Builds what the files name, and gives it to the cluster.
fn deliver(stack: &Stack) {
    for target in ["auth", "keys", "messages", "gateway"] {
        let image = format!("{}-{target}:dev", stack.name);
        let mut build = Command::new("docker");
        build.args(["build", "--quiet", "--target", target, "--tag", &image]);
        build.args(["--build-arg", "BASE=dev.local/golang", "."]);
        let built = build.current_dir(stack.path("")).status();
        assert!(built.is_ok_and(|built| built.success()), "{image}");
        let mut saved = Command::new("docker")
            .args(["save", &image])
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker");
        let address = std::env::var("CONTAINERD_ADDRESS").expect("tests/cluster/cluster says it");
        let imported = Command::new("ctr")
            .args([
                "--address",
                &address,
                "--namespace",
                "k8s.io",
                "images",
                "import",
                "-",
            ])
            .stdin(saved.stdout.take().expect("a pipe"))
            .status();
        assert!(imported.is_ok_and(|imported| imported.success()), "{image}");
        saved.wait().expect("it ends");
    }
}

fn is_up(stack: &Stack) {
    for service in ["auth", "keys", "messages", "gateway"] {
        let deployment = format!("deployment/{service}");
        stack.kubectl(&["rollout", "status", &deployment, "--timeout=240s"]);
    }
}

#[test]
fn a_kustomize_tree_alone_passes_the_same_check() {
    let (stack, host) = secumsg();
    let _images = Images(&stack.name);
    deliver(&stack);
    stack
        .dev(&["export", "kustomize", "--env", "offline", "--to", "out"])
        .expect(0);
    let folder = stack.path("out/overlays/default");
    let example = fs_err::read_to_string(folder.join("secrets.env.example")).expect("it is there");
    let value = "x".repeat(64);
    let filled = example.replace("=\n", &format!("={value}\n"));
    fs_err::write(folder.join("secrets.env"), filled).expect("written");
    stack.kubectl(&["apply", "--kustomize", folder.to_str().expect("a path")]);
    is_up(&stack);
    exchanged(&stack, &host);
}

#[test]
fn a_chart_alone_passes_the_same_check() {
    let (stack, host) = secumsg();
    let _images = Images(&stack.name);
    deliver(&stack);
    stack
        .dev(&["export", "helm", "--env", "offline", "--to", "out"])
        .expect(0);
    let example =
        fs_err::read_to_string(stack.path("out/secrets.yaml.example")).expect("it is there");
    let value = "x".repeat(64);
    stack.file("out/secrets.yaml", &example.replace("\"\"", &value));
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exported/programs");
    let programs = Command::new(programs)
        .arg("charts")
        .output()
        .expect("it runs");
    let programs = String::from_utf8(programs.stdout).expect("a path");
    let helm = || {
        let mut helm = Command::new(Path::new(programs.trim()).join("helm"));
        helm.current_dir(stack.path("out"))
            .args(["upgrade", "--install", "secumsg", ".", "--create-namespace"])
            .args(["--namespace", &stack.name, "--values", "secrets.yaml"]);
        let output = helm.output().expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    helm();
    is_up(&stack);
    exchanged(&stack, &host);
    // The jobs are replaced, and run again.
    let job = [
        "get",
        "job/auth-migrate",
        "--output",
        "jsonpath={.metadata.uid}",
    ];
    let first = stack.kubectl(&job);
    helm();
    assert_ne!(stack.kubectl(&job), first);
}
