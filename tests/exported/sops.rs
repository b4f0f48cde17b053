//! Secrets that the real sops encrypted for an age key.

use std::path::PathBuf;
use std::process::Command;

use crate::stack::Stack;
use crate::tools::{Said, run, secrets};

const FILE: &str = "db:\n  password: from-sops\njwt: other\n";

/// With a secret in an encrypted file, and a process that writes down what it got.
struct Encrypted {
    stack: Stack,
    key: PathBuf,
    name: String,
}

impl Encrypted {
    fn new() -> Self {
        let stack = Stack::new(
            "[secrets]\nPASSWORD = { sops = \"secrets.enc.yaml\", key = \"db.password\" }\n\
             [services.web]\nrun = \"printf %s \\\"$PASSWORD\\\" > got; mv got here; sleep 1000\"\nready = { exec = [\"test\", \"-e\", \"here\"] }\n\
             env = { PASSWORD = \"${secret:PASSWORD}\" }\n",
        );
        let key = stack.path("key.txt");
        run(Command::new(secrets().join("age-keygen"))
            .arg("-o")
            .arg(&key))
        .expect();
        let text = fs_err::read_to_string(&key).expect("a key");
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "));
        stack.file("secrets.enc.yaml", FILE);
        let mut sops = Command::new(secrets().join("sops"));
        sops.current_dir(stack.folder()).args([
            "--encrypt",
            "--in-place",
            "--age",
            public.expect("a public key"),
        ]);
        run(sops.arg("secrets.enc.yaml")).expect();
        assert!(!stack.read("secrets.enc.yaml").contains("from-sops"));
        let folder = stack.folder().file_name().and_then(|name| name.to_str());
        // No two have the same name.
        let name = folder.expect("a name").replace('.', "").to_lowercase();
        let name = format!("exported-{name}");
        Self { stack, key, name }
    }

    /// `with_sops`: whether it is found; `key`: whether there is one.
    fn dev(&self, arguments: &[&str], with_sops: bool, key: bool) -> Said {
        let mut command = self.stack.command();
        let own = secrets().to_str().expect("a path");
        let path = match with_sops {
            true => format!("{own}:/usr/bin:/bin"),
            false => "/usr/bin:/bin".to_owned(),
        };
        // Nobody's own key helps.
        command
            .args(["--name", &self.name])
            .args(arguments)
            .env("PATH", path)
            .env("HOME", self.stack.folder())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("SOPS_AGE_KEY");
        match key {
            true => command.env("SOPS_AGE_KEY_FILE", &self.key),
            false => command.env_remove("SOPS_AGE_KEY_FILE"),
        };
        run(&mut command)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        let _gone = self.dev(&["down"], true, true);
    }
}

#[test]
fn a_service_gets_what_sops_decrypts() {
    let encrypted = Encrypted::new();
    encrypted.dev(&["up", "-d"], true, true).expect();
    assert_eq!(encrypted.stack.read("here"), "from-sops");
}

#[test]
fn without_sops_or_its_key_it_says_what_to_do() {
    let encrypted = Encrypted::new();
    let said = encrypted.dev(&["up", "-d"], false, true);
    assert!(
        !said.good && said.err.contains("needs `sops`"),
        "{}",
        said.err
    );
    assert!(said.err.contains("github.com/getsops/sops"), "{}", said.err);
    let said = encrypted.dev(&["up", "-d"], true, false);
    assert!(
        !said.good && said.err.contains("could not decrypt"),
        "{}",
        said.err
    );
    assert!(said.err.contains("SOPS_AGE_KEY_FILE"), "{}", said.err);
}

#[test]
fn an_export_says_where_the_value_is_and_not_what_it_is() {
    let stack = Stack::new(
        "[secrets]\nP = { sops = \"s.enc.yaml\" }\n[services.a]\nimage = \"a:1\"\nenv = { P = \"${secret:P}\" }\n",
    );
    stack.file("s.enc.yaml", "P: never-written\n");
    for (format, file) in [
        ("kubernetes", "secrets.env.example"),
        ("kustomize", "overlays/default/secrets.env.example"),
        ("helm", "secrets.yaml.example"),
    ] {
        let out = format!("out-{format}");
        stack.dev(&["export", format, "--to", &out]).expect();
        let example = stack.read(&format!("{out}/{file}"));
        assert!(
            example.contains("P of s.enc.yaml, which sops decrypts"),
            "{example}"
        );
        let found = Command::new("grep")
            .args(["-r", "never-written", &out])
            .current_dir(stack.folder())
            .output();
        assert!(found.expect("grep").stdout.is_empty());
    }
}
