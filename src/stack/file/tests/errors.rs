//! What people are told. One snapshot for each code, rendered as a terminal shows it, and finer points below.

use super::super::{CODES, Code, check_outside};
use super::{errors, read};
use crate::stack::file::render;
use crate::stack::resolve::Facts;

/// Renders what is wrong with the layers; every finding must have the code, so that each snapshot is about one thing.
fn told(code: Code, files: &[(&str, &str)]) {
    let error = read(files).unwrap_err();
    let codes: Vec<Code> = error.diagnostics.iter().map(|d| d.code()).collect();
    assert!(codes.iter().all(|found| *found == code), "{codes:?}");
    insta::assert_snapshot!(name(code), render(&error, false, 100));
}

fn name(code: Code) -> &'static str {
    code.as_str().trim_start_matches("dev::stack::")
}

const DB: &str = "[services.db]\npreset = \"postgres:16\"\n";

#[test]
fn tables_and_types() {
    told(
        Code::Syntax,
        &[(
            "dev.toml",
            "[services.a\nimage = \"x\"\n\n[services.b]\nimage = x:1\n",
        )],
    );
    told(
        Code::UnknownKey,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\ncomand = [\"x\"]\ndepends_on = [\"b\"]\ncolour = \"red\"\nready = { htp = \"/\", log = \"x\" }\n\n\
         [service.b]\nimage = \"y\"\n",
        )],
    );
    told(
        Code::WrongType,
        &[(
            "dev.toml",
            "[services.a]\nimage = 7\nenv = { DEBUG = true }\nports = [8000]\nneeds = { b = [] }\nreplicas = \"two\"\nready = true\n\
         [services.b]\nimage = \"x\"\nlimits = 3\n",
        )],
    );
    told(
        Code::MissingKey,
        &[(
            "dev.toml",
            "[secrets]\nA = {}\n[services.a]\nimage = \"x\"\nready = { within = \"1m\" }\nalive = { http = \"/\" }\n\
         watch = [{ sync = \"/x\" }, { paths = \"app\" }]\nports = { http = { publish = false } }\nkubernetes = { scale = { min = 1 } }\n",
        )],
    );
    told(
        Code::Conflict,
        &[(
            "dev.toml",
            "[secrets]\nA = { env = \"A\", generate = 32 }\n[services.a]\nrun = \"x\"\nvolumes = [\"data:/data\"]\n\
         [services.b]\nimage = \"x\"\ndatabases = [\"x\"]\nnetwork = \"host\"\nnetworks = [\"default\"]\nready = { log = \"x\", tcp = 80 }\n\
         watch = [{ paths = \"app\", sync = \"/app\", then = \"rebuild\" }]\n",
        )],
    );
}

#[test]
fn values() {
    told(
        Code::BadValue,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x:${TAG}\"\nrestart = \"allways\"\nready = { http = \"health\" }\nports = { http = 80 }\n\
         alive = { log = \"(\" }\nvolumes = [\"conf:conf\"]\nlimits = { cpu = 0 }\nreplicas = -1\njob = { schedule = \"daily\" }\n",
        )],
    );
    told(
        Code::BadDuration,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nstop = { grace = \"10\" }\nready = { tcp = 80, every = \"0s\", within = \"2 min\" }\n",
        )],
    );
    told(
        Code::BadSize,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nlimits = { memory = \"512m\", log = \"lots\" }\nkubernetes = { storage = \"10\u{a0}Gi\" }\n",
        )],
    );
    told(
        Code::BadSignal,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nstop = { signal = \"SIGTEMR\" }\n",
        )],
    );
    told(
        Code::BadPort,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nports = { a = 0, b = \"80:70000\", c = \"localhost:80:80\", d = { port = 99999 }, e = \"80-90:80\" }\n",
        )],
    );
    told(
        Code::BadName,
        &[(
            "dev.toml",
            "name = \"Gold Platform\"\n[services.Api]\nimage = \"x\"\n[services.self]\nimage = \"x\"\n",
        )],
    );
    told(
        Code::ReferenceInRun,
        &[(
            "dev.toml",
            "[services.a]\nrun = \"python3 -m http.server ${self.http.port} --db ${db.url} ${DIR:-x.y}\"\nports = { http = 8000 }\n\
             [services.db]\npreset = \"postgres:16\"\n",
        )],
    );
    told(
        Code::BadTemplate,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nenv = { A = \"x ${HOME} y\", B = \"${db.url\", C = '${git:tag}', D = \"a\\tb ${}\" }\n",
        )],
    );
}

