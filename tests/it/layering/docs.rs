//! What the pages in docs/ say of files.

use std::{fs, path::Path};

const DIRS: [&str; 6] = ["src", "tests", "benches", "docs", "proto", ".ci"];
/// Endings of names that are files of this package; other names are those of data.
const ENDINGS: [&str; 5] = [".rs", ".sh", ".py", ".js", ".patch"];

/// A file may be named by the end of its path: `broker/owner.rs` is `src/broker/owner.rs`.
#[test]
fn every_file_that_a_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for dir in DIRS {
        collect(&root.join(dir), &mut paths);
    }
    let is_page = |path: &&String| Path::new(path).extension().is_some_and(|end| end == "md");
    let pages = paths.iter().filter(is_page).cloned();
    let pages: Vec<String> = pages.chain([root.join("README.md").display().to_string()]).collect();
    assert!(pages.len() > 10, "there are pages: {pages:?}");
    let mut missing = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page is text");
        let words = text.split('`').skip(1).step_by(2).filter(|word| is_file(word));
        let gone = words.filter(|word| !is_there(word, &paths));
        missing.extend(gone.map(|word| format!("{page}: {word}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn is_file(word: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    word.chars().all(is_of_names) && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

fn is_there(word: &str, paths: &[String]) -> bool {
    let ending = format!("/{}", word.trim_start_matches("./"));
    paths.iter().any(|path| path.ends_with(&ending))
}

fn collect(dir: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("the directory is there") {
        let path = entry.expect("it can be read").path();
        // What tools put beside sources is nobody's text.
        let is_made =
            path.file_name().is_some_and(|name| name == "target" || name == "node_modules");
        if path.is_dir() && !is_made {
            collect(&path, paths);
        } else if path.is_file() {
            paths.push(path.to_str().expect("paths are ASCII").replace('\\', "/"));
        }
    }
}
