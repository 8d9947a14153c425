//! What a process is, as far as the configuration is concerned.

/// What is to start: settings that it does not need may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// API, workers and scheduler in one process.
    Up,
    /// The API.
    Api,
    /// Workers and scheduler.
    Worker,
    /// Whatever needs the database alone, or nothing: migrations, the job table, signing a token.
    Tool,
}

impl Process {
    /// Whether it opens or seals stored secrets.
    pub(super) fn seals(self) -> bool {
        matches!(self, Self::Up | Self::Api | Self::Worker)
    }

    /// Whether it verifies user tokens. A worker does not: what is not there cannot leak.
    pub(super) fn verifies_callers(self) -> bool {
        matches!(self, Self::Up | Self::Api)
    }
}
