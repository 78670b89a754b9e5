//! What kind of file system a directory is on, so that a start can warn of one that forgets.

/// A kind of file system, as far as durability goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// On a device of this machine.
    Local,
    /// In memory: gone after a power cut.
    Memory,
    /// On another machine, or behind a process: a sync promises what that other side promises.
    Network,
    /// None that this crate knows.
    Unknown,
}

impl Medium {
    /// The kind that belongs to the number by which `statfs(2)` names a file system, from there
    /// and from the kernel's `magic.h`.
    pub(super) fn of_magic(magic: i128) -> Self {
        // Some platforms give the 32 bits of the number a sign.
        match magic & 0xffff_ffff {
            0x0102_1994 | 0x8584_58f6 => Self::Memory, // tmpfs, ramfs
            0xef53                   // ext2, ext3, ext4
            | 0x5846_5342            // xfs
            | 0x9123_683e            // btrfs
            | 0xf2f5_2010            // f2fs
            | 0x2fc1_2fc1            // zfs
            | 0xca45_1a4e            // bcachefs
            | 0x794c_7630            // overlayfs: a container's, over one of the above
            | 0x3153_464a            // jfs
            | 0x3434                 // nilfs2
            | 0x5265_4973 => Self::Local, // reiserfs
            0x6969                   // nfs
            | 0x517b | 0xff53_4d42 | 0xfe53_4d42 // smb, cifs, smb2
            | 0x6573_5546            // fuse, and what is built on it: virtiofs, gluster, sshfs
            | 0x00c3_6400            // ceph
            | 0x0102_1997            // 9p
            | 0x0bd0_0bd0            // lustre
            | 0x5346_414f | 0x6b41_4653 // afs
            | 0x7375_7245            // coda
            | 0x7461_636f            // ocfs2
            | 0x0116_1970            // gfs2
            | 0x786f_4256 => Self::Network, // vboxsf
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Medium;

    #[test]
    fn a_magic_number_is_known_with_and_without_a_sign() {
        assert_eq!(Medium::of_magic(0xef53), Medium::Local);
        assert_eq!(Medium::of_magic(0x8584_58f6), Medium::Memory);
        assert_eq!(Medium::of_magic(i128::from(0xff53_4d42_u32.cast_signed())), Medium::Network);
        assert_eq!(Medium::of_magic(1), Medium::Unknown);
    }
}
