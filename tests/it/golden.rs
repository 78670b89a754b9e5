//! Bytes that every later version must read: one of each kind of record, heads of payloads, images
//! of the state, summaries, and a data directory. `UPDATE_GOLDEN=1` writes the files anew; a change
//! of an old one is a mistake unless the version was never released.

mod bytes;
mod directory;
mod images;
mod records;

use std::{fs, path::PathBuf};

/// The text of a golden file; with `UPDATE_GOLDEN` it is written first.
fn golden(name: &str, today: &dyn Fn() -> String) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, today()).expect("the golden file can be written");
    }
    fs::read_to_string(&path).expect("the golden file is there")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("golden files are ASCII");
        u8::from_str_radix(pair, 16).expect("golden files are in hexadecimal digits")
    };
    digits.map(byte).collect()
}
