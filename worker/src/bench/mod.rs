//! Measuring the engine on a real database: rates are printed, never asserted.

mod child;
mod drain;
mod latency;
mod queue;

pub use child::queue_worker;
pub use queue::{BenchError, Measure, QueueBench, queue};
