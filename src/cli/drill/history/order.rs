//! The order of a group: whatever of it is there comes before what was accepted later.

use std::collections::BTreeMap;

use super::{Broken, Number, Position, Promise, life::Life};

/// Judges the receives that were answered before `low` and were not judged yet; every delete that
/// can excuse them is noted.
pub(super) fn check(lives: &mut BTreeMap<Number, Life>, low: Position, broken: &mut Vec<Broken>) {
    let mut groups: BTreeMap<u64, BTreeMap<u64, Number>> = BTreeMap::new();
    for (number, life) in &*lives {
        let group = life.send.as_ref().and_then(|send| send.group);
        if let (Some(group), Some(sequence)) = (group, life.sequence()) {
            groups.entry(group).or_default().insert(sequence, *number);
        }
    }
    for group in groups.values() {
        let members: Vec<&Life> = group.values().filter_map(|number| lives.get(number)).collect();
        for (at, later) in members.iter().enumerate() {
            let new = later.leases.iter().skip(later.ordered).filter(|lease| lease.told < low);
            let is_passed = new.into_iter().any(|lease| {
                members[..at].iter().any(|earlier| {
                    let may_be_gone =
                        earlier.may_be_gone_from().is_some_and(|asked| asked < lease.told);
                    let is_in_front = earlier
                        .leases
                        .iter()
                        .any(|its| its.asked == lease.asked && its.index < lease.index);
                    !may_be_gone && !is_in_front
                })
            });
            if let (true, Some(send)) = (is_passed, &later.send) {
                broken.push(Broken { promise: Promise::OutOfOrder, number: send.number });
            }
        }
    }
    for life in lives.values_mut() {
        // Leases are noted in the order of their answers.
        life.ordered = life.leases.iter().take_while(|lease| lease.told < low).count();
    }
}
