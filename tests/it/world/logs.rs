//! What a world's threads log, before anything is scrubbed.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::dispatcher::{DefaultGuard, Dispatch, set_default};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

/// Kept lines.
#[derive(Clone)]
pub struct Logs {
    lines: Arc<Mutex<Vec<u8>>>,
    filter: &'static str,
}

/// Ends the keeping; shows the lines where the test failed.
pub struct Kept {
    logs: Logs,
    _default: DefaultGuard,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if std::thread::panicking() && self.logs.filter == WARNINGS {
            eprintln!("{}", self.logs.text());
        }
    }
}

const WARNINGS: &str = "warn";
const EVERYTHING_OF_OURS: &str = "off,api=trace,shared=trace,worker=trace";

impl Logs {
    /// What our crates log at TRACE.
    pub fn everything() -> Self {
        Self {
            lines: Arc::default(),
            filter: EVERYTHING_OF_OURS,
        }
    }

    pub fn warnings() -> Self {
        Self {
            filter: WARNINGS,
            ..Self::everything()
        }
    }

    /// Sends what the runtime's threads and this one log here, until the guard is dropped.
    pub fn keep(&self, builder: &mut tokio::runtime::Builder) -> Kept {
        let (kept, filter) = (self.clone(), self.filter);
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .with_span_list(true)
            .with_writer(move || kept.clone());
        let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
        let dispatch = Dispatch::new(registry.with(layer));
        let of_thread = dispatch.clone();
        // A thread of the runtime ends with it, and the guard only undoes what ends there.
        builder.on_thread_start(move || std::mem::forget(set_default(&of_thread)));
        Kept {
            logs: self.clone(),
            _default: set_default(&dispatch),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lines.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
