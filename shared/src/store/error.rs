//! What can go wrong in the store, as decisions rather than driver errors.

/// A failed statement.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique constraint: the thing is there already.
    #[error("a row with this {constraint} exists already")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// A foreign key: what it points at is gone.
    #[error("{constraint} points at a row that does not exist")]
    Missing {
        /// The constraint's name.
        constraint: String,
    },
    /// The database does not answer; the same statement may succeed later.
    #[error("the database does not answer: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Stored bytes that this version does not understand.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(String),
    /// Anything else: a fault of ours.
    #[error("the database refused a statement: {0}")]
    Internal(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let constraint = database.constraint().unwrap_or_default().to_owned();
                match database.kind() {
                    sqlx::error::ErrorKind::UniqueViolation => Self::Conflict { constraint },
                    sqlx::error::ErrorKind::ForeignKeyViolation => Self::Missing { constraint },
                    _ if is_transient(database.code().as_deref()) => Self::Unavailable(error),
                    _ => Self::Internal(error),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Internal(error),
        }
    }
}

/// Classes of SQLSTATE that pass by themselves: connection lost (08), a standby that was just the
/// primary (25006), serialization and deadlock (40), out of resources (53), taken too long, shutdown
/// and crash (57), trouble of the server's machine (58).
fn is_transient(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        ["08", "25006", "40", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}
