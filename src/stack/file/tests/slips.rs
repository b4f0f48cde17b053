//! One slip of the fingers is told once, where it was made: nothing else of the stack becomes wrong by it.

use camino::Utf8Path;

use crate::stack::file::{LoadError, LoadRequest, load};

const COMPOSE: &str = "\
services:
  db:
    image: postgres:15
  web:
    image: busybox
    depends_on: [db]
";

/// Stands on the Compose file: `web` has no source of its own here, and `db` is only there.
const UPON: &str = r#"name = "shop"
compose = "compose.yaml"

[services.api]
image = "busybox"
needs = ["db"]
ports = { http = 8000 }
ready = { http = "/", within = "2m" }

[services.web]
env = { API = "${api.http.url}" }
watch = [{ paths = ["app"], sync = "/app" }]
"#;

const PLAIN: &str = r#"name = "shop"

[secrets]
KEY = { env = "KEY" }

[services.db]
preset = "postgres:16"
databases = ["orders"]

[services.api]
image = "busybox"
command = ["serve"]
needs = ["db"]
ports = { http = 8000 }
ready = { http = "/", within = "2m" }
env = { DB = "${db.orders.url}", KEY = "${secret:KEY}" }

[services.web]
run = "npm run dev"
env = { API = "${api.http.url}" }
"#;

fn read(files: &[(&str, &str)]) -> Result<(), LoadError> {
    let temp = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(temp.path().join(name), text).unwrap();
    }
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let request = LoadRequest {
        start_dir: dir.canonicalize_utf8().unwrap(),
        ..LoadRequest::default()
    };
    load(&request).map(|_| ())
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

/// `LINE:COLUMN code | help` of each error.
fn told(result: Result<(), LoadError>) -> Vec<String> {
    let error = result.unwrap_err();
    let told = error.diagnostics.iter().map(|diagnostic| {
        let Some(place) = diagnostic.location() else {
            return format!("nowhere: {diagnostic}");
        };
        let code = diagnostic
            .code()
            .as_str()
            .trim_start_matches("dev::stack::");
        let help = diagnostic.help().unwrap_or_default();
        format!("{}:{} {code} | {help}", place.line, place.column)
    });
    told.collect()
}

