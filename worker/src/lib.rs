//! What runs jobs: the backend over the job table, the runtime around handlers, and the engine that
//! starts and ends both.

pub mod backend;
pub mod bench;
mod effects;
mod engine;
pub mod jobs;
pub mod runtime;
pub mod sealer;
pub mod sync;

pub use engine::{Engine, EngineOptions, RunningEngine};
