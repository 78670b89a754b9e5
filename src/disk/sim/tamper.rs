//! Changing the medium behind the file system's back: bit rot, lost files, foreign files.
//!
//! These are not operations: no fault hits them, no counter counts them, and they are durable.

use std::io;

use rustix::io::Errno;

use super::{
    SimDisk,
    image::{SECTOR_BYTES, to_index},
    inode::Inode,
    names::{EntryChange, parent},
};

impl SimDisk {
    /// The durable bytes of a durable name: what is there after a power cut that keeps nothing.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let tree = &state.names.durable;
        let mut dir = parent(path);
        while !dir.is_empty() {
            if !tree.has_dir(dir) {
                return None;
            }
            dir = parent(dir);
        }
        let file = tree.files.get(path)?;
        state.inodes.get(file).map(|inode| inode.durable_bytes())
    }

    /// Every file's path, durable or not, ascending.
    pub fn paths(&self) -> Vec<String> {
        self.state().names.cached.files.keys().cloned().collect()
    }

    /// Gives a file a second name, as a backup does. This one is an operation like the disk's
    /// own, and durable once its directory is synced.
    pub fn link(&self, path: &str, path_new: &str) -> io::Result<()> {
        self.state().link(path, path_new)
    }

    /// Changes one byte on the medium. A read shows it unless the sector is dirty or was lost by
    /// a failed sync. An error if the medium has no such byte.
    pub fn corrupt(
        &self,
        path: &str,
        offset: u64,
        change: impl FnOnce(u8) -> u8,
    ) -> io::Result<()> {
        let mut state = self.state();
        let file = state.find(path)?;
        let inode = state.inode_mut(file)?;
        if offset >= inode.durable_len() {
            return Err(Errno::INVAL.into());
        }
        let within = to_index(offset % SECTOR_BYTES as u64);
        inode.tamper_sector(offset / SECTOR_BYTES as u64, |sector| {
            sector[within] = change(sector[within]);
        });
        Ok(())
    }

    /// Sets a file's length on the medium; what is longer than it was ends in zeros. What was not
    /// synced is lost.
    pub fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let file = state.find(path)?;
        state.inode_mut(file)?.tamper_length(length);
        Ok(())
    }

    /// Makes every read of a byte's sector fail with `EIO`, until the sector is written.
    pub fn make_unreadable(&self, path: &str, offset: u64) -> io::Result<()> {
        let mut state = self.state();
        let file = state.find(path)?;
        state.inode_mut(file)?.tamper_unreadable(offset / SECTOR_BYTES as u64);
        Ok(())
    }

    /// Puts a file on the medium, in place of one of that name. Its directory has to be there.
    pub fn plant(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.cached.has_dir(parent(path)) {
            return Err(Errno::NOENT.into());
        }
        let file = state.add_inode(Inode::of_bytes(bytes));
        state.names.tamper(&EntryChange::Create { path: path.to_owned(), file });
        Ok(())
    }

    /// Takes a file's name from the medium.
    pub fn erase(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.find(path)?;
        state.names.tamper(&EntryChange::Unlink { path: path.to_owned() });
        Ok(())
    }
}