/// Each change of the text leads to one error, at this place and with this in its help.
fn one_each(text: &str, slips: &[(&str, &str, &str, &str)]) {
    let beneath = ("compose.yaml", COMPOSE);
    read(&[beneath, ("dev.toml", text)]).unwrap();
    let mut wrong = Vec::new();
    for (from, to, place, help) in slips {
        let told = told(read(&[beneath, ("dev.toml", &changed(text, from, to))]));
        match told.as_slice() {
            [one] if one.starts_with(place) && one.contains(help) => {}
            _ => wrong.push((to, told)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn upon_a_compose_file() {
    one_each(
        UPON,
        &[
            ("needs =", "need =", "6:1 unknown_key", "`needs`"),
            (
                "\"busybox\"",
                "busybox",
                "5:9 syntax",
                "between quotation marks",
            ),
            ("image =", "imge =", "5:1 unknown_key", "`image`"),
            ("\"busybox\"", "7", "5:9 wrong_type", "image"),
            ("busybox\"", "busybox", "5:17 syntax", "in the same line"),
            ("[\"db\"]", "[\"bd\"]", "6:10 unknown_service", "`db`"),
            ("http = 8000", "http = 80000", "7:18 bad_port", "65535"),
            ("\"2m\"", "\"2 mins\"", "8:32 bad_duration", "\"10s\""),
            (
                "ready = { http",
                "ready = { htp",
                "8:11 unknown_key",
                "`http`",
            ),
            ("ready =", "redy =", "8:1 unknown_key", "`ready`"),
            (
                "ports = { http = 8000 }",
                "ports = [8000]",
                "7:9 wrong_type",
                "{ http = 8000 }",
            ),
            (
                "ports = { http = 8000 }",
                "port = 8000",
                "7:1 unknown_key",
                "`ports`: a table",
            ),
            ("[services.web]", "[services.api]", "10:11 syntax", "join"),
            (
                "[services.web]",
                "[service.web]",
                "10:2 unknown_key",
                "`services`",
            ),
            (
                "[services.web]",
                "[services.wbe]",
                "10:11 no_source",
                "`web`",
            ),
            (
                "${api.http.url}",
                "${apy.http.url}",
                "11:16 unknown_service",
                "`api`",
            ),
            ("paths =", "pahts =", "12:12 unknown_key", "`paths`"),
            ("paths =", "pathz =", "12:12 unknown_key", "`paths`"),
            ("compose =", "compse =", "2:1 unknown_key", "`compose`"),
            (
                "compose.yaml",
                "compos.yaml",
                "2:11 other_file",
                "\"compose.yaml\"",
            ),
            ("\"compose.yaml\"", "true", "2:11 wrong_type", "text"),
            (
                "name = \"shop\"",
                "name = \"The Shop\"",
                "1:8 bad_name",
                "the-shop",
            ),
        ],
    );
}

#[test]
fn in_a_stack_file_alone() {
    one_each(
        PLAIN,
        &[
            (
                "{ env = \"KEY\" }",
                "{ evn = \"KEY\" }",
                "4:9 unknown_key",
                "`env`",
            ),
            ("{ env = \"KEY\" }", "\"KEY\"", "4:7 wrong_type", "table"),
            ("[secrets]", "[secret]", "3:2 unknown_key", "`secrets`"),
            ("preset =", "prest =", "7:1 unknown_key", "`preset`"),
            (
                "postgres:16",
                "postgers:16",
                "7:10 unknown_preset",
                "`postgres`",
            ),
            (
                "databases = [\"orders\"]",
                "databases = [1]",
                "8:14 wrong_type",
                "",
            ),
            (
                "databases =",
                "database =",
                "8:1 unknown_key",
                "`databases`",
            ),
            (
                "[services.db]",
                "[servces.db]",
                "6:2 unknown_key",
                "`services`",
            ),
            ("http = 8000", "http = 80000", "14:18 bad_port", "65535"),
            (
                "http = 8000",
                "http = \"abc\"",
                "14:18 bad_port",
                "HOST:CONTAINER",
            ),
            ("command =", "cmd =", "12:1 unknown_key", "`command`"),
            ("run =", "rnu =", "19:1 unknown_key", "`run`"),
            ("orders.url", "order.url", "16:15 unknown_output", "orders"),
            ("secret:KEY", "secret:KYE", "16:41 unknown_secret", "`KEY`"),
            ("[\"db\"]", "\"db\"", "13:9 wrong_type", "a list"),
        ],
    );
}

#[test]
fn what_is_wrong_in_both_is_told_of_both() {
    let upper = changed(UPON, "\"2m\"", "\"2 mins\"");
    let lower = COMPOSE.replace("depends_on", "depend_on");
    let told = told(read(&[("compose.yaml", &lower), ("dev.toml", &upper)]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("bad_duration"), "{told:?}");
    assert!(told[1].contains("`depends_on`"), "{told:?}");
}

#[test]
fn in_a_compose_file() {
    let slips = [
        (
            "    depends_on",
            "    depend_on",
            "6:5 unknown_key",
            "`depends_on`",
        ),
        ("[db]", "[dbb]", "6:18 unknown_service", "`db`"),
        ("    depends_on", "\tdepends_on", "6:1 syntax", "spaces"),
        (
            "    image: busybox",
            "   image: busybox",
            "6:15 syntax",
            "indented",
        ),
        (
            "    depends_on",
            "  depends_on",
            "6:15 wrong_type",
            "indent",
        ),
        (
            "image: busybox",
            "image:busybox",
            "6:15 syntax",
            "a space behind it",
        ),
        (
            "image: busybox",
            "image: \"busybox",
            "5:12 syntax",
            "quotation",
        ),
        ("image: busybox", "image busybox", "6:15 syntax", "`:`"),
        ("[db]", "[db", "6:19 syntax", "brackets"),
        ("  web:", "  db:", "4:3 syntax", ""),
        ("services:", "service:", "1:1 unknown_key", "`services`"),
        ("image: busybox", "image: 7", "5:12 wrong_type", ""),
    ];
    let mut wrong = Vec::new();
    for (from, to, place, help) in slips {
        let told = told(read(&[("compose.yaml", &changed(COMPOSE, from, to))]));
        match told.as_slice() {
            [one] if one.starts_with(place) && one.contains(help) => {}
            _ => wrong.push((to, told)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
