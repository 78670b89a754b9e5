//! Corruption: whatever a medium does to the files of a broker, a start is refused, or all is
//! there and what cannot be given is told; nothing wrong is served and nothing is cut off in
//! silence.
//!
//! Two directories are damaged in every place, one damage at a time, and each outcome is held
//! against what the damaged bytes are for. A default run tries a sample; `CORRUPTION_FULL=1` all,
//! and `CORRUPTION_STRIDE=100` every hundredth. A failure says how to repeat it.

mod bits;
mod blocks;
mod damage;
mod expect;
mod files;
mod harmless;
mod judge;
mod large;
mod layout;
mod run;
mod seen;
mod served;
mod small;
mod warnings;
mod world;

use std::sync::LazyLock;

use world::World;

static SMALL: LazyLock<World> = LazyLock::new(|| World::of("small", small::build));
static LARGE: LazyLock<World> = LazyLock::new(|| World::of("large", large::build));

/// The damage that `CORRUPTION_AT` names.
#[test]
fn one_damage() {
    run::one(&SMALL);
    run::one(&LARGE);
}
