//! Builds the helper (`src/helper/main.rs`): a static program of its own, without cargo and without dependencies. Where that
//! fails an empty file takes its place, and `dev` does without.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("dev-helper");
    tell("rerun-if-changed=build.rs");
    tell("rerun-if-changed=src/helper");
    if let Err(why) = build(&out) {
        tell(&format!(
            "warning=the helper for containers was not built, files are synced by archive: {why}"
        ));
        // Without the file `dev` itself does not build, which then says why.
        let _told_then = std::fs::write(&out, []);
    }
}

fn build(out: &Path) -> Result<(), String> {
    let rustc = env::var("RUSTC").map_err(|error| error.to_string())?;
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let musl = format!("{arch}-unknown-linux-musl");
    let gnu = format!("{arch}-unknown-linux-gnu");
    let host = env::var("HOST").unwrap_or_default();
    let mut why = format!("no target for {arch} is installed");
    for target in [musl, gnu] {
        if target != host && !is_installed(&rustc, &target) {
            continue;
        }
        match compile(&rustc, &target, out) {
            Ok(()) => return Ok(()),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn compile(rustc: &str, target: &str, out: &Path) -> Result<(), String> {
    let done = Command::new(rustc)
        .args(["src/helper/main.rs", "--crate-name", "dev_helper"])
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "bin",
            "--target",
            target,
        ])
        .args([
            "-C",
            "opt-level=s",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
        ])
        .args(["-C", "target-feature=+crt-static", "-C", "codegen-units=1"])
        .args(["-C", "lto=fat", "--cap-lints", "allow", "-o"])
        .arg(out)
        .output()
        .map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(said.lines().next().unwrap_or("rustc failed").to_owned())
}

fn is_installed(rustc: &str, target: &str) -> bool {
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let folder = asked
        .ok()
        .and_then(|said| String::from_utf8(said.stdout).ok());
    folder.is_some_and(|folder| {
        let mut entries = std::fs::read_dir(folder.trim()).into_iter().flatten();
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
        })
    })
}

fn tell(line: &str) {
    // Cargo that does not listen is gone.
    let _nobody = writeln!(std::io::stdout(), "cargo::{line}");
}
