//! Compose files that are wrong, or meant to hurt: `dev` says which file, line and column, soon and in little memory.
//!
//! In a debug build, on a machine that does something else, too, it is given twenty seconds for each.

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    const TIME: Duration = Duration::from_secs(20);
    /// Kilobytes of data (`RLIMIT_DATA`): 200 MB.
    const MEMORY: &str = "204800";

    struct Project(tempfile::TempDir);

    impl Project {
        fn of<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for (path, bytes) in files {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
                std::fs::write(path, bytes).expect("a file");
            }
            Self(folder)
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        /// What `dev` says of it, which it refuses within the bounds.
        fn refused(&self) -> String {
            self.refused_by("config --format compose")
        }

        /// The same of another command; no engine is asked.
        fn refused_by(&self, command: &str) -> String {
            let begun = Instant::now();
            let script = format!("ulimit -d {MEMORY}; exec \"$DEV\" {command}");
            let output = Command::new("sh")
                .args(["-c", &script])
                .env("DEV", env!("CARGO_BIN_EXE_dev"))
                .env("NO_COLOR", "1")
                .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
                .current_dir(self.path())
                .output()
                .expect("a shell");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(
                begun.elapsed() < TIME,
                "it took {:?}\n{said}",
                begun.elapsed()
            );
            said
        }
    }

    /// Refused at this place of this file, with these words.
    fn refused_at(project: &Project, place: &str, words: &str) {
        says_at(&project.refused(), place, words);
    }

    /// The same of a stack file.
    fn stack_refused_at(project: &Project, place: &str, words: &str) {
        says_at(&project.refused_by("config"), place, words);
    }

    fn says_at(said: &str, place: &str, words: &str) {
        assert!(said.contains(place), "no {place} in:\n{said}");
        assert!(
            said.to_lowercase().contains(&words.to_lowercase()),
            "no {words} in:\n{said}"
        );
    }

    fn one(text: impl Into<Vec<u8>>) -> Project {
        Project::of([("compose.yaml", text.into())])
    }

    fn two(first: &str, second: impl Into<Vec<u8>>) -> Project {
        Project::of([
            ("compose.yaml", first.into()),
            ("other.yaml", second.into()),
        ])
    }

    fn service(line: &str) -> Project {
        one(format!("services:\n  web:\n    image: a\n    {line}\n"))
    }

    #[test]
    fn anchors_that_explode() {
        let mut text = "x-0: &a0 [l, l, l, l, l, l, l, l, l, l]\n".to_owned();
        for level in 1..40 {
            let below = [format!("*a{}", level - 1).as_str(); 10].join(", ");
            text.push_str(&format!("x-{level}: &a{level} [{below}]\n"));
        }
        refused_at(&one(text), "compose.yaml:5:", "more than 50000 values");
    }

    #[test]
    fn files_that_explode_together() {
        let list = ["l"; 990].join(", ");
        let large = format!(
            "x-0: &a [{list}]\nx-1: [{}]\nservices: {{}}\n",
            ["*a"; 45].join(", ")
        );
        let names: Vec<String> = (0..400).map(|n| format!("part{n}.yaml")).collect();
        let include = format!(
            "include: [{}]\nservices: {{web: {{image: a}}}}\n",
            names.join(", ")
        );
        let mut files = vec![("compose.yaml", include.into_bytes())];
        files.extend(
            names
                .iter()
                .map(|name| (name.as_str(), large.clone().into_bytes())),
        );
        refused_at(&Project::of(files), "part2.yaml:2:", "together");
    }

    #[test]
    fn copies_that_explode() {
        let labels: String = (0..5_000).map(|n| format!("      l{n}: x\n")).collect();
        let heirs: String = (0..5_000)
            .map(|n| format!("  s{n}: {{extends: base}}\n"))
            .collect();
        let text = format!("services:\n  base:\n    image: a\n    labels:\n{labels}{heirs}");
        refused_at(&one(text), "compose.yaml:", "what its services extend");
    }

    #[test]
    fn variables_that_explode() {
        let long = "y".repeat(100_000);
        let value = "${L}".repeat(9);
        let labels: String = (0..50)
            .map(|n| format!("      l{n}: \"{value}\"\n"))
            .collect();
        let project = Project::of([
            (
                "compose.yaml",
                format!("services:\n  web:\n    image: a\n    labels:\n{labels}").into_bytes(),
            ),
            (".env", format!("L={long}\n").into_bytes()),
        ]);
        refused_at(&project, "compose.yaml:", "8 MiB");
    }

    #[test]
    fn ranges_that_explode() {
        let services = |line: &str| -> String {
            let each = (0..200).map(|n| format!("  s{n}: {{image: a, {line}}}\n"));
            format!("services:\n{}", each.collect::<String>())
        };
        let published = services("ports: [\"1-65535:1-65535\"]");
        refused_at(&one(published), "compose.yaml:2:", "more than 32768 ports");
        let exposed = services("expose: [\"1-10000\"]");
        refused_at(&one(exposed), "compose.yaml:102:", "more than 32768 ports");
        let heirs = services("extends: base");
        let said = one(format!(
            "{heirs}  base: {{image: a, expose: [\"1-10000\"]}}\n"
        ));
        let said = said.refused_by("plan");
        assert!(said.contains("more than 32768 ports"), "{said}");
    }

    #[test]
    fn more_replicas_than_there_can_be() {
        let said = service("scale: 99999999999").refused_by("plan");
        assert!(said.contains("compose.yaml:4:12"), "{said}");
        assert!(said.contains("there may be 1000"), "{said}");
    }

    /// What takes long is refused by its last line, after all of it was looked at.
    #[test]
    fn what_is_long_is_not_slow() {
        let chain: String = (0..4_000)
            .map(|n| format!("  s{n}: {{image: a, depends_on: [s{}]}}\n", n + 1))
            .collect();
        let circle = format!("services:\n{chain}  s4000: {{image: a, depends_on: [s0]}}\n");
        refused_at(&one(circle), "compose.yaml:2:", "3981 more");
        let ports: String = (1..=20_000)
            .map(|n| format!("      - \"{n}:80\"\n"))
            .collect();
        let text = format!("services:\n  web:\n    image: a\n    ports:\n{ports}    scale: -2\n");
        refused_at(&one(text), "compose.yaml:20005:", "scale");
    }

    #[test]
    fn a_large_env_file() {
        let lines: String = (0..100_000).map(|n| format!("V{n}=value {n}\n")).collect();
        let project = Project::of([
            (
                "compose.yaml",
                b"services:\n  web:\n    image: a\n    env_file: large.env\n".to_vec(),
            ),
            ("large.env", lines.clone().into_bytes()),
        ]);
        refused_at(&project, "compose.yaml:4:15", "more than 1 MiB");
        let project = Project::of([
            ("compose.yaml", b"services: {web: {image: a}}\n".to_vec()),
            (".env", lines.into_bytes()),
        ]);
        refused_at(&project, "/.env", "more than 1 MiB");
    }

    #[test]
    fn ten_megabytes() {
        let lines: String = (0..400_000)
            .map(|n| format!("  # a comment, number {n}\n"))
            .collect();
        assert!(lines.len() > 10 << 20);
        let said = one(format!("services:\n  web:\n    image: a\n{lines}")).refused();
        assert!(
            said.contains("compose.yaml") && said.contains("MiB"),
            "{said}"
        );
    }

    #[test]
    fn a_thousand_levels() {
        refused_at(
            &one(format!("services: {}", "[".repeat(1_000))),
            "compose.yaml:1:",
            "deeper than 64 levels",
        );
        let block: String = (0..1_000)
            .map(|n| format!("{}a:\n", " ".repeat(n)))
            .collect();
        refused_at(&one(block), "compose.yaml:65:", "levels");
        refused_at(
            &service(&format!("hostname: {}", "${A:-".repeat(1_000))),
            "compose.yaml:4:",
            "",
        );
    }

    #[test]
    fn cycles() {
        refused_at(
            &one("services:\n  a: {image: x, extends: b}\n  b: {extends: a}\n"),
            "compose.yaml:",
            "extend each other",
        );
        refused_at(
            &two("include: [other.yaml]\n", "include: [compose.yaml]\n"),
            "other.yaml:1:",
            "include",
        );
        refused_at(
            &one("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"),
            "compose.yaml:",
            "a → b",
        );
        refused_at(
            &one("services: &a\n  web: *a\n"),
            "compose.yaml:2:",
            "anchor",
        );
    }

    #[test]
    fn text_that_is_no_compose_file() {
        refused_at(
            &one("services:\n  web:\n    image: a\n    image: b\n"),
            "compose.yaml:4:5",
            "image",
        );
        refused_at(
            &one("services:\n\tweb:\n\t\timage: a\n"),
            "compose.yaml:2:",
            "tab",
        );
        refused_at(&service("hostname: [a]"), "compose.yaml:4:15", "text");
        refused_at(
            &service("enviroment: {A: b}"),
            "compose.yaml:4:5",
            "environment",
        );
        refused_at(&service("hostname: ${A"), "compose.yaml:4:15", "`}`");
        let said = one(b"services:\n  web:\n    image: \xff\xfe\n".to_vec()).refused();
        assert!(
            said.contains("compose.yaml") && said.contains("UTF-8 text (line 3, column 12)"),
            "{said}"
        );
    }

    /// A stack file with one service, of which this is the third line.
    fn stack(line: &str) -> Project {
        let text = format!("[services.web]\nimage = \"a\"\n{line}\n");
        Project::of([("dev.toml", text.into_bytes())])
    }

    #[test]
    fn globs_that_mean_nothing() {
        for (line, column, words) in [
            (
                "watch = [{ paths = [\"[bad\"], then = \"restart\" }]",
                21,
                "close it with `]`",
            ),
            (
                "watch = [{ paths = \"*.{js,ts\", then = \"restart\" }]",
                20,
                "close it with `}`",
            ),
            (
                "watch = [{ paths = \"a\", ignore = [\"b\", \"[z-a]\"], then = \"restart\" }]",
                40,
                "[a-z]",
            ),
            ("job = { inputs = [\"src/[bad\"] }", 19, "close it with `]`"),
            (
                "job = { inputs = [\"src/*.{js,ts}\"] }",
                19,
                "an entry for each",
            ),
        ] {
            stack_refused_at(&stack(line), &format!("dev.toml:3:{column}]"), words);
        }
    }

    #[test]
    fn what_follows_a_save_is_one_of_a_few() {
        for (line, words) in [
            (
                "watch = [{ paths = \"a\", then = \"reboot\" }]",
                "\"restart\", \"rebuild\" or a table",
            ),
            (
                "watch = [{ paths = \"a\", then = [\"x\"] }]",
                "\"restart\", \"rebuild\" or a table",
            ),
            (
                "watch = [{ paths = \"a\", then = { run = \"x\" } }]",
                "did you mean `exec`",
            ),
            (
                "watch = [{ paths = \"a\", sync = \"/a\", then = { exec = \"\" } }]",
                "write a command",
            ),
            ("ready = { exec = [] }", "write a command"),
            ("ready = { exec = [\"\", \"x\"] }", "write a command"),
        ] {
            stack_refused_at(&stack(line), "dev.toml:3:", words);
        }
    }

    #[test]
    fn a_process_has_one_command_line() {
        let run = |value: &str| {
            let text = format!("[services.web]\nrun = {value}\n");
            Project::of([("dev.toml", text.into_bytes())])
        };
        for (value, words) in [
            ("\"\"", "`run` is empty"),
            ("\"  \"", "`run` is empty"),
            ("\"\"", "such as \"npm run dev\""),
            (
                "[\"npm\", \"run\", \"the app\"]",
                "run = \"npm run 'the app'\"",
            ),
            ("7", "such as \"npm run dev\""),
        ] {
            stack_refused_at(&run(value), "dev.toml:2:7]", words);
        }
    }

    #[test]
    fn files_that_are_not_there_or_are_none() {
        for path in [
            "https://example.test/a.yaml",
            "oci://example.test/a",
            "https://example.test/a.git#main:b",
        ] {
            let project = one(format!(
                "include: [\"{path}\"]\nservices: {{web: {{image: a}}}}\n"
            ));
            refused_at(&project, "compose.yaml:1:11", "fetches no Compose files");
        }
        refused_at(
            &service("env_file: not-there.env"),
            "compose.yaml:4:15",
            "not-there.env",
        );
        refused_at(&service("env_file: ."), "compose.yaml:4:15", "folder");
        refused_at(
            &service("env_file: ../../../../../../not-there/x.env"),
            "compose.yaml:4:15",
            "not-there",
        );
        refused_at(
            &service("extends: {file: ../../../not-there.yaml, service: a}"),
            "compose.yaml:4:21",
            "not-there.yaml",
        );
        refused_at(
            &one("include: [../../../../not-there.yaml]\nservices: {web: {image: a}}\n"),
            "compose.yaml:1:11",
            "not-there.yaml",
        );
    }
}
