//! A command that did not do what was asked: one line for standard error, and an exit code.

use std::{error::Error, io, path::Path};

use super::Exit;
use crate::{client, config::ConfigError, log::LogError};

/// Why a command ended early.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to tell; `None` if there is nobody to tell or all is said already.
    pub line: Option<String>,
}

impl Failure {
    /// With this exit code and line.
    pub fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, line: Some(line.into()) }
    }

    /// A part of the request was refused, and each part was told.
    pub fn told() -> Self {
        Self { exit: Exit::Refused, line: None }
    }

    /// Another process has the data directory.
    pub fn locked(dir: &Path) -> Self {
        let dir = dir.display();
        let line = format!("another process has the data directory {dir}; end it first");
        Self::new(Exit::Locked, line)
    }

    /// The data directory is none, or is not to be read or written.
    pub fn data_dir(dir: &Path, problem: impl std::fmt::Display) -> Self {
        let line = format!("cannot use the data directory {}: {problem}", dir.display());
        Self::new(Exit::CannotStart, line)
    }

    /// The broker cannot start because of this error.
    pub fn start(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self::new(exit, one_line(error))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let exit = match &error {
            client::Error::Address { .. } | client::Error::NoAuthority { .. } => Exit::Usage,
            client::Error::Unreachable { .. } => Exit::Unreachable,
            client::Error::Lost { .. } | client::Error::Refused(_) | client::Error::Answer(_) => {
                Exit::Refused
            }
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, one_line(&error))
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let exit = match &error {
            LogError::Corrupt { .. } | LogError::Missing { .. } | LogError::Refused { .. } => {
                Exit::Corrupt
            }
            LogError::SyncFailed { .. }
            | LogError::Poisoned
            | LogError::Io { operation: "sync", .. } => Exit::SyncFailed,
            LogError::SegmentBytes { .. } => Exit::Config,
            LogError::Io { .. } | LogError::NewerFormat { .. } | LogError::ForeignFiles { .. } => {
                Exit::CannotStart
            }
        };
        Self::new(exit, one_line(&error))
    }
}

/// Standard output cannot be written. A reader that has seen enough, such as `head`, is no failure
/// of a command that only reads.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Done, line: None };
        }
        Self::new(Exit::Refused, format!("cannot write to standard output: {error}"))
    }
}

/// An error and its causes, on one line.
pub(super) fn one_line(error: &(dyn Error + 'static)) -> String {
    let (mut line, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = next.source();
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once_and_on_one_line() {
        let source = io::Error::other("the device\nis gone");
        let error = ConfigError::Read { path: "x.toml".into(), source };
        let failure = Failure::from(error);
        assert_eq!(failure.exit, Exit::Config);
        let line = "cannot read the configuration file x.toml: the device is gone";
        assert_eq!(failure.line.as_deref(), Some(line));
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit, failure.line), (Exit::Done, None));
    }
}
