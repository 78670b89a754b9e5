//! What a scrub says of checkpoints, and whose message lies at a place.

use super::harness::{LINEAGE, segment, store};
use crate::{
    disk::{Disk, SimDisk},
    log::Damage,
    store::{CHECKPOINTS_DIR, ScrubOutcome, ScrubTask, Slot, checkpoint_path},
    types::{Lsn, Seq},
};

fn damages(disk: &SimDisk, lsn: Lsn) -> Vec<Damage> {
    match ScrubTask::Checkpoint(lsn, LINEAGE).run(disk) {
        ScrubOutcome::Read(damages, _) => damages,
        ScrubOutcome::Reading(..) => panic!("a checkpoint is read at once"),
    }
}

#[test]
fn a_checkpoint_that_was_given_back_is_no_damage_and_one_that_cannot_be_read_is() {
    let disk = SimDisk::new();
    disk.create_dir(CHECKPOINTS_DIR).expect("there is space");
    let lsn = Lsn::new(9);
    assert_eq!(damages(&disk, lsn), []);
    let path = checkpoint_path(lsn);
    disk.plant(&path, &[1; 4096]).expect("there is space");
    disk.make_unreadable(&path, 0).expect("it is there");
    let damages = damages(&disk, lsn);
    assert_eq!((damages.len(), &damages[0].path, damages[0].offset), (1, &path, 0));
}

#[test]
fn the_message_at_a_place_is_the_live_one_whose_payload_begins_there() {
    let mut store = store(0);
    let slots = [100, 200, 300].map(|offset| Slot::new(offset, 100, 0));
    store.places.extend(segment(1), Seq::new(7), slots.into_iter());
    store.places.gone(Seq::new(9));
    let at = |id, offset| store.live_at(segment(id), offset).map(Seq::get);
    let found = [at(1, 100), at(1, 200), at(1, 201), at(1, 300), at(2, 200)];
    assert_eq!(found, [Some(7), Some(8), None, None, None]);
}
