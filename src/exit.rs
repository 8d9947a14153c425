//! How a command ends.

use std::process::ExitCode;

use mooring::embedded::EmbeddedError;
use shared::store::{MigrateError, StoreError};

/// Why a command ended without success: what standard error says, and the exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Bad usage or configuration: exit code 2. The message names the setting.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// Anything else: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }

    /// Says why, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        for line in self.message.lines() {
            eprintln!("mooring: {line}");
        }
        ExitCode::from(self.code)
    }
}

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        Self {
            code: error.exit_code(),
            message: error.to_string(),
        }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            // What an operator has to change in DATABASE_URL.
            MigrateError::Pooler | MigrateError::TooOld { .. } => Self::usage(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::failed(format!("the database: {error}"))
    }
}

impl From<shared::vault::VaultError> for Failure {
    fn from(error: shared::vault::VaultError) -> Self {
        Self::failed(error.to_string())
    }
}
