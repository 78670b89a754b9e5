//! What is wrong with a configuration, said so that it can be found and put right.

use std::{io, path::PathBuf};

use super::variable;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Env,
    /// In this file.
    File(PathBuf),
}

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no TOML, or has a key or a value that is none.
    #[error("{}, line {number}: `{line}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, the first is 1.
        number: usize,
        /// What stands there.
        line: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A variable of the environment has a value that is none.
    #[error("the environment's {name}: {problem}")]
    Env {
        /// The variable.
        name: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// A value is beyond its limits.
    #[error("{setting} is {value}, it must be {limit}")]
    Beyond {
        /// The setting as its origin calls it.
        setting: String,
        /// What was given.
        value: String,
        /// What would be right.
        limit: String,
    },
    /// The data may take too little for segments of the size that they have.
    #[error(
        "data_bytes_max is {value}, with segment_bytes of {segment_bytes} it must be {min} at \
         least, or 0B for no limit"
    )]
    NoRoom {
        /// What was given.
        value: super::Size,
        /// What would be right.
        min: super::Size,
        /// Size of one segment.
        segment_bytes: super::Size,
    },
    /// TLS needs a certificate and a key.
    #[error("{0} is set, but {1} is not; TLS needs both")]
    TlsHalf(&'static str, &'static str),
    /// The certificate or its key cannot be read.
    #[error("{key}: cannot read {}", path.display())]
    TlsRead {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What to log is not a filter.
    #[error("log is {value:?}: {problem}; write it like info, or info,ledgerq::log=debug")]
    Log {
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Origin {
    /// A setting as this origin calls it.
    pub(super) fn setting(&self, key: &str) -> String {
        match self {
            Self::Flag => format!("--{}", key.replace('_', "-")),
            Self::Env => format!("the environment's {}", variable(key)),
            Self::File(path) => format!("{}: {key}", path.display()),
        }
    }
}
