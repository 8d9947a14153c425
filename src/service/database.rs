//! The database of a process: somebody's, or the embedded one, started or attached to.

use std::future::pending;
use std::path::PathBuf;

use mooring::embedded::{self, Embedded, EmbeddedOptions};
use shared::config::Config;
use shared::domain::secret::{ExposeSecret, Secret};
use shared::vault::Keyring;
use sqlx::postgres::PgConnectOptions;

use crate::exit::Failure;
use crate::secrets;

/// A database that can be reached.
pub struct Database {
    connect: PgConnectOptions,
    embedded: Option<Embedded>,
    /// Where an embedded run keeps its secrets; `None` for a database of DATABASE_URL.
    generated: Option<PathBuf>,
}

/// The secrets a service needs, set or generated.
pub struct Secrets {
    /// The keys of stored secrets.
    pub keyring: Keyring,
    /// The HS256 secret of user tokens, where there is one.
    pub jwt: Option<Secret>,
}

impl Database {
    /// The database of DATABASE_URL, else an embedded one, started.
    pub async fn start(config: &Config) -> Result<Self, Failure> {
        if let Some(external) = external(config)? {
            return Ok(external);
        }
        let options = EmbeddedOptions::new(&config.data_dir.path, config.data_dir.chosen);
        let embedded = Embedded::start(&options).await?;
        Ok(Self {
            connect: embedded.connect_options(),
            generated: Some(embedded.data_dir().to_owned()),
            embedded: Some(embedded),
        })
    }

    /// The database of DATABASE_URL, else the embedded one that another program runs.
    pub async fn attach(config: &Config) -> Result<Self, Failure> {
        if let Some(external) = external(config)? {
            return Ok(external);
        }
        let door = embedded::attach(&config.data_dir.path).await?;
        Ok(Self {
            connect: door.connect_options(),
            generated: Some(config.data_dir.path.clone()),
            embedded: None,
        })
    }

    /// How to log in as the owner of the schema.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.connect.clone()
    }

    /// What is set, else what the data directory holds. Who started the embedded database makes
    /// what is missing; who attached to it does not.
    pub fn secrets(&self, config: &Config) -> Result<Secrets, Failure> {
        let set = (
            config.encryption_keys.clone(),
            config.user_tokens.secret.clone(),
        );
        let jwks = config.user_tokens.jwks_url.is_some();
        let Some(folder) = &self.generated else {
            let keyring = set
                .0
                .ok_or_else(|| Failure::usage("MOORING_ENCRYPTION_KEYS: must be set"))?;
            return Ok(Secrets {
                keyring,
                jwt: set.1,
            });
        };
        if let (Some(keyring), true) = (&set.0, set.1.is_some() || jwks) {
            return Ok(Secrets {
                keyring: keyring.clone(),
                jwt: set.1,
            });
        }
        let generated = match &self.embedded {
            Some(_) => secrets::read_or_make(folder)?,
            None => secrets::read_existing(folder)?,
        };
        Ok(Secrets {
            keyring: set.0.unwrap_or(generated.keyring),
            // With an identity provider a second way in is opened only by whoever asks for it.
            jwt: set.1.or((!jwks).then_some(generated.jwt_secret)),
        })
    }

    /// Resolves when an embedded database of ours has ended by itself, with a sentence.
    pub async fn died(&self) -> String {
        match &self.embedded {
            Some(embedded) => embedded.died().await,
            None => pending().await,
        }
    }

    /// Ends the embedded database, where it is ours.
    pub async fn stop(self) {
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop().await
        {
            tracing::error!("{error}");
        }
    }
}

fn external(config: &Config) -> Result<Option<Database>, Failure> {
    let Some(url) = &config.database_url else {
        return Ok(None);
    };
    let connect = url.expose_secret().parse::<PgConnectOptions>();
    // The driver's message may show parts of the URL.
    let connect = connect.map_err(|_| Failure::usage("DATABASE_URL: is not understood"))?;
    Ok(Some(Database {
        connect,
        embedded: None,
        generated: None,
    }))
}
