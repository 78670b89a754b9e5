//! Damage: what had been acknowledged is told to be damaged, and never served or cut off.

use std::{fs, path::Path};

use ledgerq::client::ReceiveOptions;

use super::{
    FILL_COUNT, Place, block_on, body, client_with_jobs, edit, fill, jobs, places, segment_name,
    snapshot, text,
};
use crate::process::{directory, program, server::Serve};

/// A start and a check both refuse, name the place and leave everything as it was.
#[track_caller]
fn refused(data: &Path, place: &str) {
    let before = snapshot(data);
    let ended = Serve::on(data).refused();
    assert_eq!(ended.code, 5, "{}", ended.last_line());
    let told = format!("ledgerq: {place}");
    assert!(ended.last_line().starts_with(&told), "{}", ended.last_line());
    assert!(ended.last_line().contains("nothing was changed"), "{}", ended.last_line());
    assert_eq!(snapshot(data), before, "a refused start changes nothing");
    let verified = program::run(["log", "verify", "--data-dir", text(data)]);
    assert_eq!(verified.code, 5, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("\ncorrupt: "), "{}", verified.stdout);
    assert!(verified.stdout.contains("\nnot clean: "), "{}", verified.stdout);
    assert_eq!(snapshot(data), before, "a check changes nothing");
}

#[track_caller]
fn damaged_at(place: &Place) -> String {
    let Place { segment, frame_offset, lsn, .. } = place;
    format!("{} is damaged at offset {frame_offset}, LSN {lsn}: ", segment_name(*segment))
}

/// Flips the lowest bit of the byte at this distance from a frame's beginning.
fn flip(data: &Path, place: &Place, distance: u64) {
    let at = usize::try_from(place.frame_offset + distance).expect("a segment is small");
    edit(&data.join(segment_name(place.segment)), |bytes| bytes[at] ^= 1);
}

fn sent(places: &[Place]) -> Vec<Place> {
    places.iter().filter(|place| place.record == "MessageSent").cloned().collect()
}

#[test]
fn a_flipped_bit_in_the_first_frame_is_refused() {
    let data = directory();
    fill(data.path());
    let first = places(data.path())[0].clone();
    for distance in [0, 40, 63, 64] {
        flip(data.path(), &first, distance);
        refused(data.path(), &damaged_at(&first));
        flip(data.path(), &first, distance);
    }
    assert_eq!(Serve::on(data.path()).serving().terminate().code, 0);
}

#[test]
fn a_flipped_bit_in_the_records_of_a_frame_in_the_middle_is_refused() {
    let data = directory();
    fill(data.path());
    let messages = sent(&places(data.path()));
    let middle = &messages[FILL_COUNT / 2];
    assert!(middle.segment > 1 && middle.segment < messages[FILL_COUNT - 1].segment);
    // Behind the header and the table of one body.
    flip(data.path(), middle, 64 + 8 + 1);
    refused(data.path(), &damaged_at(middle));
}

#[test]
fn a_flipped_bit_in_the_very_last_frame_is_refused_too() {
    let data = directory();
    fill(data.path());
    let last = places(data.path()).pop().expect("the log has records");
    for distance in [0, 63, 64] {
        flip(data.path(), &last, distance);
        refused(data.path(), &damaged_at(&last));
        flip(data.path(), &last, distance);
    }
}

#[test]
fn a_last_frame_whose_sector_never_came_to_the_disk_is_a_clean_start() {
    let data = directory();
    fill(data.path());
    let last = places(data.path()).pop().expect("the log has records");
    let segment = data.path().join(segment_name(last.segment));
    let at = usize::try_from(last.frame_offset).expect("a segment is small");
    edit(&segment, |bytes| bytes[at..(at / 512 + 1) * 512].fill(0));
    let verified = program::run(["log", "verify", "--data-dir", text(data.path())]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let server = Serve::on(data.path()).serving();
    let received = received(&server.url());
    assert_eq!(received.bodies.len(), FILL_COUNT);
}

#[test]
fn a_damaged_body_is_told_and_the_others_are_served() {
    let data = directory();
    fill(data.path());
    let place = sent(&places(data.path()))[3].clone();
    let needle = body(3);
    edit(&data.path().join(segment_name(place.segment)), |bytes| {
        let at = bytes.windows(needle.len()).position(|part| part == needle.as_bytes());
        bytes[at.expect("the body is in its segment") + 5000] ^= 1;
    });
    let verified = program::run(["log", "verify", "--data-dir", text(data.path())]);
    assert_eq!(verified.code, 5, "{}", verified.stderr);
    let name = segment_name(place.segment);
    assert!(verified.stdout.contains(&format!("\ndamaged_body: {name} ")), "{}", verified.stdout);

    let server = Serve::on(data.path()).serving();
    let line = server.line("a message's bytes are damaged; it will not be served");
    assert_eq!(line["lsn"], place.lsn.to_string(), "{line}");
    let received = received(&server.url());
    let others = (0..FILL_COUNT).filter(|number| *number != 3).map(body);
    assert_eq!(received.bodies, others.collect::<Vec<_>>());
    assert_eq!(received.unavailable_count, 1);

    let args = ["--server", &server.url(), "receive", "jobs", "--json", "--max", "1000"];
    let told = program::run(args);
    assert_eq!((told.code, told.stdout.as_str()), (0, ""), "it is leased: {}", told.stderr);
}

struct Received {
    bodies: Vec<String>,
    unavailable_count: usize,
}

/// Everything that the queue has.
fn received(url: &str) -> Received {
    block_on(async {
        let client = client_with_jobs(url).await;
        let options = ReceiveOptions { count_max: 1000, ..ReceiveOptions::default() };
        let delivery = client.receive(&jobs(), options).await.expect("it serves");
        let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("it was text");
        Received {
            bodies: delivery.messages.iter().map(|message| text(&message.body)).collect(),
            unavailable_count: delivery.unavailable.len(),
        }
    })
}

#[test]
fn a_missing_segment_is_named() {
    let data = directory();
    fill(data.path());
    let last = places(data.path()).pop().expect("the log has records").segment;
    assert!(last >= 3, "there is one in the middle");
    for missing in [1, 2, last] {
        let path = data.path().join(segment_name(missing));
        let aside = data.path().join("aside");
        fs::rename(&path, &aside).expect("the segment is there");
        refused(data.path(), &segment_name(missing));
        fs::rename(&aside, &path).expect("it can be put back");
    }
    // With the prepared ones behind it gone too, the one before tells that there were more.
    let prepared = (last + 1..).map(|id| data.path().join(segment_name(id)));
    let prepared = prepared.take_while(|path| path.exists());
    prepared.for_each(|path| fs::remove_file(path).expect("it is there"));
    fs::remove_file(data.path().join(segment_name(last))).expect("it is there");
    refused(data.path(), &segment_name(last - 1));
}
