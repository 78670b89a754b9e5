//! A guard against slow-downs that no noise hides: how many instructions the state, the codec and
//! the log take for fixed work, counted by valgrind's callgrind, held against `counts.toml`.
//!
//! `cargo bench --bench instructions` ends with 1 if a path takes more than the margin allows, and
//! `cargo bench --bench instructions -- --renew` makes what it counts what is expected. Each path
//! runs in a process of its own, of which callgrind counts what is called from [`counted_path`].
//! Nothing in them draws lots or reads the time, so that one program counts the same each time. The
//! program of another compiler does not, see docs/BENCHMARKS.md.

#![expect(clippy::print_stdout, reason = "a bench tells")]

mod counts;
#[path = "../support/frames.rs"]
mod frames;
#[path = "../support/model.rs"]
mod model;
mod paths;
#[path = "../support/records.rs"]
mod records;

use std::process::{Command, ExitCode};

use self::{
    counts::{Counts, MARGIN_PERCENT, Verdict},
    paths::PATHS,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The argument before the name of a path, of a process that is counted.
const PATH_ARGUMENT: &str = "--path";
/// What callgrind counts in, whatever a compiler adds to the name.
const COUNTED: &str = "*counted_path*";

fn main() -> ExitCode {
    // Cargo adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["--renew"] => renew(),
        [PATH_ARGUMENT, name] => {
            let path = PATHS.iter().find(|path| path.name == name).expect("it is one of them");
            counted_path(&mut *(path.prepare)());
            ExitCode::SUCCESS
        }
        _ => {
            println!("it takes nothing, or --renew; not {arguments:?}");
            ExitCode::from(2)
        }
    }
}

/// All that is counted is called from here.
#[inline(never)]
fn counted_path(work: &mut dyn FnMut()) {
    work();
}

/// Counts each path and holds it against what is expected.
fn compare() -> ExitCode {
    let (expected, compiler) = (Counts::read(), compiler());
    let mut is_wrong = false;
    println!("{:<34} {:>12} {:>12}", "instructions of", "expected", "now");
    for path in PATHS {
        let count = count(path.name);
        let verdict = expected.judge(path.name, count);
        let before = expected.of(path.name).map_or_else(|| "-".into(), |count| count.to_string());
        println!("{:<34} {before:>12} {count:>12}  {verdict}", path.name);
        is_wrong |= matches!(verdict, Verdict::Slower(_) | Verdict::Unknown);
    }
    if !is_wrong {
        return ExitCode::SUCCESS;
    }
    println!("A path takes over {MARGIN_PERCENT} % more than expected, or nothing is expected.");
    if compiler != expected.compiler {
        println!("What is expected is of {}, and this is {compiler}.", expected.compiler);
        println!("Renew it on the commit before the change, and count the change against that.");
    }
    println!("If it is meant: cargo bench --bench instructions -- --renew");
    ExitCode::FAILURE
}

/// Counts each path; from now on that is what is expected.
fn renew() -> ExitCode {
    let mut counts = Counts { compiler: compiler(), ..Counts::default() };
    for path in PATHS {
        let count = count(path.name);
        println!("{:<34} {count:>12}", path.name);
        counts.instructions.insert(path.name.to_owned(), count);
    }
    counts.write();
    ExitCode::SUCCESS
}

/// Runs a path under callgrind. Its environment is empty, since what lies on a stack moves with it;
/// the allocator is told not to give memory back, which it does by the clock.
fn count(path: &str) -> u64 {
    let program = std::env::current_exe().expect("it runs");
    let told = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(program)
        .args([PATH_ARGUMENT, path])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|value| ("PATH", value)))
        .env("MIMALLOC_PURGE_DELAY", "-1")
        .output()
        .expect("valgrind is installed (apt-get install valgrind)");
    let text = String::from_utf8_lossy(&told.stderr);
    let count = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    let count = count.filter(|count| told.status.success() && *count > 0);
    count.unwrap_or_else(|| panic!("{path} was not counted: {text}"))
}

/// How the compiler calls itself.
fn compiler() -> String {
    let told = Command::new("rustc").arg("--version").output().expect("cargo runs, so does rustc");
    String::from_utf8_lossy(&told.stdout).trim().to_owned()
}
