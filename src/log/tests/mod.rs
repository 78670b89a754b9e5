//! The log on the simulated disk: every rule with its trace, every crash, every damaged bit.

mod checking;
mod crash;
mod damage;
mod files;
mod footers;
mod format;
mod frames;
mod harness;
mod inspecting;
mod judging;
mod marks;
mod outputs;
mod positions;
mod refusals;
mod reuse;
mod round_trip;
mod salvaging;
mod scanning;
mod stored;
mod without;
