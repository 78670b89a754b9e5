//! The sources as these checks see them: text without comments, strings and characters.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One file of the sources.
pub(super) struct Source {
    /// Relative to the package, with `/` between parts.
    pub(super) path: String,
    pub(super) text: String,
    /// The same, line by line, with spaces in place of comments, strings and characters.
    pub(super) code: String,
}

impl Source {
    /// The room that a file of `src/` belongs to.
    pub(super) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next()?.trim_end_matches(".rs"))
    }

    /// The code of a room without its tests.
    pub(super) fn code_without_tests(&self) -> &str {
        if self.path.contains("/tests/") || self.path.ends_with("/tests.rs") {
            return "";
        }
        self.code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }
}

/// Every Rust file under these directories of the package.
pub(super) fn sources(dirs: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for dir in dirs {
        collect(&root.join(dir), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source is text");
        let path = path.strip_prefix(root).expect("it lies in the package");
        let path = path.to_str().expect("paths are ASCII").replace('\\', "/");
        Source { path, code: blank(&text), text }
    };
    paths.into_iter().map(read).collect()
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the directory is there") {
        let path = entry.expect("it can be read").path();
        // What a build leaves in a package below is nobody's text.
        if path.is_dir() && path.file_name().is_some_and(|name| name == "target") {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
}

/// Puts spaces in place of comments, strings and characters; line ends stay.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (gone, left) = rest.split_at(length);
        code.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = left;
    }
    code
}

/// How long the comment, string or character is that begins here; 0 if none does.
fn skipped(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if text.starts_with('r') && !is_word {
        let hashes = text[1..].chars().take_while(|c| *c == '#').count();
        if text[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = 2 + hashes;
            return text[begin..].find(&end).map_or(text.len(), |at| begin + at + end.len());
        }
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    // 'a' and '\n' are characters, 'a is a lifetime.
    let is_char = text.starts_with("'\\") || text.chars().nth(2) == Some('\'');
    if text.starts_with('\'') && is_char { quoted(text, '\'') } else { 0 }
}

fn quoted(text: &str, mark: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == mark => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn comments_strings_and_characters_are_blanked() {
    let text = "let a = \"{\\\"}\"; // {\nlet b = '{'; let c: &'a str = r#\"}\"#; let d = '\\'';";
    let code = blank(text);
    assert_eq!(code.len(), text.len());
    assert!(!code.contains(['{', '}', '"']), "{code}");
    assert!(code.contains("&'a str"), "{code}");
}
