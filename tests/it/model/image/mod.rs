//! A state that was taken apart for a checkpoint while it went on changing, and put together again,
//! is the state as it was when that began, and becomes what the other became.

mod contradictions;
mod holes;
mod steps;
mod world;

use ledgerq::state::State;
use proptest::{collection::vec, prelude::*};

use self::{
    steps::step,
    world::{World, follow, seen},
};
use crate::broker::state_settings;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: super::cases(500),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_an_image_makes_is_what_it_was_taken_of(
        before in vec((step(), 0..8_u8), 0..80),
        meanwhile in vec((step(), 0..6_usize), 0..40),
        after in vec(step(), 0..40),
    ) {
        let mut world = World::with_queues();
        for (step, noise) in &before {
            world.take(step);
            // Images that are given up leave no trace.
            match noise {
                0 => world.state.begin_image(),
                1 => world.state.cancel_image(),
                2 => drop(world.state.image_slice(3, &mut Vec::new())),
                3 => world.take_gone(),
                _ => {}
            }
        }
        let mut twin = State::new(state_settings());
        follow(&mut twin, &world.events);

        let begun_at = world.events.len();
        let mut taken = world.begin_image();
        let mut more = true;
        for (step, count_max) in &meanwhile {
            world.take(step);
            if more && *count_max > 0 {
                more = world.state.image_slice(*count_max, &mut taken.entries);
            }
        }
        while more {
            more = world.state.image_slice(5, &mut taken.entries);
        }
        let mut restored = taken.restored().expect("it was just taken");
        prop_assert_eq!(seen(&mut restored), seen(&mut twin));
        prop_assert!(restored.take_woken().is_empty());
        if let Some(next) = restored.next_deadline() {
            prop_assert!(twin.next_deadline().is_some_and(|known| known <= next));
        }

        for step in &after {
            world.take(step);
        }
        let rest = &world.events[begun_at..];
        for part in rest.chunks(rest.len() / 4 + 1) {
            follow(&mut restored, part);
            follow(&mut twin, part);
            prop_assert_eq!(seen(&mut restored), seen(&mut twin));
        }
        prop_assert_eq!(seen(&mut restored), seen(&mut world.state));
        world.check_live();
    }
}
