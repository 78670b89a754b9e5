//! What the simulated disk promises beyond the traits.
