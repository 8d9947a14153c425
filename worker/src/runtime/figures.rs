//! Figures of the jobs that this process ran, by kind, in Prometheus' text form.
//!
//! Every kind has its counters from the start, beside its handler: observing a run is a few atomic
//! additions, without a lock and without a look-up. Kinds are the only labels, so there are as many
//! series as the registry has lines, however many tenants there are.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::backend::Outcome;

/// Upper bounds of the buckets, in milliseconds.
const BOUNDS: [u64; 14] = [
    1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 10_000, 30_000, 120_000, 600_000, 3_600_000,
];

/// How an attempt ended: success, another try that counts, another that does not, failure,
/// cancellation.
const OUTCOMES: [&str; 5] = ["succeeded", "retried", "snoozed", "failed", "cancelled"];

/// The figures of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Figures {
    kinds: Arc<[(&'static str, Arc<OfKind>)]>,
}

/// The figures of one kind.
#[derive(Debug, Default)]
pub(crate) struct OfKind {
    outcomes: [AtomicU64; OUTCOMES.len()],
    wait: Histogram,
    duration: Histogram,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl OfKind {
    /// An attempt began, so long after it was due.
    pub(crate) fn began(&self, waited: Duration) {
        self.wait.observe(waited);
    }

    /// An attempt ended.
    pub(crate) fn ended(&self, outcome: &Outcome, took: Duration) {
        let place = match outcome {
            Outcome::Succeeded(_) => 0,
            Outcome::Requeued { counted: true, .. } => 1,
            Outcome::Requeued { counted: false, .. } => 2,
            Outcome::Failed(_) => 3,
            Outcome::Cancelled => 4,
        };
        self.outcomes[place].fetch_add(1, Ordering::Relaxed);
        self.duration.observe(took);
    }
}

impl Figures {
    pub(crate) fn new(mut kinds: Vec<(&'static str, Arc<OfKind>)>) -> Self {
        kinds.sort_unstable_by_key(|(name, _)| *name);
        Self {
            kinds: kinds.into(),
        }
    }

    /// Writes them.
    pub fn write(&self, out: &mut String) {
        out.push_str(
            "# HELP mooring_job_runs_total Attempts that ended in this process.\n\
             # TYPE mooring_job_runs_total counter\n",
        );
        for (kind, figures) in self.kinds.iter() {
            for (outcome, count) in OUTCOMES.iter().zip(&figures.outcomes) {
                let count = count.load(Ordering::Relaxed);
                let _ = writeln!(
                    out,
                    "mooring_job_runs_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} {count}"
                );
            }
        }
        self.write_histogram(
            out,
            "mooring_job_wait_seconds",
            "From the time a job was due to the beginning of its attempt.",
            |figures| &figures.wait,
        );
        self.write_histogram(
            out,
            "mooring_job_duration_seconds",
            "From the beginning of an attempt to its end.",
            |figures| &figures.duration,
        );
    }

    fn write_histogram(
        &self,
        out: &mut String,
        name: &str,
        help: &str,
        of: impl Fn(&OfKind) -> &Histogram,
    ) {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (kind, figures) in self.kinds.iter() {
            of(figures).write(out, name, kind);
        }
    }
}

impl Histogram {
    fn observe(&self, time: Duration) {
        if let Some(bucket) = BOUNDS
            .iter()
            .position(|bound| time <= Duration::from_millis(*bound))
        {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, kind: &str) {
        let mut below = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let seconds = Duration::from_millis(*bound).as_secs_f64();
            let _ = writeln!(
                out,
                "{name}_bucket{{kind=\"{kind}\",le=\"{seconds}\"}} {below}"
            );
        }
        let count = self.count.load(Ordering::Relaxed).max(below);
        let sum = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(
            out,
            "{name}_bucket{{kind=\"{kind}\",le=\"+Inf\"}} {count}\n\
             {name}_sum{{kind=\"{kind}\"}} {sum}\n\
             {name}_count{{kind=\"{kind}\"}} {count}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_outcome_and_in_the_bucket_of_their_time() {
        let kind = Arc::new(OfKind::default());
        kind.began(Duration::from_millis(5));
        kind.ended(&Outcome::Succeeded(None), Duration::from_secs(2));
        kind.began(Duration::from_secs(7200));
        kind.ended(&Outcome::Cancelled, Duration::ZERO);
        let mut out = String::new();
        Figures::new(vec![("quick", kind)]).write(&mut out);
        for line in [
            "mooring_job_runs_total{kind=\"quick\",outcome=\"succeeded\"} 1",
            "mooring_job_runs_total{kind=\"quick\",outcome=\"failed\"} 0",
            "mooring_job_runs_total{kind=\"quick\",outcome=\"cancelled\"} 1",
            "mooring_job_wait_seconds_bucket{kind=\"quick\",le=\"0.001\"} 0",
            "mooring_job_wait_seconds_bucket{kind=\"quick\",le=\"0.005\"} 1",
            "mooring_job_wait_seconds_bucket{kind=\"quick\",le=\"3600\"} 1",
            "mooring_job_wait_seconds_bucket{kind=\"quick\",le=\"+Inf\"} 2",
            "mooring_job_duration_seconds_sum{kind=\"quick\"} 2",
            "mooring_job_duration_seconds_count{kind=\"quick\"} 2",
        ] {
            assert!(
                out.lines().any(|written| written == line),
                "{line} is not in\n{out}"
            );
        }
    }
}
