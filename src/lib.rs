//! The parts of the binary that its tests use too.

pub mod embedded;
