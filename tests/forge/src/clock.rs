//! The forge's time is a parameter: it decides when tokens are past their end and when rate windows turn over, so a test
//! that moves its clock moves the forge with it.

use std::sync::Arc;

use chrono::{DateTime, TimeZone, Utc};

/// Tells the present moment.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The machine's own time.
pub fn system_clock() -> Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the forge looks at the machine's time"
    )]
    let clock = Arc::new(Utc::now);
    clock
}

/// The moment at which the first account and the first repository of every forge were made: what the forge makes up is
/// the same in every run.
pub(crate) fn genesis() -> DateTime<Utc> {
    Utc.timestamp_opt(1_704_103_200, 0)
        .single()
        .unwrap_or_default()
}
