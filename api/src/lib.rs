//! HTTP in, HTTP out. Nothing decides here: a handler reads the request, calls one flow and
//! renders its answer.
//!
//! The way of a request: [`middleware`] `edge` (id, span, bounds, headers, the one place where
//! problems are rendered) → routing → `guard` (who is it, may they, how often, was it answered
//! before) → an extractor per part of the request → the flow → a reply.

mod error;
mod extract;
mod metrics;
mod middleware;
mod openapi;
mod ops;
mod page;
mod problem;
mod reply;
mod route;
mod router;
mod serve;
mod stall;
mod state;
mod v1;
mod verb;

pub use metrics::{Metrics, Source as MetricsSource};
pub use openapi::openapi;
pub use problem::Problem;
pub use route::{Access, Route};
pub use router::{ops_router, router, routes};
pub use serve::{ServeError, serve};
pub use state::{ApiState, Check, Rate, Settings};

#[cfg(test)]
mod tests;
