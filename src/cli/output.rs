//! Standard output: text for people, or one JSON object a line for programs.

use std::io::{self, BufWriter, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::types::Timestamp;

/// Where a command's results go.
///
/// Nothing is on its way before [`Output::flush`]: a command that acts on what it printed flushes
/// first.
pub struct Output {
    sink: BufWriter<Box<dyn Write>>,
    json: bool,
}

impl Output {
    /// To standard output.
    pub fn stdout(json: bool) -> Self {
        Self::to(io::stdout(), json)
    }

    /// To a sink of the caller's.
    pub(super) fn to(sink: impl Write + 'static, json: bool) -> Self {
        Self { sink: BufWriter::new(Box::new(sink)), json }
    }

    /// Whether a program reads it.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// One result for a program.
    pub fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.sink, object)?;
        self.sink.write_all(b"\n")
    }

    /// One line for people.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.sink, "{line}")
    }

    /// A table for people; the first row is its header.
    pub fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        writeln!(self.sink, "{}", table.trim_fmt())
    }

    /// Hands everything over to the reader.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// The last instant that RFC 3339 has four digits for its year for: the end of 9999.
const TIME_MAX_MILLIS: u64 = 253_402_300_799_999;

/// An instant in RFC 3339, in UTC and with milliseconds; what is later than 9999 is its end.
pub(super) fn rfc3339(at: Timestamp) -> String {
    let millis = at.as_millis().min(TIME_MAX_MILLIS);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
    humantime::format_rfc3339_millis(time).to_string()
}

/// A count with its noun and verb.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Text of a stranger as a terminal may show it: control characters are escaped, except for line
/// ends and tabs.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::fake::Shared, *};

    #[test]
    fn tables_align_their_columns() {
        let sink = Shared::default();
        let mut out = Output::to(sink.clone(), false);
        let rows = [["jobs".into(), "12".into()], ["a-longer-name".into(), "0".into()]];
        out.table(["QUEUE", "READY"], rows).and_then(|()| out.flush()).expect("it takes all");
        expect![[r#"
            QUEUE          READY
            jobs           12
            a-longer-name  0
        "#]]
        .assert_eq(&sink.text());
    }

    #[test]
    fn times_are_rfc_3339_and_never_beyond_it() {
        let shown = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(shown(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(shown(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_body_cannot_drive_the_terminal() {
        assert_eq!(printable("a\tb\n\u{1b}[2J\r"), "a\tb\n\\u{1b}[2J\\r");
    }
}
