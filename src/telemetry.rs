//! Logs on standard error, and how far something long has come.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{ConfigError, LogFormat};

/// From now on, log what `filter` lets through: a level, or directives of [`EnvFilter`].
///
/// Once in a process; a second call keeps the first one's choice.
pub fn init(filter: &str, format: LogFormat) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| ConfigError::Log {
        value: filter.to_owned(),
        problem: error.to_string(),
    })?;
    let logs = fmt().with_env_filter(filter).with_writer(io::stderr);
    // An error means that a subscriber is there already, such as that of a test.
    let _ = match format {
        LogFormat::Text => logs.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Shows how far something long is: a bar on a terminal, a line of the log at each tenth elsewhere.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    tenths_told: u64,
}

impl Progress {
    /// Of `what`, such as "reading the log", on standard error.
    pub fn new(what: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let template = "{msg} {bar:40} {percent}%";
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style).with_message(what)
        });
        Self { what, bar, tenths_told: 0 }
    }

    /// From now on something else is counted.
    pub fn step_to(&mut self, what: &'static str) {
        if self.what == what {
            return;
        }
        (self.what, self.tenths_told) = (what, 0);
        if let Some(bar) = &self.bar {
            bar.set_message(what);
        }
    }

    /// So much of the total is done, in bytes or whatever there is to count.
    pub fn report(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        } else if let Some(tenths) = self.step(done, total) {
            tracing::info!(done, total, percent = tenths * 10, "{}", self.what);
        }
    }

    /// It is over; a bar leaves the terminal.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    /// The tenth that is complete, if it was not told yet.
    fn step(&mut self, done: u64, total: u64) -> Option<u64> {
        let tenths = done.min(total).saturating_mul(10).checked_div(total)?;
        if tenths <= self.tenths_told {
            return None;
        }
        self.tenths_told = tenths;
        Some(tenths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenth_is_told_once() {
        let mut progress = Progress { what: "reading", bar: None, tenths_told: 0 };
        let told: Vec<u64> = (0..=100).filter_map(|done| progress.step(done, 100)).collect();
        assert_eq!(told, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(progress.step(0, 0), None);
    }

    #[test]
    fn a_filter_that_is_none_is_told_with_one_that_is() {
        let error = init("ledgerq=loud", LogFormat::Text).expect_err("no such level").to_string();
        assert!(error.starts_with("log is \"ledgerq=loud\": "), "{error}");
        assert!(error.ends_with("write it like info, or info,ledgerq::log=debug"), "{error}");
    }
}
