//! Logs: text on a terminal, JSON elsewhere, one line per event with the spans it belongs to.
//!
//! Needs: a line must be found by the id of its request or job; no line may hold a secret.
//! Design: whoever handles a request or a job opens a span with its ids, and every event inside
//! carries them. Secrets are kept out by their types; [`scrub()`] goes over each finished line as the
//! last defence. Traces are not exported: an exporter would bring a second HTTP stack, so
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is accepted and answered with a warning.

mod scrub;
mod writer;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, Telemetry};
pub use scrub::scrub;
pub use writer::Scrubbed;

/// Whether text is a filter as `MOORING_LOG` takes it.
///
/// # Errors
/// A sentence that shows the form.
pub fn check_filter(text: &str) -> Result<(), String> {
    filter(text).map(drop)
}

fn filter(text: &str) -> Result<EnvFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let bad = |part: &str| {
        format!(
            "{part:?} is no log filter; give a level ({}) or directives like info,worker=debug",
            LEVELS.join(", ")
        )
    };
    // A bare word that is no level would be taken for a target, and silence everything else.
    for part in text.split(',').map(str::trim) {
        let bare = !part.contains(['=', '[', ':']);
        if bare && !LEVELS.contains(&part.to_ascii_lowercase().as_str()) {
            return Err(bad(part));
        }
    }
    EnvFilter::builder().parse(text).map_err(|_| bad(text))
}

/// Sends log lines to standard error from now on. The first call of a process counts.
///
/// # Errors
/// A sentence where the filter is none, or logging has begun already.
pub fn start(telemetry: &Telemetry, terminal: bool) -> Result<(), String> {
    let filter = filter(&telemetry.filter)?;
    let writer = Scrubbed(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match telemetry.format {
        LogFormat::Text => registry.with(text_layer(writer, terminal)).try_init(),
        LogFormat::Json => registry.with(json_layer(writer)).try_init(),
    };
    started.map_err(|_| "logging has begun already".to_owned())
}

fn text_layer<S, W>(writer: W, terminal: bool) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static + Send + Sync,
{
    tracing_subscriber::fmt::layer()
        .with_ansi(terminal)
        .with_writer(writer)
}

fn json_layer<S, W>(writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static + Send + Sync,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_writer(writer)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

    fn speak() {
        let span = tracing::info_span!("job", id = 7, url = "https://u:hunter22@host/");
        let _inside = span.enter();
        tracing::info!(answer = TOKEN, "the provider said Bearer abcdefghijk1mnop");
    }

    fn assert_clean(text: &str) {
        for secret in [TOKEN, "hunter22", "abcdefghijk1mnop"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("job") && text.contains('7'), "{text}");
    }

    #[test]
    fn text_lines_hold_no_secret() {
        let kept = Kept::default();
        let out = kept.clone();
        let layer = text_layer(Scrubbed(move || out.clone()), true);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), speak);
        assert_clean(&kept.text());
    }

    #[test]
    fn json_lines_hold_no_secret_and_stay_json() {
        let kept = Kept::default();
        let out = kept.clone();
        let layer = json_layer(Scrubbed(move || out.clone()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), speak);
        assert_clean(&kept.text());
        let line: serde_json::Value = serde_json::from_str(kept.text().trim()).unwrap();
        assert_eq!(line["spans"][0]["id"], 7);
        assert_eq!(line["answer"], "[redacted]");
    }

    #[test]
    fn filters() {
        for text in [
            "info",
            "WARN",
            "info,worker=debug",
            "info,api[request]=trace",
            "off",
        ] {
            assert_eq!(check_filter(text), Ok(()), "{text}");
        }
        for text in ["inof", "verbose", "info,worker", "worker=loud", ""] {
            let fault = check_filter(text).unwrap_err();
            assert!(fault.contains("info,worker=debug"), "{text}: {fault}");
        }
    }
}
