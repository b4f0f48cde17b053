use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use camino::Utf8PathBuf;
use tokio::sync::mpsc::channel;

use super::super::files::Sent;
use super::{Files, announce, send_file, serve};
use crate::watch::context::Filter;

struct Folder {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        Self {
            _folder: folder,
            dir,
        }
    }

    /// The packets that announce the folder, and the numbers that may be asked for.
    fn announced(&self) -> (Vec<Packet>, Vec<u32>) {
        let (output, mut packets) = channel(100);
        let files = Files::default();
        announce(&self.dir, &Filter::default(), &files, &output);
        drop(output);
        let packets = std::iter::from_fn(|| packets.blocking_recv())
            .map(|p| p.expect("a packet"))
            .collect();
        let mut numbers: Vec<u32> = files.lock().expect("unpoisoned").keys().copied().collect();
        numbers.sort_unstable();
        (packets, numbers)
    }
}

#[test]
fn every_entry_is_announced_and_only_files_may_be_asked_for() {
    let folder = Folder::new();
    std::fs::create_dir(folder.dir.join("a")).expect("a folder");
    std::fs::write(folder.dir.join("a/run.sh"), "12345").expect("a file");
    let mode = std::fs::Permissions::from_mode(0o4755);
    std::fs::set_permissions(folder.dir.join("a/run.sh"), mode).expect("set");
    let file = std::fs::File::options()
        .write(true)
        .open(folder.dir.join("a/run.sh"))
        .expect("writable");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::new(1_000, 7))
        .expect("set");
    symlink("run.sh", folder.dir.join("a/link")).expect("a link");
    std::fs::write(folder.dir.join("z"), "").expect("a file");

    let (packets, numbers) = folder.announced();
    assert_eq!(numbers, [2, 3], "a/run.sh and z, by their place");
    assert!(packets.iter().all(|p| p.r#type() == PacketType::PacketStat));
    let stats: Vec<Option<&Stat>> = packets.iter().map(|p| p.stat.as_ref()).collect();
    let [Some(a), Some(link), Some(run), Some(z), None] = stats.as_slice() else {
        panic!("{packets:#?}")
    };
    assert_eq!((a.path.as_str(), a.mode & !0o777), ("a", 1 << 31));
    assert_eq!(
        (link.path.as_str(), link.mode >> 27, link.linkname.as_str()),
        ("a/link", 1, "run.sh")
    );
    assert_eq!(
        (run.path.as_str(), run.mode, run.size, run.mod_time),
        ("a/run.sh", 1 << 23 | 0o755, 5, 1_000_000_000_007)
    );
    assert_eq!((run.uid, run.gid, z.size), (0, 0, 0));
}

#[test]
fn a_name_that_cannot_be_sent_ends_the_transfer_with_words() {
    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(folder.dir.as_std_path().join(name), "x").expect("a file");
    let (packets, _) = folder.announced();
    let [error] = packets.as_slice() else {
        panic!("{packets:#?}")
    };
    assert_eq!(error.r#type(), PacketType::PacketErr);
    assert!(String::from_utf8_lossy(&error.data).contains("is not UTF-8"));
}

#[test]
fn a_file_goes_in_pieces_with_an_empty_one_at_the_end() {
    let folder = Folder::new();
    let path = folder.dir.join("big").into_std_path_buf();
    std::fs::write(&path, vec![7; 150_000]).expect("a file");
    let (output, mut packets) = channel(100);
    let (requests, queue) = channel(4);
    let sent = Sent::default();
    requests.try_send((9, path)).expect("room");
    requests
        .try_send((10, folder.dir.join("gone").into_std_path_buf()))
        .expect("room");
    drop(requests);
    serve(queue, &output, &sent);
    drop(output);
    let packets: Vec<Packet> = std::iter::from_fn(|| packets.blocking_recv())
        .map(|p| p.expect("a packet"))
        .collect();
    let sizes: Vec<(u32, usize)> = packets.iter().map(|p| (p.id, p.data.len())).collect();
    assert_eq!(
        sizes,
        [(9, 65_536), (9, 65_536), (9, 18_928), (9, 0), (10, 0)],
        "what is gone is empty"
    );
    assert_eq!((sent.files(), sent.bytes()), (2, 150_000));
}

#[test]
fn nobody_to_send_to_ends_the_work() {
    let folder = Folder::new();
    let path = folder.dir.join("a").into_std_path_buf();
    std::fs::write(&path, "x").expect("a file");
    let (output, packets) = channel(1);
    drop(packets);
    assert!(send_file(1, &path, &mut [0; 16], &output, &Sent::default()).is_err());
    announce(&folder.dir, &Filter::default(), &Files::default(), &output);
}
