//! Rings by NOTIFY, on a connection of their own.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::CHANNEL;

/// Rings through Postgres.
pub(super) struct NotifyBell {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl NotifyBell {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options: options.application_name("mooring doorbell"),
            connection: None,
        }
    }

    pub(super) async fn ring(&mut self, payload: &str) {
        if let Err(error) = self.notify(payload).await {
            tracing::debug!(%error, "the doorbell did not ring; workers will look by themselves");
            self.connection = None;
        }
    }

    async fn notify(&mut self, payload: &str) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let connection = PgConnection::connect_with(&self.options).await?;
                self.connection.insert(connection)
            }
        };
        sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, payload)
            .execute(connection)
            .await?;
        Ok(())
    }
}
