//! What one sealed or active file holds, in short: from its footer, or from its frames.

use std::io;

use crate::{
    disk::read_exact_at,
    types::{Lsn, Timestamp},
};

use super::{FileId, FooterState, LogError, StoredFile, footer::footer_bytes, le::all_zero};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileContents {
    /// How many frames there are.
    pub frames_count: u64,
    /// How many messages came with them, those that are gone among them.
    pub messages_count: u64,
    /// Broker time of the last frame; `None` for an output, whose frames have none, and for a
    /// segment without a frame.
    pub last_at: Option<Timestamp>,
    /// The footer; one that is there was not compared with the frames.
    pub footer: FooterState,
}

impl StoredFile {
    /// Counts what the file holds. `last_lsn` is where it ends, if that is known, as for
    /// [`StoredFile::scan`].
    pub fn contents(&self, last_lsn: Option<Lsn>) -> Result<FileContents, LogError> {
        let path = self.id.path();
        let footer = self.footer().map_err(LogError::io("read", &path))?;
        let mut contents = FileContents {
            frames_count: 0,
            messages_count: 0,
            last_at: None,
            footer: FooterState::Valid,
        };
        if let Some(footer) = footer {
            contents.frames_count = footer.entries.len() as u64;
            let counts = footer.entries.iter().map(|entry| u64::from(entry.body_count));
            contents.messages_count = counts.sum();
            if let (FileId::Segment(_), Some(last)) = (self.id, footer.entries.last()) {
                contents.last_at = Some(self.frame(last)?.now);
            }
            return Ok(contents);
        }
        contents.footer = self.footer_missing().map_err(LogError::io("read", &path))?;
        self.scan(last_lsn, &mut |frame| {
            contents.frames_count += 1;
            contents.messages_count += frame.bodies.len() as u64;
            contents.last_at = matches!(self.id, FileId::Segment(_)).then_some(frame.now);
            Ok(())
        })?;
        Ok(contents)
    }

    /// Why there is no valid footer: nothing was written where it ends, or something else is there.
    fn footer_missing(&self) -> io::Result<FooterState> {
        let mut trailer = [0; 64];
        let at = self.bytes.saturating_sub(footer_bytes(0, 0));
        read_exact_at(&*self.file, at, &mut trailer)?;
        Ok(if all_zero(&trailer) { FooterState::Missing } else { FooterState::Invalid })
    }
}
