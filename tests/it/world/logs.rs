//! What a world's threads log, at TRACE for our own crates, before anything is scrubbed.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::dispatcher::{DefaultGuard, Dispatch, set_default};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

/// Kept lines.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Sends what the runtime's threads and this one log here, until the guard is dropped.
    pub fn keep(&self, builder: &mut tokio::runtime::Builder) -> DefaultGuard {
        let (kept, filter) = (self.clone(), "off,api=trace,shared=trace,worker=trace");
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .with_span_list(true)
            .with_writer(move || kept.clone());
        let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
        let dispatch = Dispatch::new(registry.with(layer));
        let of_thread = dispatch.clone();
        // A thread of the runtime ends with it, and the guard only undoes what ends there.
        builder.on_thread_start(move || std::mem::forget(set_default(&of_thread)));
        set_default(&dispatch)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
