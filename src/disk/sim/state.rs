//! The simulated file system: every operation, as one step under the disk's lock.
//!
//! Each step first asks the faults whether it may happen, then looks for what it needs, and only
//! then changes something, so that an operation that fails has not happened. What no name, no
//! pending change and no handle leads to is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IoSlice},
    sync::Arc,
};

use bytes::Bytes;
use rustix::io::Errno;

use super::{
    choose::{Choice, Random},
    faults::{Fault, Faults, Operation},
    inode::Inode,
    names::{EntryChange, Names, parent},
};

/// A disk and the process that uses it.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) inodes: BTreeMap<u64, Arc<Inode>>,
    inode_next: u64,
    /// How often each file is open: such a file lives on without a name.
    handles: BTreeMap<u64, usize>,
    locks: BTreeSet<u64>,
    pub(super) faults: Faults,
    pub(super) capacity_bytes: Option<u64>,
}

impl State {
    /// The disk as another process finds it: nothing open, nothing locked, no fault planned.
    pub(super) fn kill(&self) -> Self {
        let mut state = self.clone();
        state.handles.clear();
        state.locks.clear();
        state.faults = Faults::none();
        state.collect();
        state
    }

    /// The disk after a power cut.
    pub(super) fn crash(&self, chooser: &mut dyn FnMut(Choice<'_>) -> bool) -> Self {
        let names = self.names.crash(chooser);
        let inodes = names.files().into_iter().filter_map(|file| {
            let inode = self.inodes.get(&file)?;
            Some((file, Arc::new(inode.crash(file, chooser))))
        });
        Self {
            inodes: inodes.collect(),
            names,
            inode_next: self.inode_next,
            capacity_bytes: self.capacity_bytes,
            ..Self::default()
        }
    }

    pub(super) fn create_dir(&mut self, dir: &str) -> io::Result<()> {
        self.step(Operation::Make, |state, _| {
            if state.names.cached.files.contains_key(dir) {
                return Err(Errno::EXIST.into());
            }
            if !state.names.cached.has_dir(dir) {
                state.check_parent(dir)?;
                state.names.change(EntryChange::CreateDir { dir: dir.to_owned() });
            }
            Ok(())
        })
    }

    pub(super) fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        self.step(Operation::Read, |state, _| {
            let tree = &state.names.cached;
            if !tree.has_dir(dir) {
                return Err(Errno::NOENT.into());
            }
            let inside = tree.files.keys().filter(|path| parent(path) == dir);
            let name = |path: &String| match path.rsplit_once('/') {
                Some((_, name)) => name.to_owned(),
                None => path.clone(),
            };
            Ok(inside.map(name).collect())
        })
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<u64> {
        self.step(Operation::Make, |state, _| {
            state.check_absent(path)?;
            let file = state.make_file(path);
            state.acquire(file);
            Ok(file)
        })
    }

    pub(super) fn open(&mut self, path: &str) -> io::Result<u64> {
        self.step(Operation::Read, |state, _| {
            let file = state.find(path)?;
            state.acquire(file);
            Ok(file)
        })
    }

    pub(super) fn link(&mut self, path: &str, path_new: &str) -> io::Result<()> {
        self.step(Operation::Make, |state, _| {
            let file = state.find(path)?;
            state.check_absent(path_new)?;
            state.names.change(EntryChange::Create { path: path_new.to_owned(), file });
            Ok(())
        })
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step(Operation::Make, |state, _| {
            let file = state.find(from)?;
            if state.names.cached.has_dir(to) {
                return Err(Errno::ISDIR.into());
            }
            state.check_parent(to)?;
            // POSIX: between two names of one file, a rename does nothing.
            if state.names.cached.files.get(to) != Some(&file) {
                let (from, to) = (from.to_owned(), to.to_owned());
                state.names.change(EntryChange::Rename { from, to, file });
            }
            Ok(())
        })
    }

    pub(super) fn unlink(&mut self, path: &str) -> io::Result<()> {
        self.step(Operation::Change, |state, _| {
            state.find(path)?;
            state.names.change(EntryChange::Unlink { path: path.to_owned() });
            Ok(())
        })
    }

    pub(super) fn sync_dir(&mut self, dir: &str) -> io::Result<()> {
        self.step(Operation::SyncDir, |state, fault| {
            if !state.names.cached.has_dir(dir) {
                return Err(Errno::NOENT.into());
            }
            if fault != Some(Fault::LyingSync) {
                state.names.sync_dir(dir);
                state.collect();
            }
            Ok(())
        })
    }

    pub(super) fn lock(&mut self, path: &str) -> io::Result<u64> {
        self.step(Operation::Make, |state, _| {
            let file = if let Some(file) = state.names.cached.files.get(path) {
                *file
            } else {
                state.check_absent(path)?;
                state.make_file(path)
            };
            if !state.locks.insert(file) {
                return Err(Errno::WOULDBLOCK.into());
            }
            state.acquire(file);
            Ok(file)
        })
    }

    pub(super) fn unlock(&mut self, file: u64) {
        self.locks.remove(&file);
        self.release(file);
    }

    pub(super) fn len(&mut self, file: u64) -> io::Result<u64> {
        self.step(Operation::Read, |state, _| Ok(state.inode(file)?.len()))
    }

    pub(super) fn link_count(&mut self, file: u64) -> io::Result<u64> {
        self.step(Operation::Read, |state, _| {
            let named = state.names.cached.files.values();
            Ok(named.filter(|named| **named == file).count() as u64)
        })
    }

    pub(super) fn read_at(
        &mut self,
        file: u64,
        offset: u64,
        buffer: &mut [u8],
        cached_only: bool,
    ) -> io::Result<usize> {
        self.step(Operation::Read, |state, _| {
            let inode = state.inode(file)?;
            if inode.is_cold() {
                if cached_only {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                state.inode_mut(file)?.warm();
            }
            Ok(state.inode(file)?.read_at(offset, buffer).ok_or(Errno::IO)?)
        })
    }

    pub(super) fn write_at(
        &mut self,
        file: u64,
        offset: u64,
        chunks: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.step(Operation::Write, |state, fault| {
            let mut bytes = Vec::new();
            for chunk in chunks {
                bytes.extend_from_slice(chunk);
            }
            let mut count = bytes.len();
            if let Some(Fault::ShortWrite(count_max) | Fault::CrashWithin(count_max)) = fault {
                count = count.min(count_max);
            }
            if let Some(free_bytes) = state.free_bytes() {
                let end_max = state.inode(file)?.len().saturating_add(free_bytes);
                let room = usize::try_from(end_max.saturating_sub(offset)).unwrap_or(usize::MAX);
                if room == 0 && count > 0 {
                    return Err(Errno::NOSPC.into());
                }
                count = count.min(room);
            }
            state.inode_mut(file)?.write_at(offset, &bytes[..count]);
            Ok(count)
        })
    }

    pub(super) fn sync(&mut self, file: u64) -> io::Result<()> {
        self.step(Operation::SyncFile, |state, fault| {
            let inode = state.inode_mut(file)?;
            match fault {
                Some(Fault::Eio) => {
                    inode.sync_failing(&mut || false);
                    Err(Errno::IO.into())
                }
                Some(Fault::TornSync(seed)) => {
                    let mut random = Random::new(seed);
                    inode.sync_failing(&mut || random.below(2) == 0);
                    Err(Errno::IO.into())
                }
                Some(Fault::LyingSync) => Ok(()),
                _ => {
                    inode.sync();
                    Ok(())
                }
            }
        })
    }

    pub(super) fn drop_cache(&mut self, file: u64) -> io::Result<()> {
        self.step(Operation::Read, |state, _| {
            state.inode_mut(file)?.drop_cache();
            Ok(())
        })
    }

    pub(super) fn map(&mut self, file: u64) -> io::Result<Bytes> {
        self.step(Operation::Read, |state, _| Ok(state.inode(file)?.cached_bytes().into()))
    }

    /// One operation: counted, stopped or twisted by a fault, and not answered if it was the last.
    fn step<T>(
        &mut self,
        operation: Operation,
        act: impl FnOnce(&mut Self, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let fault = self.faults.begin(operation)?;
        let outcome = act(self, fault);
        self.faults.end(fault)?;
        outcome
    }

    /// A handle is gone.
    pub(super) fn release(&mut self, file: u64) {
        if let Some(count) = self.handles.get_mut(&file) {
            *count -= 1;
            if *count == 0 {
                self.handles.remove(&file);
                self.collect();
            }
        }
    }

    /// How many bytes the capacity leaves; `None` without one. Files take up their length, named
    /// or open.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let capacity_bytes = self.capacity_bytes?;
        let mut files: BTreeSet<u64> = self.names.cached.files.values().copied().collect();
        files.extend(self.handles.keys());
        let inodes = files.iter().filter_map(|file| self.inodes.get(file));
        let used_bytes: u64 = inodes.map(|inode| inode.len()).sum();
        Some(capacity_bytes.saturating_sub(used_bytes))
    }

    /// A file that nothing has opened yet.
    pub(super) fn add_inode(&mut self, inode: Inode) -> u64 {
        let file = self.inode_next;
        self.inode_next += 1;
        self.inodes.insert(file, Arc::new(inode));
        file
    }

    /// The file of a name.
    pub(super) fn find(&self, path: &str) -> io::Result<u64> {
        if self.names.cached.has_dir(path) {
            return Err(Errno::ISDIR.into());
        }
        self.names.cached.files.get(path).copied().ok_or_else(|| Errno::NOENT.into())
    }

    /// A file that has a name or is open.
    pub(super) fn inode(&self, file: u64) -> io::Result<&Inode> {
        self.inodes.get(&file).map(Arc::as_ref).ok_or_else(|| Errno::BADF.into())
    }

    /// The same, to change it.
    pub(super) fn inode_mut(&mut self, file: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&file).map(Arc::make_mut).ok_or_else(|| Errno::BADF.into())
    }

    fn make_file(&mut self, path: &str) -> u64 {
        let file = self.add_inode(Inode::default());
        self.names.change(EntryChange::Create { path: path.to_owned(), file });
        file
    }

    fn check_absent(&self, path: &str) -> io::Result<()> {
        if self.names.cached.has_dir(path) || self.names.cached.files.contains_key(path) {
            return Err(Errno::EXIST.into());
        }
        self.check_parent(path)
    }

    fn check_parent(&self, path: &str) -> io::Result<()> {
        if self.names.cached.has_dir(parent(path)) { Ok(()) } else { Err(Errno::NOENT.into()) }
    }

    fn acquire(&mut self, file: u64) {
        *self.handles.entry(file).or_default() += 1;
    }

    /// Forgets the files that nothing can reach any more, even after a power cut.
    fn collect(&mut self) {
        let mut files = self.names.files();
        files.extend(self.handles.keys());
        self.inodes.retain(|file, _| files.contains(file));
    }
}
