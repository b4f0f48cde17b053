//! The helper's loop: requests in, replies out, until the input ends.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::change::{self, Writing};
use super::place::{Places, Refusal};
use super::protocol::{Expected, Nonsense, Problem, Reply, Request, Sum, VERSION, read_frame};

/// Problems that one batch tells of; there may be as many as files.
const PROBLEMS: usize = 50;
/// Numbers in one reply.
const NUMBERS: usize = 10_000;

/// How often to say that a long batch goes on.
const ALIVE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 1000 });

/// Serves until the input ends.
///
/// # Errors
/// The other side is gone, or talks nonsense.
pub fn serve(input: impl Read, output: impl Write, (uid, gid): (u32, u32)) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut server = Server {
        output,
        places: Places::default(),
        writing: None,
        aside: None,
        modes: Vec::new(),
        problems: Vec::new(),
        expected: 0,
        differs: Vec::new(),
        busy: None,
    };
    server.say(&Reply::Hello {
        version: VERSION,
        uid,
        gid,
    })?;
    while let Some(frame) = read_frame(&mut input)? {
        let request = Request::decode(&frame)
            .map_err(|Nonsense| io::Error::from(io::ErrorKind::InvalidData))?;
        let ends = matches!(request, Request::Commit(_) | Request::Compare(_));
        server.take(request)?;
        match ends {
            true => server.busy = None,
            false => server.live()?,
        }
    }
    Ok(())
}

struct Server<W> {
    output: W,
    places: Places,
    /// The file at hand …
    writing: Option<Current>,
    /// … and one that waits for the rest of it.
    aside: Option<Current>,
    /// Of folders, to be set once what is in them is there.
    modes: Vec<(PathBuf, u32)>,
    problems: Vec<Problem>,
    expected: u32,
    differs: Vec<u32>,
    /// Since when requests are worked off without a word.
    busy: Option<Instant>,
}

/// A file on its way; where it failed, what still comes for it is dropped, and its end tells why.
struct Current {
    path: Vec<u8>,
    writing: Result<Writing, Refusal>,
}

impl Current {
    fn go_on(&mut self, step: impl FnOnce(&mut Writing) -> io::Result<()>) {
        if let Ok(writing) = &mut self.writing
            && let Err(error) = step(writing)
        {
            self.writing = Err(error.into());
        }
    }
}

impl<W: Write> Server<W> {
    fn take(&mut self, request: Request) -> io::Result<()> {
        match request {
            Request::Roots(roots) => {
                self.places = Places::new(roots);
                let own = own(self.aside.as_ref());
                for root in self.places.roots() {
                    let folder = if root.is_dir() {
                        root
                    } else {
                        root.parent().unwrap_or(root)
                    };
                    change::sweep(folder, own);
                }
            }
            Request::File {
                path,
                mode,
                owner,
                mtime,
            } => {
                let begun = self.places.find(&path, Some(owner));
                let writing =
                    begun.and_then(|target| Ok(Writing::begin(target, mode, owner, mtime)?));
                self.writing = Some(Current { path, writing });
            }
            Request::Data(bytes) => {
                if let Some(current) = &mut self.writing {
                    current.go_on(|writing| writing.write(&bytes));
                }
            }
            Request::End => {
                if let Some(Current { path, writing }) = self.writing.take() {
                    self.note(path, writing.and_then(|writing| Ok(writing.end()?)));
                }
            }
            Request::Aside => {
                self.aside = self.writing.take();
                if let Some(current) = &mut self.aside {
                    current.go_on(Writing::put_aside);
                }
            }
            Request::Resume => self.writing = self.aside.take(),
            Request::Cancel => self.aside = None,
            Request::Folder { path, mode, owner } => {
                self.places.forget();
                let made = self.places.find(&path, Some(owner)).and_then(|target| {
                    change::make_folder(&target, owner)?;
                    Ok(target)
                });
                match made {
                    Ok(target) => self.modes.push((target, mode)),
                    Err(refusal) => self.problem(path, &refusal),
                }
            }
            Request::Symlink { path, text, owner } => {
                self.places.forget();
                let made = self.places.find(&path, Some(owner));
                let made = made.and_then(|at| Ok(change::make_symlink(&at, text, owner)?));
                self.note(path, made);
            }
            Request::Remove(path) => {
                let removed = match self.places.find_own(&path) {
                    Ok(target) => change::remove(&target).map_err(Refusal::from),
                    Err(Refusal::Io(error)) if change::is_gone(&error) => Ok(false),
                    Err(refusal) => Err(refusal),
                };
                // Of thousands of files, few are folders or links to some.
                if !matches!(removed, Ok(false)) {
                    self.places.forget();
                }
                self.note(path, removed.map(drop));
            }
            Request::Commit(id) => return self.commit(id),
            Request::Expect(path, expected) => {
                if self.is_otherwise(&path, expected) {
                    self.differs.push(self.expected);
                }
                self.expected += 1;
            }
            Request::Compare(id) => {
                let differs = std::mem::take(&mut self.differs);
                self.expected = 0;
                for numbers in differs.chunks(NUMBERS) {
                    self.say(&Reply::Differs(numbers.to_vec()))?;
                }
                return self.commit(id);
            }
        }
        Ok(())
    }

