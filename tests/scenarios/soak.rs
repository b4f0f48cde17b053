//! Random edits against a checkout, with faults in between: at every checkpoint the container has exactly what is here.
//! `DEV_SOAK_SECONDS` says for how long (10), `DEV_SOAK_SEED` repeats one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::support::{Stack, docker, sleeps};
use super::sync::gets_the_same;

/// Numbers by chance, the same for the same seed (xorshift, after Marsaglia).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().unwrap())
}

/// What ends more often is given up.
const STEADY: Duration = Duration::from_secs(15);

struct Soak {
    stack: Stack,
    chance: Chance,
    /// When the container was ended last.
    ended: Instant,
}

impl Soak {
    /// A few names, so that they meet; up to three deep.
    fn path(&mut self) -> PathBuf {
        let mut path = self.stack.path("www");
        for _ in 0..=self.chance.below(3) {
            path.push(["a", "b", "c.txt", "d e", "é", "f"][self.chance.below(6)]);
        }
        path
    }

    /// One that is there.
    fn present(&mut self) -> Option<PathBuf> {
        (0..20)
            .map(|_| self.path())
            .find(|path| path.symlink_metadata().is_ok())
    }

    fn remove(path: &PathBuf) {
        let Ok(found) = fs::symlink_metadata(path) else {
            return;
        };
        if found.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// Whatever is in the way makes way.
    fn room(path: &PathBuf) {
        Self::remove(path);
        let parent = path.parent().unwrap();
        let mut above: Vec<_> = parent.ancestors().collect();
        above.reverse();
        for folder in above {
            if fs::symlink_metadata(folder).is_ok_and(|found| !found.is_dir()) {
                fs::remove_file(folder).unwrap();
            }
        }
        fs::create_dir_all(parent).unwrap();
    }

    fn step(&mut self) {
        let path = self.path();
        match self.chance.below(20) {
            0..7 => {
                let size = [0, 10, 1000, 300_000][self.chance.below(4)];
                let content = vec![b'a' + u8::try_from(self.chance.below(26)).unwrap(); size];
                Self::room(&path);
                fs::write(&path, content).unwrap();
            }
            7..9 => {
                let beside = self.stack.outside("beside");
                fs::write(&beside, format!("{}", self.chance.below(1000))).unwrap();
                Self::room(&path);
                fs::rename(beside, &path).unwrap();
            }
            9..11 => {
                let Some(file) = self
                    .present()
                    .filter(|path| path.symlink_metadata().is_ok_and(|found| found.is_file()))
                else {
                    return;
                };
                let mut file = fs::File::options().append(true).open(file).unwrap();
                file.write_all(b"more").unwrap();
            }
            11..13 => {
                if let Some(from) = self.present()
                    && !path.starts_with(&from)
                    && !from.starts_with(&path)
                {
                    let aside = self.stack.outside("aside");
                    fs::rename(from, &aside).unwrap();
                    Self::room(&path);
                    fs::rename(aside, path).unwrap();
                }
            }
            13..15 => Self::remove(&path),
            15 => {
                Self::room(&path);
                fs::create_dir(path).unwrap();
            }
            16 => {
                Self::room(&path);
                symlink(["a", "../b", "/nowhere", "f"][self.chance.below(4)], path).unwrap();
            }
            17 => {
                let found = self.present();
                let found = found.filter(|path| !path.is_symlink());
                if let Some(path) = found {
                    let mode = [0o755, 0o700, 0o775][self.chance.below(3)];
                    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
                }
            }
            18 => self.checkout(),
            _ => std::thread::sleep(Duration::from_millis(self.chance.below(60) as u64)),
        }
    }

    /// Many files at once.
    fn checkout(&mut self) {
        let root = self.stack.path("www/tree");
        let version = self.chance.below(5);
        for number in 0..150 {
            let path = root.join(format!("{}/{number}", number % 7));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if (number + version).is_multiple_of(5) {
                let _gone = fs::remove_file(path);
            } else {
                fs::write(path, format!("{number} of {version}")).unwrap();
            }
        }
    }

    /// No pauses: Docker hangs for good where a command starts in a container that is being paused.
    fn fault(&mut self) {
        let Some(container) = self.stack.try_container("site") else {
            return;
        };
        let kind = self.chance.below(4);
        println!("fault {kind}");
        if kind < 2 && self.ended.elapsed() < STEADY {
            return;
        }
        match kind {
            0 => {
                self.ended = Instant::now();
                docker(["restart", "--time", "0", &container.id]);
            }
            1 => {
                self.ended = Instant::now();
                docker(["rm", "--force", &container.id]);
            }
            2 => {
                // In this order: what goes after the helper is not seen by the next one, which has compared by then.
                let script = "rm -rf /www/a /www/b; kill -9 $(pidof $(ls /.dev-helper))";
                let _gone = Command::new("docker")
                    .args(["exec", &container.id, "sh", "-c", script])
                    .output();
            }
            _ => {}
        }
    }
}

#[test]
fn whatever_happens_the_container_has_what_is_here() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("DEV_SOAK_SEED", u64::from(now.subsec_nanos()) | 1);
    let end = Instant::now() + Duration::from_secs(number("DEV_SOAK_SECONDS", 10));
    println!("DEV_SOAK_SEED={seed}");
    let rule = r#"watch = [{ paths = ["www"], sync = "/www" }]"#;
    let stack = Stack::new("soak", sleeps("site", rule));
    stack.write("www/first", "1");
    let mut up = stack.up();
    let chance = Chance(seed);
    let ended = Instant::now();
    let mut soak = Soak {
        stack,
        chance,
        ended,
    };
    while Instant::now() < end {
        for _ in 0..=soak.chance.below(40) {
            soak.step();
        }
        if soak.chance.below(3) == 0 {
            soak.fault();
            for _ in 0..5 {
                soak.step();
            }
        }
        gets_the_same(&soak.stack, "site");
    }
    assert!(!up.has_ended());
}