#[test]
fn names_that_are_not_there() {
    let text = format!(
        "{DB}[services.api]\nimage = \"x\"\nneeds = [\"bd\", \"queue\"]\nenv = {{ URL = \"${{database.url}}\" }}\n"
    );
    told(Code::UnknownService, &[("dev.toml", &text)]);
    let text = format!(
        "{DB}databases = [\"auth\"]\n[services.api]\nimage = \"x\"\nenv = {{ URL = \"${{db.auht.url}}\", A = \"${{db.uri}}\", B = \"${{self.url}}\" }}\n"
    );
    told(Code::UnknownOutput, &[("dev.toml", &text)]);
    told(
        Code::UnknownPort,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nports = { http = 80 }\nready = { tcp = \"htpp\" }\nkubernetes = { expose = { port = \"web\" } }\n",
        )],
    );
    let text = "[networks]\nfront = {}\nback = {}\n[services.db]\npreset = \"postgres:16\"\nnetworks = [\"back\"]\nports = { postgres = { publish = false } }\n\
                [services.web]\nimage = \"x\"\nnetworks = [\"front\"]\nenv = { URL = \"${db.url}\" }\n\
                [services.tool]\nrun = \"x\"\nenv = { URL = \"${db.url}\" }\n";
    told(Code::Unreachable, &[("dev.toml", text)]);
    told(
        Code::UnknownSecret,
        &[(
            "dev.toml",
            "[secrets]\nJWT_KEY = { generate = 32 }\n[services.a]\nbuild = { secrets = [\"NPM\"] }\nenv = { A = \"${secret:JWT}\" }\n",
        )],
    );
    told(
        Code::UnknownNetwork,
        &[(
            "dev.toml",
            "[networks.backend]\n[services.a]\nimage = \"x\"\nnetworks = [\"backnd\", \"web\"]\n",
        )],
    );
    told(
        Code::UnknownPreset,
        &[("dev.toml", "[services.a]\npreset = \"postgresql:16\"\n")],
    );
}

#[test]
fn stacks_that_cannot_be() {
    told(Code::Empty, &[("dev.toml", "# nothing yet\n")]);
    told(
        Code::NoSource,
        &[("dev.toml", "[services.a]\nports = { http = 80 }\n")],
    );
    told(
        Code::TwoSources,
        &[
            (
                "dev.toml",
                "[services.a]\nbuild = \".\"\n[services.b]\nimage = \"x\"\nrun = \"y\"\n",
            ),
            ("dev.offline.toml", "[services.a]\nimage = \"local/a\"\n"),
        ],
    );
    told(
        Code::PortConflict,
        &[(
            "dev.toml",
            "[services.a]\nimage = \"x\"\nports = { http = \"8080:80\" }\n[services.b]\nimage = \"y\"\nreplicas = 2\nports = { web = \"0.0.0.0:8080:8080\" }\n",
        )],
    );
    told(
        Code::Cycle,
        &[
            (
                "dev.toml",
                "[services.a]\nimage = \"x\"\nneeds = [\"b\"]\n\n[services.b]\nimage = \"x\"\nports = { http = 80 }\nenv = { C = \"${c.url}\" }\n\n[services.c]\nimage = \"x\"\nports = { http = 80 }\n\n[services.lonely]\nimage = \"x\"\nneeds = { lonely = \"started\" }\n",
            ),
            ("dev.local.toml", "[services.c]\nneeds = [\"a\"]\n"),
        ],
    );
    told(
        Code::ComposeUnsupported,
        &[
            (
                "dev.toml",
                "compose = \"compose.yaml\"\n[services.a]\nimage = \"x\"\n",
            ),
            ("compose.yaml", ""),
        ],
    );
}

#[test]
fn an_env_file_is_told_by_line_and_never_shown() {
    let text = "[services.a]\nimage = \"x\"\nenv_file = [\"app.env\", \"gone.env\"]\n";
    let error = read(&[
        ("dev.toml", text),
        ("app.env", "A=1\nB=\"hunter2\nC=3\nhunter3"),
    ])
    .unwrap_err();
    let shown = format!("{}{error:?}", render(&error, false, 100));
    assert!(!shown.contains("hunter"), "{shown}");
    assert!(shown.contains("line 2 of `app.env`"));
    told(
        Code::EnvFile,
        &[("dev.toml", text), ("app.env", "A=1\nhunter2")],
    );
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let loaded = read(&[(
        "dev.toml",
        "[services.a]\nimage = \"x\"\nwatch = [{ paths = \"x\", then = \"rebuild\" }]\n",
    )])
    .unwrap();
    let text: String = loaded
        .warnings
        .iter()
        .map(|warning| warning.render(false, 100))
        .collect();
    insta::assert_snapshot!("no_effect", text);
}

