//! Measuring the engine on a real database, and putting it to the proof: rates are printed, never
//! asserted.

mod child;
mod crew;
mod drain;
mod fairness;
mod kinds;
mod latency;
mod log;
mod queue;
mod soak;
mod storm;
mod victims;

pub use child::queue_worker;
pub use fairness::{Waits, fairness};
pub use log::Verdicts;
pub use queue::{BenchError, Measure, QueueBench, queue};
pub use soak::{Look, Soak, soak};
pub use storm::{MakeOutage, Outage, Storm, Stormed, storm};
