use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use super::{Outcome, SOON};

/// After a process has ended, its output has to end too: whoever keeps it open was left behind.
const OUTPUT_ENDS: Duration = Duration::from_secs(10);

enum Stream {
    Out,
    Err,
}

/// A running command in a process group of its own, its output collected line by line. Killed when dropped.
pub struct Background {
    command: String,
    child: Child,
    begun: Instant,
    lines: Receiver<(Stream, String)>,
    stdout: String,
    stderr: String,
    ended: bool,
}

impl Background {
    pub fn start(mut command: Command) -> Self {
        let shown = shown(&command);
        let begun = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{shown}`: {error}"));
        let (sender, lines) = channel();
        collect(child.stdout.take(), sender.clone(), || Stream::Out);
        collect(child.stderr.take(), sender, || Stream::Err);
        Self {
            command: shown,
            child,
            begun,
            lines,
            stdout: String::new(),
            stderr: String::new(),
            ended: false,
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It did not end in time, and was killed; or it ended, and a process that it left keeps its output open.
    pub fn ends_within(&mut self, limit: Duration) -> Outcome {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                self.kill_group();
                panic!(
                    "did not end within {limit:?}\n{}",
                    self.outcome(None).story()
                );
            }
            self.read_for(Duration::from_millis(20));
        }
        let status = self.child.wait().unwrap();
        let deadline = Instant::now() + OUTPUT_ENDS;
        while self.read_for(Duration::from_millis(20)) {
            assert!(
                Instant::now() < deadline,
                "ended, but a process that it left keeps its output open\n{}",
                self.outcome(status.code()).story()
            );
        }
        self.outcome(status.code())
    }

    pub fn ends(&mut self) -> Outcome {
        self.ends_within(SOON)
    }

    /// Waits for a line with this text, on either stream.
    pub fn says(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + SOON;
        while !self.output().contains(text) {
            let ended = self.has_ended();
            let more = self.read_for(Duration::from_millis(100));
            assert!(
                Instant::now() < deadline && (more || !ended),
                "did not say `{text}`\n{}",
                self.outcome(None).story()
            );
        }
        self
    }

    /// Everything it has printed so far.
    pub fn output(&mut self) -> String {
        while let Ok(line) = self.lines.try_recv() {
            self.keep(line);
        }
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The most memory that it has had at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() * 1024
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Lets `after` pass, or its end, then kills it as `kill -9` does.
    pub fn kill_after(mut self, after: Duration) {
        let deadline = Instant::now() + after;
        while Instant::now() < deadline && !self.has_ended() {
            let left = deadline.saturating_duration_since(Instant::now());
            self.read_for(left.min(Duration::from_millis(5)));
        }
        if !self.has_ended() {
            self.signal(Signal::KILL);
        }
        let _ = self.child.wait();
        self.ended = true;
    }

    pub fn has_ended(&mut self) -> bool {
        if !self.ended {
            self.ended = self.child.try_wait().unwrap().is_some();
        }
        self.ended
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Keeps what comes within `time`; false once both streams have ended.
    fn read_for(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.keep(line),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => {
                    // Only the pause is missing now.
                    if !self.ended {
                        thread::sleep(left.min(Duration::from_millis(5)));
                    }
                    return false;
                }
            }
        }
    }

    fn keep(&mut self, (stream, line): (Stream, String)) {
        match stream {
            Stream::Out => self.stdout.push_str(&line),
            Stream::Err => self.stderr.push_str(&line),
        }
    }

    fn kill_group(&mut self) {
        // The number is ours as long as we have not waited for the process.
        if !self.has_ended() && test_kill_process(self.pid()).is_ok() {
            let _ = kill_process_group(self.pid(), Signal::KILL);
        }
        let _ = self.child.wait();
        self.ended = true;
    }

    fn outcome(&mut self, code: Option<i32>) -> Outcome {
        self.output();
        Outcome {
            command: self.command.clone(),
            code,
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
            took: self.begun.elapsed(),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let left_running = !self.has_ended();
        self.kill_group();
        if left_running && thread::panicking() {
            eprintln!("{}", self.outcome(None).story());
        }
    }
}

fn collect(
    stream: Option<impl Read + Send + 'static>,
    sender: Sender<(Stream, String)>,
    which: fn() -> Stream,
) {
    let Some(stream) = stream else { return };
    // Ends with the stream; whoever keeps that open is found by `ends_within`.
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).into_owned();
            if sender.send((which(), text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let program = program
        .rsplit('/')
        .next()
        .map(str::to_owned)
        .unwrap_or(program);
    command.get_args().fold(program, |shown, argument| {
        format!("{shown} {}", argument.to_string_lossy())
    })
}
