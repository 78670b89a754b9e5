//! Long runs of lines that only count on are told as one, so that a script with many messages can
//! be read: `sent m1`, `sent m2`, ... `sent m32` is `sent m1 to m32`.

/// Runs shorter than this are told line by line.
const RUN_MIN: usize = 10;

/// The transcript with its long runs folded.
pub(super) fn fold(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    let mut folded = String::new();
    let mut at = 0;
    while at < lines.len() {
        let run = 1 + lines[at..].windows(2).take_while(|pair| counts_on(pair[0], pair[1])).count();
        if run < RUN_MIN {
            folded.push_str(lines[at]);
            folded.push('\n');
            at += 1;
            continue;
        }
        let (first, last) = (words(lines[at]), words(lines[at + run - 1]));
        let pairs = first.iter().zip(last);
        let told =
            pairs.map(
                |(from, to)| {
                    if *from == to { (*from).to_owned() } else { format!("{from} to {to}") }
                },
            );
        folded.push_str(&told.collect::<Vec<_>>().join(" "));
        folded.push('\n');
        at += run;
    }
    folded
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Whether the second line is the first with each label of a message or receipt one higher.
fn counts_on(first: &str, second: &str) -> bool {
    let (first, second) = (words(first), words(second));
    let label = |word: &str| word.strip_prefix(['m', 'r'])?.parse::<u64>().ok();
    let mut counted = false;
    let agrees = first.iter().zip(&second).all(|(one, next)| match (label(one), label(next)) {
        (Some(number), Some(following)) => {
            counted = true;
            one[..1] == next[..1] && following == number + 1
        }
        _ => one == next,
    });
    agrees && counted && first.len() == second.len()
}

#[test]
fn long_runs_are_folded_and_short_ones_are_not() {
    let sent = |range: std::ops::RangeInclusive<u32>| {
        let lines: Vec<String> = range.map(|number| format!("sent m{number}\n")).collect();
        lines.concat()
    };
    assert_eq!(fold(&sent(1..=9)), sent(1..=9));
    let text = format!("created jobs\n{}received m1 r1 count=1\n{}", sent(1..=12), sent(20..=21));
    let folded = "created jobs\nsent m1 to m12\nreceived m1 r1 count=1\nsent m20\nsent m21\n";
    assert_eq!(fold(&text), folded);
    let received: Vec<String> =
        (1..=10).map(|number| format!("received m{number} r{number} count=1\n")).collect();
    assert_eq!(fold(&received.concat()), "received m1 to m10 r1 to r10 count=1\n");
}
