//! What is looked at: the reader of Compose files, with files that are only in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use dev::stack::compose::{Files, Request, load};
use dev::stack::file::{Code, Diagnostic};

use super::case::Case;

/// For one project, in a debug build on a machine that does something else, too.
const TIME: Duration = Duration::from_secs(12);
/// Bytes that the process may grow to at most, with everything that the test itself has.
const MEMORY: u64 = 400 << 20;
/// Longer inputs only take time to make.
const LONGEST: usize = 256 * 1024;

#[derive(Debug, Clone)]
pub struct Input {
    /// By path, `compose.yaml` first. Any bytes.
    pub files: Vec<(String, Vec<u8>)>,
    environment: BTreeMap<String, String>,
}

impl Input {
    pub fn of(case: &Case) -> Self {
        let files = case.files.iter();
        Self {
            files: files
                .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
                .collect(),
            environment: case.environment.iter().cloned().collect(),
        }
    }

    /// As [`fmt::Display`] writes it, but for bytes that are no text.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut files = vec![("compose.yaml".to_owned(), Vec::new())];
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_prefix(b"#### ") {
                Some(path) => {
                    let path = String::from_utf8_lossy(path).trim().to_owned();
                    files.push((path, Vec::new()));
                }
                None => files
                    .last_mut()
                    .expect("the first file")
                    .1
                    .extend_from_slice(line),
            }
        }
        Self {
            files,
            environment: BTreeMap::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for (number, (path, text)) in self.files.iter().enumerate() {
            if number > 0 {
                all.extend_from_slice(format!("#### {path}\n").as_bytes());
            }
            all.extend_from_slice(text);
            if !text.ends_with(b"\n") {
                all.push(b'\n');
            }
        }
        all
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes()))
    }
}

impl Files for Input {
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        self.env(path).map_err(|error| {
            let message = format!("cannot read {path}: {error}");
            Box::new(Diagnostic::error(Code::NotFound, message))
        })
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        let found = self
            .files
            .iter()
            .find(|(name, _)| path == Utf8Path::new("/p").join(name));
        let (_, bytes) = found.ok_or(io::ErrorKind::NotFound)?;
        String::from_utf8(bytes.clone()).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

/// Whether it is a project.
///
/// # Errors
/// In words: what is wrong with the reader.
pub fn judge(input: &Input) -> Result<bool, String> {
    if input
        .files
        .iter()
        .map(|(_, text)| text.len())
        .sum::<usize>()
        > LONGEST
    {
        return Ok(false);
    }
    let request = Request {
        start_dir: "/p".into(),
        files: vec![Utf8PathBuf::from("/p/compose.yaml")],
        profiles: vec!["*".to_owned()],
        environment: input.environment.clone(),
        ..Request::default()
    };
    let begun = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| {
        load(&request, input).map_err(|error| {
            let rendered = dev::stack::file::render(&error, false, 100);
            (error.diagnostics.len(), rendered)
        })
    }));
    let took = begun.elapsed();
    if took > TIME {
        return Err(format!("it took {took:?}"));
    }
    let peak = peak();
    if peak > MEMORY {
        return Err(format!("the process grew to {} MB", peak >> 20));
    }
    match result {
        Err(_) => Err("it panics".to_owned()),
        Ok(Ok(_)) => Ok(true),
        Ok(Err((0, _))) => Err("it is refused without a word".to_owned()),
        Ok(Err((_, text))) if text.trim().is_empty() => {
            Err("its errors render to nothing".to_owned())
        }
        Ok(Err(_)) => Ok(false),
    }
}

/// The most memory that this process ever had, in bytes (`VmHWM` of proc(5)).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or(0)
        << 10
}

/// Writes it down; returns where.
pub fn keep(input: &Input) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    let bytes = input.bytes();
    let name = format!("{}.yaml", &blake3::hash(&bytes).to_hex()[..12]);
    let path = folder.join(name);
    let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes));
    match kept {
        Ok(()) => path.display().to_string(),
        Err(error) => format!("not kept ({error}): {input}"),
    }
}
