//! Whose server it is: somebody's, or our own, which can be ended and started again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rustix::process::Signal;
use shared::domain::secret::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::place::{self, Claim};
use crate::embedded::error::EmbeddedError;
use crate::embedded::layout::Layout;
use crate::embedded::owner::{Door, OWNER, SUPERUSER};
use crate::embedded::reaper::Reaper;
use crate::embedded::server::Server;
use crate::embedded::settings::Purpose;
use crate::embedded::surroundings::Surroundings;
use crate::embedded::{blocking, start};

pub(super) enum Home {
    /// A server that somebody else runs, as the role in the URL.
    Shared {
        url: Url,
        owner: String,
    },
    Own(Own),
}

/// Our own. The fields are dropped in this order: the server is told, the reaper waits for it.
pub(super) struct Own {
    server: Mutex<Option<Server>>,
    dir: PathBuf,
    socket: PathBuf,
    purpose: Purpose,
    surroundings: Surroundings,
    _reaper: Reaper,
    _claim: Claim,
}

impl Home {
    /// The role that owns the databases, quoted where it must be.
    pub(super) fn owner(&self) -> &str {
        match self {
            Self::Shared { owner, .. } => owner,
            Self::Own(_) => OWNER,
        }
    }

    /// Where the owner reaches a database.
    pub(super) fn url(&self, database: &str) -> String {
        match self {
            Self::Shared { url, .. } => {
                let mut url = url.clone();
                url.set_path(database);
                url.into()
            }
            Self::Own(own) => own.door(OWNER, database).url().expose_secret().to_owned(),
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared { .. })
    }

    /// How a database is copied, on Postgres 15 and later. Copying files (12 ms for 50 tables in memory) is faster than logging
    /// their blocks (40 ms), but takes two checkpoints, which on a real disk somebody has to pay.
    pub(super) fn strategy(&self) -> &'static str {
        match self {
            Self::Own(Own {
                purpose: Purpose::ThrowAway,
                ..
            }) => " STRATEGY FILE_COPY",
            _ => " STRATEGY WAL_LOG",
        }
    }
}

impl Own {
    pub(super) async fn start(
        purpose: Purpose,
        surroundings: &Surroundings,
    ) -> Result<Self, EmbeddedError> {
        let surroundings = surroundings.clone();
        blocking(move || {
            let (dir, claim) = place::make(&surroundings)?;
            let pgdata = Layout { root: dir.clone() }.pgdata();
            // Before anything else is made, so that a start that fails or is killed leaves nothing either.
            let reaper = Reaper::start(&pgdata, "QUIT", Some(&dir), &surroundings)?;
            let started = start::start(&dir, true, purpose, &surroundings)?;
            let server = Mutex::new(Some(started.server));
            Ok(Self {
                server,
                dir,
                socket: started.socket,
                purpose,
                surroundings,
                _reaper: reaper,
                _claim: claim,
            })
        })
        .await
    }

    pub(super) fn admin(&self) -> PgConnectOptions {
        self.door(SUPERUSER, "postgres").connect_options()
    }

    fn door(&self, role: &'static str, database: &str) -> Door {
        Door {
            socket: self.socket.clone(),
            role,
            database: database.to_owned(),
            password: None,
        }
    }

    pub(super) async fn end(&self, signal: Signal) -> Result<(), EmbeddedError> {
        let running = self
            .server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match running {
            Some(running) => running.stop(signal).await,
            None => Ok(()),
        }
    }

    pub(super) async fn restart(&self) -> Result<(), EmbeddedError> {
        self.end(Signal::INT).await?;
        let (dir, purpose, surroundings) =
            (self.dir.clone(), self.purpose, self.surroundings.clone());
        let started = blocking(move || start::start(&dir, true, purpose, &surroundings)).await?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(started.server);
        Ok(())
    }
}
