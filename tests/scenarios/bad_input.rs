//! Stack files that are none: exit code 2, every error at its place, and nothing else happens.

use std::fs;

use super::support::Stack;

/// Runs `dev up` on this stack file; the texts have to appear.
fn refused(topic: &str, toml: &str, says: &[&str]) {
    let stack = Stack::without_engine(topic, toml);
    for command in ["up", "config", "plan"] {
        let mut outcome = stack.dev([command]).exits(2);
        for text in says {
            outcome = outcome.says_on_stderr(text);
        }
        assert_eq!(outcome.stdout, "", "{}", outcome.story());
    }
}

#[test]
fn all_errors_of_a_file_are_shown_at_once_each_with_place_code_and_help() {
    let toml = r#"
[services.db]
preset = "postgress:15"

[services.api]
imgae = "api"
needs = ["dbb"]
ports = { http = 80000 }
"#;
    refused(
        "many",
        toml,
        &[
            "dev.toml",
            "dev::stack::unknown_preset",
            "postgres",
            "dev::stack::unknown_key",
            "imgae",
            "image",
            "dev::stack::unknown_service",
            "dbb",
            "dev::stack::bad_port",
            "80000",
        ],
    );
}

#[test]
fn each_kind_of_error_has_its_code() {
    let service = "[services.a]\nimage = \"x\"\n";
    for (code, toml) in [
        ("syntax", "[services.a\n".to_owned()),
        ("unknown_key", format!("{service}colour = \"red\"\n")),
        ("wrong_type", format!("{service}replicas = \"two\"\n")),
        (
            "missing_key",
            format!("{service}watch = [{{ sync = \"/x\" }}]\n"),
        ),
        ("bad_value", format!("{service}replicas = -1\n")),
        (
            "bad_duration",
            format!("{service}ready = {{ exec = \"true\", every = \"soon\" }}\n"),
        ),
        (
            "bad_size",
            format!("{service}limits = {{ memory = \"much\" }}\n"),
        ),
        (
            "bad_signal",
            format!("{service}stop = {{ signal = \"BYE\" }}\n"),
        ),
        ("bad_port", format!("{service}ports = {{ http = 0 }}\n")),
        (
            "bad_name",
            "[services.\"Not OK\"]\nimage = \"x\"\n".to_owned(),
        ),
        (
            "bad_template",
            format!("{service}env = {{ A = \"${{\" }}\n"),
        ),
        ("unknown_service", format!("{service}needs = [\"b\"]\n")),
        (
            "unknown_output",
            format!("{service}env = {{ A = \"${{a.colour}}\" }}\n"),
        ),
        (
            "unknown_secret",
            format!("{service}env = {{ A = \"${{secret:NONE}}\" }}\n"),
        ),
        (
            "unknown_network",
            format!("{service}networks = [\"back\"]\n"),
        ),
        (
            "unknown_preset",
            "[services.a]\npreset = \"oracle:23\"\n".to_owned(),
        ),
        ("no_source", "[services.a]\nneeds = []\n".to_owned()),
        ("two_sources", format!("{service}build = \".\"\n")),
        (
            "port_conflict",
            format!(
                "{service}ports = {{ x = \"18080:80\" }}\n[services.b]\nimage = \"x\"\nports = {{ x = \"18080:80\" }}\n"
            ),
        ),
        (
            "env_file",
            format!("{service}env_file = [\"no-such.env\"]\n"),
        ),
    ] {
        refused("kind", &toml, &[&format!("dev::stack::{code}"), "dev.toml"]);
    }
}

#[test]
fn a_cycle_is_shown_as_one() {
    let service = |name: &str, need: &str| {
        format!("[services.{name}]\nimage = \"x\"\nneeds = [\"{need}\"]\n")
    };
    let toml = format!(
        "{}{}{}",
        service("anna", "bert"),
        service("bert", "cleo"),
        service("cleo", "anna")
    );
    refused(
        "cycle",
        &toml,
        &["dev::stack::cycle", "anna", "bert", "cleo"],
    );
}

#[test]
fn an_empty_file_says_what_a_stack_needs() {
    let stack = Stack::without_engine("empty", "");
    for text in ["", "\n\n", "# only words\n"] {
        stack.write("dev.toml", text);
        stack
            .dev(["up"])
            .exits(2)
            .says_on_stderr("dev::stack::empty")
            .says_on_stderr("[services");
    }
}

#[test]
fn a_folder_a_huge_file_and_one_that_is_no_text_are_refused() {
    let stack = Stack::without_engine("nofile", "");
    stack.write("dev.toml", b"name = \"caf\xe9\"\n");
    stack
        .dev(["up"])
        .exits(2)
        .says_on_stderr("dev::stack::not_utf8");

    stack.write("dev.toml", vec![b'#'; 10 << 20]);
    stack
        .dev(["up"])
        .exits(2)
        .says_on_stderr("dev::stack::too_large");

    fs::remove_file(stack.path("dev.toml")).unwrap();
    fs::create_dir(stack.path("dev.toml")).unwrap();
    stack
        .dev(["up"])
        .exits(2)
        .says_on_stderr("dev::stack::not_a_file");

    fs::remove_dir(stack.path("dev.toml")).unwrap();
    stack
        .dev(["up"])
        .exits(2)
        .says_on_stderr("dev::stack::not_found");
}

#[test]
fn layers_and_services_that_do_not_exist_are_named_with_the_nearest_known() {
    let stack = Stack::without_engine("nearest", "[services.api]\nimage = \"x\"\n");
    stack.write("dev.offline.toml", "");
    stack
        .dev(["--env", "ofline", "up"])
        .exits(2)
        .says_on_stderr("missing_layer")
        .says_on_stderr("offline");
    stack
        .dev(["up", "apu"])
        .exits(2)
        .says_on_stderr("apu")
        .says_on_stderr("api");
}

#[test]
fn errors_show_the_text_and_no_secret_of_an_env_file() {
    let stack = Stack::without_engine(
        "envfile",
        "[services.api]\nimage = \"x\"\nenv_file = [\"app.env\"]\n",
    );
    stack.write("app.env", "GOOD=1\nthis line = is hunter2 no variable\n");
    stack
        .dev(["up"])
        .exits(2)
        .says_on_stderr("dev::stack::env_file")
        .does_not_say("hunter2");
}

#[test]
fn a_rule_that_watches_nothing_is_refused_where_it_says_so() {
    refused(
        "nopaths",
        "[services.api]\nimage = \"api\"\nwatch = [{ paths = [], sync = \"/x\" }]\n",
        &["dev::stack::bad_value", "names nothing", "watches no files"],
    );
}