#[test]
fn a_cache_that_nothing_reads_or_fills_is_a_warning_with_its_place() {
    let loaded = read(&[(
        "dev.toml",
        "[services.a.build.cache]\nfrom = [\"shop:cache\", \"type=registry,ref=shop:cache\", \"type=gha\"]\nto = \"type=gha\"\n",
    )])
    .unwrap();
    let told: Vec<(usize, &str)> = loaded
        .warnings
        .iter()
        .map(|warning| (warning.location().unwrap().line, warning.message()))
        .collect();
    assert_eq!(
        told,
        [
            (2, "a cache of `type=gha` is not read"),
            (3, "layers go to no cache"),
        ]
    );
    assert!(loaded.warnings.iter().all(|w| w.code() == Code::NoEffect));
}

#[test]
fn a_secret_in_an_argument_of_a_build_is_an_error_with_its_place() {
    let error = read(&[(
        "dev.toml",
        "secrets.TOKEN.env = \"TOKEN\"\n[services.a.build]\nargs = { PLAIN = \"1\", NPM = \"x${secret:TOKEN}\" }\n",
    )])
    .unwrap_err();
    let [only] = error.diagnostics.as_slice() else {
        panic!("{}", render(&error, false, 100));
    };
    let place = only.location().unwrap();
    assert_eq!((place.line, place.column), (3, 29));
    assert!(only.message().contains("`NPM` holds a secret"));
}

#[test]
fn a_rule_behind_one_that_covers_all_of_it_is_a_warning_with_its_place() {
    let loaded = read(&[(
        "dev.toml",
        "[services.a]\nimage = \"x\"\nwatch = [\n  { paths = \".\", sync = \"/app\" },\n  \
         { paths = [\"conf\", \"web/*.js\"], sync = \"/conf\", then = \"restart\" },\n]\n",
    )])
    .unwrap();
    let [warning] = &loaded.warnings[..] else {
        panic!("{:?}", loaded.warnings)
    };
    insta::assert_snapshot!("covered_rule", warning.render(false, 100));
}

#[test]
fn every_code_has_a_snapshot() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stack");
    // Some codes only a Compose file leads to.
    let dirs = ["file/tests/snapshots", "compose/snapshots"];
    let all: Vec<(String, String)> = dirs
        .iter()
        .flat_map(|dir| std::fs::read_dir(format!("{root}/{dir}")).unwrap())
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect();
    for (code, text, meaning) in CODES {
        let file = format!("__{}.snap", name(*code));
        let found = all.iter().find(|(name, _)| name.ends_with(&file));
        assert!(
            found.is_some_and(|(_, snapshot)| snapshot.contains(text)),
            "no snapshot of {text}"
        );
        assert!(meaning.ends_with('.'), "{meaning}");
    }
}

#[test]
fn all_errors_of_all_layers_come_at_once_and_in_order() {
    let error = read(&[
        (
            "dev.toml",
            "[services.a]\nimage = \"x\"\nneeds = [\"z\"]\nreplicas = -1\n",
        ),
        (
            "dev.ci.toml",
            "[services.a]\nstop = { grace = \"soon\" }\nfoo = 1\n",
        ),
    ]);
    let error = error.unwrap_err();
    let told: Vec<String> = error
        .diagnostics
        .iter()
        .map(|d| (d.location().unwrap(), d.code().as_str()))
        .map(|(at, code)| format!("{}:{}:{} {code}", at.file, at.line, at.column))
        .collect();
    assert_eq!(
        told,
        [
            "dev.toml:3:10 dev::stack::unknown_service",
            "dev.toml:4:12 dev::stack::bad_value",
            "dev.ci.toml:2:18 dev::stack::bad_duration",
            "dev.ci.toml:3:1 dev::stack::unknown_key",
        ]
    );
    assert_eq!(error.to_string(), "the stack file has 4 errors");
}

#[test]
fn a_thousand_errors_are_counted_not_shown() {
    let keys: String = (0..1000).map(|n| format!("unknown_{n} = 1\n")).collect();
    let error = errors(&format!("[services.a]\nimage = \"x\"\n{keys}"));
    assert_eq!((error.diagnostics.len(), error.hidden), (100, 900));
    assert!(render(&error, false, 80).ends_with("and 900 more errors\n"));
}

#[test]
fn color_is_only_where_it_is_wanted() {
    let error = errors("x = 1");
    assert!(!render(&error, false, 80).contains('\u{1b}'));
    assert!(render(&error, true, 80).contains('\u{1b}'));
}

