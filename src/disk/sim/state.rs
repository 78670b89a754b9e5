//! The simulated file system: every operation, as one step under the disk's lock.
//!
//! Each step first asks the faults whether it may happen, then looks for what it needs, and only
//! then changes something, so that an operation that fails has not happened.

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
        let fault = self.faults.begin(Operation::Make)?;
        if self.names.cached.files.contains_key(dir) {
            return Err(Errno::EXIST.into());
        }
        if !self.names.cached.has_dir(dir) {
            self.check_parent(dir)?;
            self.names.change(EntryChange::CreateDir { dir: dir.to_owned() });
        }
        self.faults.end(fault)
    }

    pub(super) fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        let fault = self.faults.begin(Operation::Read)?;
        let tree = &self.names.cached;
        if !tree.has_dir(dir) {
            return Err(Errno::NOENT.into());
        }
        let inside = tree.files.keys().filter(|path| parent(path) == dir);
        let names = inside.map(|path| match path.rsplit_once('/') {
            Some((_, name)) => name.to_owned(),
            None => path.clone(),
        });
        let names = names.collect();
        self.faults.end(fault)?;
        Ok(names)
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<u64> {
        let fault = self.faults.begin(Operation::Make)?;
        self.check_absent(path)?;
        let file = self.make_file(path);
        self.faults.end(fault)?;
        self.acquire(file);
        Ok(file)
    }

    pub(super) fn open(&mut self, path: &str) -> io::Result<u64> {
        let fault = self.faults.begin(Operation::Read)?;
        let file = self.find(path)?;
        self.faults.end(fault)?;
        self.acquire(file);
        Ok(file)
    }

    pub(super) fn link(&mut self, path: &str, path_new: &str) -> io::Result<()> {
        let fault = self.faults.begin(Operation::Make)?;
        let file = self.find(path)?;
        self.check_absent(path_new)?;
        self.names.change(EntryChange::Create { path: path_new.to_owned(), file });
        self.faults.end(fault)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let fault = self.faults.begin(Operation::Make)?;
        let file = self.find(from)?;
        if self.names.cached.dirs.contains(to) {
            return Err(Errno::ISDIR.into());
        }
        self.check_parent(to)?;
        // POSIX: between two names of one file, a rename does nothing.
        if self.names.cached.files.get(to) != Some(&file) {
            let (from, to) = (from.to_owned(), to.to_owned());
            self.names.change(EntryChange::Rename { from, to, file });
        }
        self.faults.end(fault)
    }

    pub(super) fn unlink(&mut self, path: &str) -> io::Result<()> {
        let fault = self.faults.begin(Operation::Change)?;
        self.find(path)?;
        self.names.change(EntryChange::Unlink { path: path.to_owned() });
        self.faults.end(fault)
    }

    pub(super) fn sync_dir(&mut self, dir: &str) -> io::Result<()> {
        let fault = self.faults.begin(Operation::SyncDir)?;
        if !self.names.cached.has_dir(dir) {
            return Err(Errno::NOENT.into());
        }
        if fault != Some(Fault::LyingSync) {
            self.names.sync_dir(dir);
            self.collect();
        }
        self.faults.end(fault)
    }

    pub(super) fn lock(&mut self, path: &str) -> io::Result<u64> {
        let fault = self.faults.begin(Operation::Make)?;
        let file = if let Some(file) = self.names.cached.files.get(path) {
            *file
        } else {
            self.check_absent(path)?;
            self.make_file(path)
        };
        if self.locks.contains(&file) {
            return Err(Errno::WOULDBLOCK.into());
        }
        self.faults.end(fault)?;
        self.locks.insert(file);
        self.acquire(file);
        Ok(file)
    }

    pub(super) fn unlock(&mut self, file: u64) {
        self.locks.remove(&file);
        self.release(file);
    }

    pub(super) fn len(&mut self, file: u64) -> io::Result<u64> {
        let fault = self.faults.begin(Operation::Read)?;
        self.faults.end(fault)?;
        Ok(self.inode(file)?.len())
    }

    pub(super) fn link_count(&mut self, file: u64) -> io::Result<u64> {
        let fault = self.faults.begin(Operation::Read)?;
        self.faults.end(fault)?;
        Ok(self.names.cached.files.values().filter(|named| **named == file).count() as u64)
    }

    pub(super) fn read_at(
        &mut self,
        file: u64,
        offset: u64,
        buffer: &mut [u8],
        cached_only: bool,
    ) -> io::Result<usize> {
        let fault = self.faults.begin(Operation::Read)?;
        self.faults.end(fault)?;
        let inode = self.inodes.get(&file).ok_or(Errno::BADF)?;
        if cached_only && inode.is_cold() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = inode.read_at(offset, buffer).ok_or(Errno::IO)?;
        if inode.is_cold() {
            self.inode(file)?.warm();
        }
        Ok(count)
    }

    pub(super) fn write_at(
        &mut self,
        file: u64,
        offset: u64,
        chunks: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let fault = self.faults.begin(Operation::Write)?;
        let bytes: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
        let mut count = bytes.len();
        if let Some(Fault::ShortWrite(count_max) | Fault::CrashWithin(count_max)) = fault {
            count = count.min(count_max);
        }
        if let Some(free_bytes) = self.free_bytes() {
            let end_max = self.inode(file)?.len().saturating_add(free_bytes);
            let room = usize::try_from(end_max.saturating_sub(offset)).unwrap_or(usize::MAX);
            if room == 0 && count > 0 {
                return Err(Errno::NOSPC.into());
            }
            count = count.min(room);
        }
        self.inode(file)?.write_at(offset, &bytes[..count]);
        self.faults.end(fault)?;
        Ok(count)
    }

    pub(super) fn sync(&mut self, file: u64) -> io::Result<()> {
        let fault = self.faults.begin(Operation::SyncFile)?;
        let inode = self.inode(file)?;
        match fault {
            Some(Fault::Eio) => {
                inode.sync_failing(&mut || false);
                return Err(Errno::IO.into());
            }
            Some(Fault::TornSync(seed)) => {
                let mut random = Random::new(seed);
                inode.sync_failing(&mut || random.below(2) == 0);
                return Err(Errno::IO.into());
            }
            Some(Fault::LyingSync) => {}
            _ => inode.sync(),
        }
        self.faults.end(fault)
    }

    pub(super) fn drop_cache(&mut self, file: u64) -> io::Result<()> {
        let fault = self.faults.begin(Operation::Read)?;
        self.inode(file)?.drop_cache();
        self.faults.end(fault)
    }

    pub(super) fn map(&mut self, file: u64) -> io::Result<Bytes> {
        let fault = self.faults.begin(Operation::Read)?;
        self.faults.end(fault)?;
        Ok(self.inode(file)?.cached_bytes().into())
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

    /// A file that is named or open, to change it.
    pub(super) fn inode(&mut self, file: u64) -> io::Result<&mut Inode> {
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
