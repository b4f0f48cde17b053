//! File systems that do not tell of every change: others change them, too.

use std::path::Path;

/// What a folder lies on, where that is one of them. Source: `linux/magic.h`, and `statfs(2)`.
#[cfg(target_os = "linux")]
pub fn remote(folder: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(folder).ok()?;
    // The type is of another width on every architecture.
    name(u64::try_from(found.f_type).ok()? & 0xffff_ffff)
}

#[cfg(not(target_os = "linux"))]
pub fn remote(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(target_os = "linux")]
fn name(kind: u64) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "nfs",
        0x0102_1997 => "9p",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "smb",
        0x6573_5546 => "fuse",
        0x786f_4256 => "vboxsf",
        0x00c3_6400 => "ceph",
        0x5346_414f => "afs",
        0xbacb_acbc => "vmhgfs",
        0x7461_636f => "ocfs2",
        0x0116_1970 => "gfs2",
        0x0bd0_0bd0 => "lustre",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_tells_and_the_network_does_not() {
        assert_eq!(remote(Path::new("/proc")), None);
        assert_eq!(remote(Path::new("/nowhere/at/all")), None);
        assert_eq!(name(0x6969), Some("nfs"));
        assert_eq!(name(0xef53), None, "ext4");
    }
}