#[test]
fn a_process_on_the_host_runs_once_and_has_no_limits_but_its_logs() {
    let error = errors("[services.a]\nrun = \"x\"\nreplicas = 2\n");
    assert!(render(&error, false, 80).contains("runs once"));
    let text =
        "[services.a]\nrun = \"x\"\nreplicas = 1\nlimits = { log = \"1MB\", memory = \"1GB\" }\n";
    let warnings = read(&[("dev.toml", text)]).unwrap().warnings;
    let [warning] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    assert!(warning.to_string().contains("`memory`"), "{warning}");
}

#[test]
fn what_is_not_there_outside_is_told_where_it_is_written() {
    let text = "[services.db]\npreset = \"postgres:16\"\n\
                [services.api]\nimage = \"x\"\nenv = { SHA = '${git:sha}', A = \"a ${env:TOKEN} b\", B = \"${env:B:-${git:sha}}\" }\n\
                promote = { env = { C = \"${env:LATER}\" } }\n\
                [services.tool]\nimage = \"x\"\nenv = { D = \"${env:D}\" }\nprofiles = [\"tools\"]\n";
    let loaded = read(&[("dev.toml", text)]).unwrap();
    let scope = ["db", "api"].map(str::to_owned).into();
    let check = |facts: &Facts| check_outside(&loaded.outside, &loaded.stack, &scope, facts);
    let error = check(&Facts::default()).unwrap_err();
    insta::assert_snapshot!(name(Code::NotSet), render(&error, false, 80));

    let facts = Facts {
        environment: [("TOKEN", "t"), ("B", "b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        git: [("sha".to_owned(), "abc".to_owned())].into(),
        ..Facts::default()
    };
    check(&facts).unwrap();
}

#[test]
fn two_that_cannot_run_at_once() {
    let of = |more: &str| {
        let text = format!("[services.a]\nupdate = \"start-first\"\n{more}");
        read(&[("dev.toml", &text)])
    };
    let mut told = Vec::new();
    for more in [
        "image = \"x\"\nports = { http = 80 }\n",
        "image = \"x\"\nvolumes = [\"data:/data\"]\n",
        "image = \"x\"\nvolumes = [\"./data:/data\"]\n",
        "image = \"x\"\njob = true\n",
        "image = \"x\"\nnetwork = \"host\"\n",
        "preset = \"redis:7\"\n",
        "run = \"x\"\n",
    ] {
        let error = of(more).unwrap_err();
        let codes: Vec<Code> = error.diagnostics.iter().map(|d| d.code()).collect();
        assert_eq!(codes, [Code::Conflict], "{more}");
        told.push(render(&error, false, 100));
    }
    insta::assert_snapshot!(told.join("\n"));
    for more in [
        "image = \"x\"\nports = { http = { port = 80, publish = false } }\nreplicas = 2\n",
        "image = \"x\"\nvolumes = [\"data:/data:ro\", \"./data:/conf:ro\"]\n",
    ] {
        assert!(of(more).is_ok(), "{more}");
    }
}

#[test]
fn a_sync_leads_where_it_says() {
    let of = |target: &str| {
        let text = format!(
            "[services.a]\nimage = \"x\"\nwatch = [{{ paths = \"app\", sync = \"{target}\" }}]\n"
        );
        read(&[("dev.toml", &text)])
    };
    let error = of("/a/../../etc/zz").unwrap_err();
    insta::assert_snapshot!(render(&error, false, 80));
    for target in ["/app/..", "/../app", ".."] {
        assert!(of(target).is_err(), "{target}");
    }
    for target in ["/app/..b", "/app/...", "/app/"] {
        assert!(of(target).is_ok(), "{target}");
    }
}

#[test]
fn what_is_watched_and_not_there_is_a_warning_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let dir = camino::Utf8PathBuf::from_path_buf(folder.path().to_path_buf()).unwrap();
    let text = "name = \"w\"\n[services.a]\nimage = \"x\"\nwatch = [\n  \
                { paths = [\"app/srv\", \"conf/*.toml\", \"here\", \"*.py\", \"!gone\"], sync = \"/app\" },\n]\n";
    fs_err::write(dir.join("dev.toml"), text).unwrap();
    fs_err::create_dir_all(dir.join("app/src")).unwrap();
    fs_err::write(dir.join("here"), "").unwrap();
    let request = super::super::LoadRequest {
        start_dir: dir.clone(),
        ..super::super::LoadRequest::default()
    };
    let warnings = super::super::load(&request).unwrap().warnings;
    let shown = warnings.iter().map(|warning| warning.render(false, 100));
    let shown = shown.collect::<Vec<_>>().join("\n");
    let dir = dir.canonicalize_utf8().unwrap();
    insta::assert_snapshot!(shown.replace(dir.as_str(), "/stack"));
}
