//! What a file may look like.

use super::source::{Source, sources};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 100;
const DIRS: [&str; 3] = ["src", "tests", "benches"];

/// Lines that a check finds fault with.
fn faults(check: impl FnMut(&Source) -> Vec<String>) -> Vec<String> {
    sources(&DIRS).iter().flat_map(check).collect()
}

#[test]
fn sources_are_ascii() {
    let wrong = faults(|source| {
        let is_wrong = |(_, line): &(usize, &str)| !line.is_ascii();
        let lines = source.text.lines().enumerate().filter(is_wrong);
        lines.map(|(at, _)| format!("{}:{}", source.path, at + 1)).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_and_lines_are_short() {
    let wrong = faults(|source| {
        let count = source.text.lines().count();
        let long = (count > FILE_LINES_MAX).then(|| format!("{}: {count} lines", source.path));
        // A string may be longer: it is what a user reads, and is not broken for our sake.
        let is_text = |line: &str, code: &str| {
            line.contains('"') || (code.trim().is_empty() && !line.trim_start().starts_with("//"))
        };
        let is_wrong = |(_, (line, code)): &(usize, (&str, &str))| {
            line.chars().count() > LINE_CHARS_MAX && !is_text(line, code)
        };
        let lines = source.text.lines().zip(source.code.lines()).enumerate().filter(is_wrong);
        let lines = lines.map(|(at, _)| format!("{}:{}", source.path, at + 1));
        long.into_iter().chain(lines).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn functions_are_short() {
    let wrong = faults(|source| {
        let long = functions(&source.code).into_iter().filter(|(_, l)| *l > FUNCTION_LINES_MAX);
        long.map(|(at, lines)| format!("{}:{at}: {lines} lines", source.path)).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let wrong = faults(|source| {
        let is_wrong = |line: &str| marks.iter().any(|mark| line.contains(mark.as_str()));
        let lines = source.text.lines().enumerate().filter(|(_, line)| is_wrong(line));
        lines.map(|(at, _)| format!("{}:{}", source.path, at + 1)).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_test_is_left_out() {
    let mark = ["#[ig", "nore"].concat();
    let wrong = faults(|source| {
        source.code.contains(&mark).then(|| source.path.clone()).into_iter().collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where each function begins, and how many lines it has to its closing brace.
fn functions(code: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let begins = lines.iter().enumerate().filter(|(_, line)| is_function(line));
    begins.filter_map(|(at, _)| Some((at + 1, length(&lines[at..])?))).collect()
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.by_ref().take(6).any(|word| word == "fn") && !line.trim_start().starts_with("let ")
}

/// `None` for a function without a body.
fn length(lines: &[&str]) -> Option<usize> {
    let (mut depth, mut is_open) = (0_usize, false);
    for (at, line) in lines.iter().enumerate() {
        for c in line.chars() {
            match c {
                '{' => (depth, is_open) = (depth + 1, true),
                '}' => depth = depth.saturating_sub(1),
                ';' if !is_open => return None,
                _ => {}
            }
        }
        if is_open && depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let code =
        "trait A {\n    fn a();\n    fn b() {\n        if c {\n        }\n    }\n}\nfn d() {}";
    assert_eq!(functions(code), [(3, 4), (8, 1)]);
}
