//! What a test holds back, to run it later.

use ledgerq::broker::Effect;

use super::Client;

/// What is to run only when told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Nothing,
    /// What goes on in the background: whatever clients do may come in between, as with threads.
    Background,
    /// Frames: the disk is slow, and the background is faster.
    Writes,
    Both,
}

impl Hold {
    pub(super) fn holds(self, effect: &Effect<Client>) -> bool {
        // What the program has a thread in the background for, while it goes on serving.
        let is_background = matches!(
            effect,
            Effect::Prepare(_)
                | Effect::Seal(_)
                | Effect::Checkpoint(_)
                | Effect::Compact(_)
                | Effect::Scrub(_)
                | Effect::Unlink(_)
                | Effect::Reserve(_)
        );
        match self {
            Self::Nothing => false,
            Self::Background => is_background,
            Self::Writes => matches!(effect, Effect::Write(..)),
            Self::Both => is_background || matches!(effect, Effect::Write(..)),
        }
    }
}
