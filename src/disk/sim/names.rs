//! The directories: what they hold, what is durable of that, and the changes in between.
//!
//! Changes of different names reach the medium independently. Changes that share a name do so in
//! the order they were made, and a rename is one change of two names: it is there whole or not
//! at all. That is weaker than what a journalling file system does, which keeps them all in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::choose::Choice;

/// A change of directory entries that a sync of the directory makes durable. Files are given by
/// their inode numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryChange {
    /// A directory was made.
    CreateDir {
        /// Its path.
        dir: String,
    },
    /// A name was given to a file: a new one, or by a hard link.
    Create {
        /// The name.
        path: String,
        /// The file.
        file: u64,
    },
    /// A file's name was replaced by another.
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
        /// The file.
        file: u64,
    },
    /// A name was taken away.
    Unlink {
        /// The name.
        path: String,
    },
}

impl EntryChange {
    /// The names it changes.
    fn paths(&self) -> impl Iterator<Item = &String> {
        let (first, second) = match self {
            Self::CreateDir { dir } => (dir, None),
            Self::Create { path, .. } | Self::Unlink { path } => (path, None),
            Self::Rename { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }

    /// The directory whose sync is promised to make it durable. For a rename that is the new
    /// name's: a sync of the old one's alone is not trusted.
    fn dir(&self) -> &str {
        match self {
            Self::CreateDir { dir } => parent(dir),
            Self::Create { path, .. } | Self::Unlink { path } => parent(path),
            Self::Rename { to, .. } => parent(to),
        }
    }

    fn file(&self) -> Option<u64> {
        match self {
            Self::Create { file, .. } | Self::Rename { file, .. } => Some(*file),
            Self::CreateDir { .. } | Self::Unlink { .. } => None,
        }
    }
}

/// Every directory but the root, and every file's name with its inode number.
#[derive(Clone, Default)]
pub(super) struct Tree {
    pub(super) dirs: BTreeSet<String>,
    pub(super) files: BTreeMap<String, u64>,
}

impl Tree {
    pub(super) fn has_dir(&self, dir: &str) -> bool {
        dir.is_empty() || self.dirs.contains(dir)
    }

    fn apply(&mut self, change: &EntryChange) {
        match change {
            EntryChange::CreateDir { dir } => {
                self.dirs.insert(dir.clone());
            }
            EntryChange::Create { path, file } => {
                self.files.insert(path.clone(), *file);
            }
            EntryChange::Rename { from, to, file } => {
                self.files.remove(from);
                self.files.insert(to.clone(), *file);
            }
            EntryChange::Unlink { path } => {
                self.files.remove(path);
            }
        }
    }

    /// Takes away what lies in directories that are not there: ascending order has parents first.
    fn prune(&mut self) {
        let mut kept = Self::default();
        for dir in &self.dirs {
            if kept.has_dir(parent(dir)) {
                kept.dirs.insert(dir.clone());
            }
        }
        self.files.retain(|path, _| kept.has_dir(parent(path)));
        self.dirs = kept.dirs;
    }
}

/// The directories on both sides of the cache.
#[derive(Clone, Default)]
pub(super) struct Names {
    pub(super) cached: Arc<Tree>,
    /// May hold entries of directories that are not durable themselves.
    pub(super) durable: Arc<Tree>,
    /// Oldest first.
    pub(super) pending: Vec<EntryChange>,
}

impl Names {
    /// Makes a change that is not durable yet.
    pub(super) fn change(&mut self, change: EntryChange) {
        Arc::make_mut(&mut self.cached).apply(&change);
        self.pending.push(change);
    }

    /// Makes a change behind the file system's back, durable at once, with all that came before it
    /// for the same names.
    pub(super) fn tamper(&mut self, change: &EntryChange) {
        self.sync_where(|old| old.paths().any(|path| change.paths().any(|name| name == path)));
        Arc::make_mut(&mut self.cached).apply(change);
        Arc::make_mut(&mut self.durable).apply(change);
    }

    /// Makes the changes of a directory durable.
    pub(super) fn sync_dir(&mut self, dir: &str) {
        self.sync_where(|change| change.dir() == dir);
    }

    /// Makes the chosen changes durable, and the earlier ones of the same names.
    fn sync_where(&mut self, chosen: impl Fn(&EntryChange) -> bool) {
        let mut needed = BTreeSet::new();
        let mut synced = Vec::new();
        let mut pending = Vec::new();
        for change in std::mem::take(&mut self.pending).into_iter().rev() {
            if chosen(&change) || change.paths().any(|path| needed.contains(path)) {
                needed.extend(change.paths().cloned());
                synced.push(change);
            } else {
                pending.push(change);
            }
        }
        pending.reverse();
        self.pending = pending;
        for change in synced.iter().rev() {
            Arc::make_mut(&mut self.durable).apply(change);
        }
    }

    /// The directories after a power cut that keeps the changes that the chooser keeps.
    pub(super) fn crash(&self, chooser: &mut dyn FnMut(Choice<'_>) -> bool) -> Self {
        let mut tree = Tree::clone(&self.durable);
        let mut lost: BTreeSet<&str> = BTreeSet::new();
        for change in &self.pending {
            let cannot = change
                .paths()
                .any(|path| lost.contains(path.as_str()) || lost.contains(parent(path)));
            if !cannot && chooser(Choice::Entry(change)) {
                tree.apply(change);
            } else {
                lost.extend(change.paths().map(String::as_str));
            }
        }
        tree.prune();
        let tree = Arc::new(tree);
        Self { cached: Arc::clone(&tree), durable: tree, pending: Vec::new() }
    }

    /// The files that have a name, or may have one after a power cut.
    pub(super) fn files(&self) -> BTreeSet<u64> {
        let changed = self.pending.iter().filter_map(EntryChange::file);
        let named = self.cached.files.values().chain(self.durable.files.values()).copied();
        named.chain(changed).collect()
    }
}

/// The directory that a path is in; the root is `""`.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}
