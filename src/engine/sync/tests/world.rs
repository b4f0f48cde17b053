//! A world that is a folder: the helper runs in a thread.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::net::UnixStream;

use crate::engine::event::FailureClass;
use crate::helper::protocol::{Problem, ProblemKind, Reply, Request, VERSION, read_frame};
use crate::plan::observed::Observed;
use crate::runtime::world::{
    Call, Change, ExecOutput, ExecSpec, FileChange, Held, LogLine, LogRange, Look, Output, World,
};
use crate::runtime::{ProgressSender, RuntimeError};

/// How the helper in it behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Helper {
    Serves,
    /// Greets, takes everything in and answers nothing.
    Stalls,
    /// As root it may not write.
    Denied,
    /// As on a slow disk: it takes its time for every few requests.
    Slow,
}

struct Slow<'a>(&'a std::os::unix::net::UnixStream);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let few = into.len().min(4096);
        self.0.read(&mut into[..few])
    }
}

#[derive(Default)]
pub struct Model {
    /// How the next ones behave; then all serve.
    pub helpers: Vec<Helper>,
    /// Commands that were held, with the user.
    pub held: Vec<(Vec<String>, Option<String>)>,
    /// Streams that can be cut.
    pub streams: Vec<std::os::unix::net::UnixStream>,
    /// What was put, without the helper itself.
    pub put: Vec<FileChange>,
    /// Where the helper lies.
    pub installed: Vec<String>,
    pub read_only: bool,
    /// So many changes can be put still; `None`: any number.
    pub room: Option<usize>,
    /// Nothing can be run in it.
    pub mute: bool,
    pub ran: Vec<String>,
    /// What is run ends with code 3.
    pub fails: bool,
}

#[derive(Default)]
pub struct Folder(Mutex<Model>);

impl Folder {
    pub fn model(&self) -> std::sync::MutexGuard<'_, Model> {
        self.0.lock().unwrap()
    }

    fn hold_now(&self, spec: &ExecSpec) -> Result<Held, RuntimeError> {
        let mut model = self.model();
        if model.mute || !model.installed.contains(&spec.command[0]) {
            return Err(other("no such program"));
        }
        model.held.push((spec.command.clone(), spec.user.clone()));
        let how = match model.helpers.is_empty() {
            true => Helper::Serves,
            false => model.helpers.remove(0),
        };
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = theirs.into_std().unwrap();
        theirs.set_nonblocking(false).unwrap();
        model.streams.push(theirs.try_clone().unwrap());
        std::thread::spawn(move || serve(how, theirs));
        let (output, input) = ours.into_split();
        Ok(Held {
            input: Box::pin(input),
            output: Box::pin(output),
        })
    }
}

fn serve(how: Helper, stream: std::os::unix::net::UnixStream) {
    use std::io::Write;
    let me = fs::metadata("/proc/self").unwrap();
    let me = (me.uid(), me.gid());
    if how == Helper::Serves || how == Helper::Slow {
        let _cut = match how {
            Helper::Slow => crate::helper::serve::serve(Slow(&stream), &stream, me),
            _ => crate::helper::serve::serve(&stream, &stream, me),
        };
        return;
    }
    let say = |reply: Reply| {
        let mut frame = Vec::new();
        reply.encode(&mut frame);
        let _cut = (&stream).write_all(&frame);
    };
    let (version, uid, gid) = (VERSION, 0, 0);
    say(Reply::Hello { version, uid, gid });
    while let Ok(Some(frame)) = read_frame(&mut &stream) {
        if how == Helper::Stalls {
            continue;
        }
        match Request::decode(&frame).unwrap() {
            Request::Compare(id) => {
                say(Reply::Differs(vec![0]));
                say(Reply::Done {
                    id,
                    problems: vec![],
                });
            }
            Request::Commit(id) => {
                let problem = Problem {
                    path: b"/".to_vec(),
                    kind: ProblemKind::Denied,
                    text: "permission denied".to_owned(),
                };
                let problems = vec![problem];
                say(Reply::Done { id, problems });
            }
            _ => {}
        }
    }
}

fn other(text: &str) -> RuntimeError {
    RuntimeError::new(FailureClass::Other, text)
}

impl World for Folder {
    fn look<'a>(&'a self, _: &'a Look) -> BoxFuture<'a, Result<Observed, RuntimeError>> {
        Box::pin(async { Err(other("not asked here")) })
    }

    fn perform<'a>(
        &'a self,
        _: &'a Call,
        _: ProgressSender,
    ) -> BoxFuture<'a, Result<Output, RuntimeError>> {
        Box::pin(async { Err(other("not asked here")) })
    }

    fn changes(&self, _: &str) -> BoxStream<'static, Change> {
        Box::pin(futures_util::stream::empty())
    }

    fn exec<'a>(
        &'a self,
        _: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<ExecOutput, RuntimeError>> {
        Box::pin(async move {
            let mut model = self.model();
            let program = &spec.command[0];
            let me = fs::metadata("/proc/self").unwrap();
            if spec.command.get(1).is_some_and(|word| word == "whoami") {
                let known = !model.mute && model.installed.contains(program);
                return Ok(ExecOutput {
                    code: if known { 0 } else { 127 },
                    output: format!("{}\n{}\n", me.uid(), me.gid()),
                });
            }
            model.ran.push(spec.command.join(" "));
            Ok(ExecOutput {
                code: if model.fails { 3 } else { 0 },
                ..ExecOutput::default()
            })
        })
    }

    fn hold<'a>(
        &'a self,
        _: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<Held, RuntimeError>> {
        Box::pin(async move { self.hold_now(spec) })
    }

    fn signal<'a>(
        &'a self,
        _: &'a str,
        signal: &'a str,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        self.model().ran.push(format!("signal {signal}"));
        Box::pin(async { Ok(()) })
    }

    fn put_files<'a>(
        &'a self,
        _: &'a str,
        change: FileChange,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            let mut model = self.model();
            if model.read_only && change.at.is_none() {
                return Err(other("container rootfs is marked read-only"));
            }
            match &mut model.room {
                None => {}
                Some(0) => return Err(other("no space left on device")),
                Some(room) => *room -= 1,
            }
            let mut archive = tar::Archive::new(&change.bytes[..]);
            for entry in archive.entries().unwrap() {
                let path = entry.unwrap().path().unwrap().into_owned();
                let at = PathBuf::from(change.at.as_deref().unwrap_or("/")).join(path);
                let at = at.to_str().unwrap().to_owned();
                if at.contains(crate::helper::FOLDER) {
                    model.installed.push(at);
                }
            }
            model.put.push(change);
            Ok(())
        })
    }

    fn logs(&self, _: &str, _: LogRange) -> BoxStream<'static, LogLine> {
        Box::pin(futures_util::stream::empty())
    }

    fn bridge_is_routable(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        String::new()
    }
}
