//! What is expected, and how it is judged.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// How much more a path may take than expected.
pub(crate) const MARGIN_PERCENT: f64 = 3.0;

/// The file `counts.toml`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// Whose program was counted.
    pub(crate) compiler: String,
    /// Instructions of each path.
    pub(crate) instructions: BTreeMap<String, u64>,
}

/// What came of a path, in percent of what was expected.
pub(crate) enum Verdict {
    Slower(f64),
    Within(f64),
    Faster(f64),
    /// Nothing is expected of it.
    Unknown,
}

impl Counts {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(file()).expect("it is in the repository");
        toml::from_str(&text).expect("it was written by --renew")
    }

    pub(crate) fn write(&self) {
        let text = toml::to_string(self).expect("it has a text");
        let head = "# Written by `cargo bench --bench instructions -- --renew`.\n";
        std::fs::write(file(), format!("{head}{text}")).expect("the repository can be written to");
    }

    pub(crate) fn of(&self, path: &str) -> Option<u64> {
        self.instructions.get(path).copied()
    }

    #[expect(clippy::cast_precision_loss, reason = "a percentage needs three digits")]
    pub(crate) fn judge(&self, path: &str, count: u64) -> Verdict {
        let Some(expected) = self.of(path) else { return Verdict::Unknown };
        let change = (count as f64 / expected as f64 - 1.0) * 100.0;
        if change > MARGIN_PERCENT {
            Verdict::Slower(change)
        } else if change < -MARGIN_PERCENT {
            Verdict::Faster(change)
        } else {
            Verdict::Within(change)
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slower(change) => write!(f, "{change:+.2} %: SLOWER"),
            Self::Within(change) => write!(f, "{change:+.2} %"),
            Self::Faster(change) => write!(f, "{change:+.2} %: faster, renew it so that it stays"),
            Self::Unknown => f.write_str("nothing is expected of it: renew"),
        }
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/counts.toml")
}
