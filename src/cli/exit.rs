//! Exit codes: what a script can tell apart.

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked is done.
    Done = 0,
    /// A request, or one entry of it, failed or was refused; or a drill found a broken promise.
    Refused = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Config = 3,
    /// Another process has the data directory.
    Locked = 4,
    /// The log is corrupt.
    Corrupt = 5,
    /// The disk failed a sync.
    SyncFailed = 6,
    /// There is no connection to the server.
    Unreachable = 7,
    /// The broker cannot start for another reason.
    CannotStart = 8,
}

/// Every code with its meaning, as `--help` and docs/OPERATING.md list them.
pub const TABLE: [(Exit, &str); 9] = [
    (Exit::Done, "done; a receive that found nothing too"),
    (Exit::Refused, "the request, or a part of it, failed or was refused; a drill broke a promise"),
    (Exit::Usage, "the command line is wrong"),
    (Exit::Config, "the configuration is wrong: file, environment or a value's limit"),
    (Exit::Locked, "another process has the data directory"),
    (Exit::Corrupt, "the log is corrupt: acknowledged data is damaged"),
    (Exit::SyncFailed, "the disk failed a sync; what was not confirmed may be lost"),
    (Exit::Unreachable, "cannot reach the server"),
    (Exit::CannotStart, "cannot start: port in use, data directory not usable, newer format"),
];

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The table for the end of `--help`.
pub(super) fn help() -> String {
    let lines = TABLE.map(|(exit, meaning)| format!("  {:<4} {meaning}", exit.code()));
    let signals = "  130  ended at once by a second SIGINT, 143 by a second SIGTERM";
    format!("Exit codes:\n{}\n{signals}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handbook_lists_every_code() {
        let handbook = include_str!("../../docs/OPERATING.md");
        for (exit, meaning) in TABLE {
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(handbook.contains(&row), "docs/OPERATING.md lacks the row {row}");
        }
    }
}