    /// What reads may wait for long: for a slow disk, or many thousands of files.
    fn live(&mut self) -> io::Result<()> {
        let since = *self.busy.get_or_insert_with(Instant::now);
        if since.elapsed() >= ALIVE {
            self.busy = Some(Instant::now());
            self.say(&Reply::Alive)?;
        }
        Ok(())
    }

    fn commit(&mut self, id: u64) -> io::Result<()> {
        // What is deeper comes first: a folder may be closed to its own helper afterwards.
        for (folder, mode) in std::mem::take(&mut self.modes).into_iter().rev() {
            let set = fs::set_permissions(&folder, Permissions::from_mode(mode & 0o7777));
            let path = folder.as_os_str().as_bytes().to_vec();
            self.note(path, set.map_err(Refusal::from));
        }
        let problems = std::mem::take(&mut self.problems);
        // Processes of the container may change folders meanwhile.
        self.places.forget();
        self.say(&Reply::Done { id, problems })
    }

    fn note(&mut self, path: Vec<u8>, result: Result<(), Refusal>) {
        if let Err(refusal) = result {
            self.problem(path, &refusal);
        }
    }

    fn problem(&mut self, path: Vec<u8>, refusal: &Refusal) {
        if self.problems.len() < PROBLEMS {
            let (kind, text) = (refusal.kind(), refusal.text());
            self.problems.push(Problem { path, kind, text });
        }
    }

    fn is_otherwise(&mut self, path: &[u8], expected: Expected) -> bool {
        let found = self.places.find_own(path);
        let found = found.and_then(|at| Ok((fs::symlink_metadata(&at)?, at)));
        let Ok((metadata, at)) = found else {
            return expected != Expected::Absent;
        };
        let mode_is = |mode: u32| metadata.permissions().mode() & 0o7777 == mode & 0o7777;
        match expected {
            Expected::Absent => true,
            Expected::Folder { mode } => {
                if metadata.is_dir() {
                    change::sweep(&at, own(self.aside.as_ref()));
                }
                !metadata.is_dir() || !mode_is(mode)
            }
            Expected::File { mode, size, sum } => {
                !metadata.is_file()
                    || metadata.len() != size
                    || !mode_is(mode)
                    || content_sum(&at).is_none_or(|found| found != sum)
            }
            Expected::Symlink { sum: wanted } => {
                let text = fs::read_link(&at).ok();
                text.is_none_or(|text| Sum::of(text.as_os_str().as_bytes()) != wanted)
            }
        }
    }

    fn say(&mut self, reply: &Reply) -> io::Result<()> {
        let mut frame = Vec::new();
        reply.encode(&mut frame);
        self.output.write_all(&frame)?;
        self.output.flush()
    }
}

/// What a sweep must not take.
fn own(aside: Option<&Current>) -> Option<&Path> {
    let writing = aside?.writing.as_ref().ok()?;
    Some(writing.beside())
}

fn content_sum(path: &Path) -> Option<u64> {
    let file: File = OpenOptions::new().read(true).open(path).ok()?;
    Sum::read(file).ok().map(|(_, sum)| sum)
}
