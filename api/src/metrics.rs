//! Figures of the API in Prometheus' text form.
//!
//! Every route has its counters from the start, so that observing a request is a few atomic
//! additions: no lock, no allocation, no look-up by label.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};

use crate::route::Route;

/// Upper bounds of the duration buckets, in microseconds.
const BOUNDS: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// Classes of status: 1xx–5xx.
const CLASSES: usize = 5;

/// A part of `/metrics` that somebody else writes (pools, jobs), whole lines in Prometheus' text
/// form. One that does not answer within [`SOURCE_WITHIN`] is left out.
pub type Source = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// Longest that a source may take: a scrape must not wait for a database that is away.
const SOURCE_WITHIN: Duration = Duration::from_secs(3);

/// The figures of one process.
pub struct Metrics {
    routes: Vec<OfRoute>,
    sources: Mutex<Vec<Source>>,
}

#[derive(Default)]
struct OfRoute {
    by_class: [AtomicU64; CLASSES],
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Metrics {
    pub(crate) fn new(routes: usize) -> Self {
        Self {
            routes: (0..routes).map(|_| OfRoute::default()).collect(),
            sources: Mutex::default(),
        }
    }

    /// Adds figures that are written anew each time.
    pub fn add_source(&self, source: Source) {
        self.sources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(source);
    }

    pub(crate) fn observe(&self, route: usize, status: u16, took: Duration) {
        let Some(figures) = self.routes.get(route) else {
            return;
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
        figures.by_class[class].fetch_add(1, Ordering::Relaxed);
        if let Some(bucket) = BOUNDS.iter().position(|bound| micros <= *bound) {
            figures.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        figures.count.fetch_add(1, Ordering::Relaxed);
        figures.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The text, for the routes of this table.
    pub(crate) async fn render(&self, table: &[Route]) -> String {
        let mut out = String::with_capacity(16 * 1024);
        out.push_str("# HELP mooring_http_requests_total Requests answered.\n# TYPE mooring_http_requests_total counter\n");
        for (route, figures) in self.called(table) {
            for (class, count) in figures.by_class.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let _ = writeln!(
                        out,
                        "mooring_http_requests_total{{method=\"{}\",route=\"{}\",status=\"{}xx\"}} {count}",
                        route.method,
                        route.path,
                        class + 1
                    );
                }
            }
        }
        out.push_str("# HELP mooring_http_request_duration_seconds Time to the beginning of the answer.\n# TYPE mooring_http_request_duration_seconds histogram\n");
        for (route, figures) in self.called(table) {
            figures.write_histogram(&mut out, route);
        }
        let sources = {
            let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            sources.clone()
        };
        let parts = sources
            .iter()
            .map(|source| tokio::time::timeout(SOURCE_WITHIN, source()));
        for part in join_all(parts).await.into_iter().flatten() {
            out.push_str(&part);
        }
        out
    }

    fn called<'a>(&'a self, table: &'a [Route]) -> impl Iterator<Item = (&'a Route, &'a OfRoute)> {
        table
            .iter()
            .zip(&self.routes)
            .filter(|(_, figures)| figures.count.load(Ordering::Relaxed) > 0)
    }
}

impl OfRoute {
    #[expect(clippy::cast_precision_loss, reason = "seconds are shown, not counted")]
    fn write_histogram(&self, out: &mut String, route: &Route) {
        const NAME: &str = "mooring_http_request_duration_seconds";
        let labels = format!("method=\"{}\",route=\"{}\"", route.method, route.path);
        let mut below = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let seconds = *bound as f64 / 1e6;
            let _ = writeln!(out, "{NAME}_bucket{{{labels},le=\"{seconds}\"}} {below}");
        }
        let count = self.count.load(Ordering::Relaxed).max(below);
        let sum = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{NAME}_sum{{{labels}}} {sum}");
        let _ = writeln!(out, "{NAME}_count{{{labels}}} {count}");
    }
}
