//! The first start: a complete database directory, or none.
//!
//! Everything happens in `postgres.new-…`: `initdb`, then the owner role and its database in single-user mode, where no socket is
//! open and no superuser has to log in. It is synced as a whole, and only then renamed to `postgres`. A start that is killed half-way leaves
//! such a folder, which the next start removes; `postgres` is complete whenever it exists. The name is another one every time, since
//! an `initdb` may outlive its program by a moment and must not write into the next one's folder.
//!
//! Text is UTF-8, sorted by code point (`C`): the order never changes under an index when the system's library is upgraded. Upper
//! and lower case still follow Unicode, by Postgres's own tables from 17 on, before that by the system's `C.UTF-8` where it has one.

use std::path::Path;

use shared::domain::secret::{ExposeSecret, Secret};

use super::account::Account;
use super::error::EmbeddedError;
use super::launch;
use super::layout::{self, Layout};
use super::locate::Programs;
use super::owner::{self, OWNER, SUPERUSER};
use super::settings::Purpose;
use super::surroundings::Surroundings;

/// Everything the first start needs.
pub(super) struct Initialize<'a> {
    pub(super) layout: &'a Layout,
    pub(super) programs: &'a Programs,
    pub(super) account: Option<&'a Account>,
    pub(super) surroundings: &'a Surroundings,
    pub(super) purpose: Purpose,
}

/// The major version that made the database directory; None where there is none yet.
pub(super) fn made_by(layout: &Layout) -> Result<Option<u32>, EmbeddedError> {
    let pgdata = layout.pgdata();
    match std::fs::read_to_string(pgdata.join("PG_VERSION")) {
        Ok(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| EmbeddedError::NotADatabase { pgdata }),
        Err(_) => {
            let holds_something =
                std::fs::read_dir(&pgdata).is_ok_and(|mut entries| entries.next().is_some());
            if holds_something {
                Err(EmbeddedError::NotADatabase { pgdata })
            } else {
                Ok(None)
            }
        }
    }
}

impl Initialize<'_> {
    /// Removes what interrupted first starts left.
    pub(super) fn remove_drafts(&self) {
        for draft in self.layout.drafts() {
            tracing::warn!(draft = %draft.display(), "removing what an interrupted first start left");
            // What an `initdb` that is just dying still writes is left to the next start.
            let _ = layout::remove_dir(&draft);
        }
    }

    /// Makes the database directory and answers the owner's password.
    pub(super) fn run(&self) -> Result<Secret, EmbeddedError> {
        let draft = self.layout.new_draft()?;
        tracing::info!(data_dir = %self.layout.root.display(), "making a new database");
        let password = owner::make_password(self.layout)?;
        layout::make_private_dir(&draft, self.account)?;
        self.initdb(&draft)?;
        self.statements(
            &draft,
            false,
            "postgres",
            &[
                format!(
                    "CREATE ROLE {OWNER} LOGIN NOSUPERUSER CREATEROLE PASSWORD '{}'",
                    password.expose_secret()
                ),
                format!("CREATE DATABASE {OWNER} OWNER {OWNER}"),
                format!("REVOKE ALL ON DATABASE {OWNER} FROM PUBLIC"),
            ],
        )?;
        // Before Postgres 15 anybody may create in `public`; from 15 on only the database's owner. The latter, everywhere.
        self.statements(
            &draft,
            false,
            OWNER,
            &[
                format!("ALTER SCHEMA public OWNER TO {OWNER}"),
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
            ],
        )?;
        if self.purpose.is_durable() {
            self.sync(&draft)?;
        }
        let pgdata = self.layout.pgdata();
        // An empty folder may stand in the way; anything more was refused before.
        let _ = std::fs::remove_dir(&pgdata);
        std::fs::rename(&draft, &pgdata).map_err(EmbeddedError::file(&pgdata))?;
        layout::sync_dir(&self.layout.root).map_err(EmbeddedError::file(&pgdata))?;
        Ok(password)
    }

    /// A new password for the owner, where its file was lost. No server may run.
    pub(super) fn replace_password(&self) -> Result<Secret, EmbeddedError> {
        let password = owner::make_password(self.layout)?;
        let statement = format!("ALTER ROLE {OWNER} PASSWORD '{}'", password.expose_secret());
        self.statements(&self.layout.pgdata(), true, "postgres", &[statement])?;
        Ok(password)
    }

    fn initdb(&self, pgdata: &Path) -> Result<(), EmbeddedError> {
        if self.programs.major >= 17 {
            return self.try_initdb(
                pgdata,
                &[
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                ],
            );
        }
        match self.try_initdb(pgdata, &["--locale=C", "--lc-ctype=C.UTF-8"]) {
            Err(EmbeddedError::Program { detail, .. }) if detail.contains("locale") => {
                // It leaves the folder it was given, empty.
                self.try_initdb(pgdata, &["--locale=C"])
            }
            other => other,
        }
    }

    fn try_initdb(&self, pgdata: &Path, locale: &[&str]) -> Result<(), EmbeddedError> {
        let mut command = launch::command(&self.programs.initdb(), self.account, self.surroundings);
        command
            .arg("-D")
            .arg(pgdata)
            .args([
                "-U",
                SUPERUSER,
                "--encoding=UTF8",
                "--auth=reject",
                "--no-sync",
            ])
            .args(locale);
        if self.purpose.is_durable() {
            command.arg("--data-checksums");
        }
        let output = launch::run(command, "initdb", None)?;
        if output.status.success() {
            return Ok(());
        }
        Err(EmbeddedError::Program {
            program: "initdb",
            detail: launch::tail(&output.stderr),
        })
    }

    /// Everything at once, before the directory gets its name: a thousand files synced one by one take seconds on a slow disk.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn sync(&self, pgdata: &Path) -> Result<(), EmbeddedError> {
        let dir = std::fs::File::open(pgdata).map_err(EmbeddedError::file(pgdata))?;
        rustix::fs::syncfs(dir).map_err(|errno| EmbeddedError::file(pgdata)(errno.into()))
    }

    /// Where one file system cannot be synced as a whole, `initdb` goes through the files.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn sync(&self, pgdata: &Path) -> Result<(), EmbeddedError> {
        let mut command = launch::command(&self.programs.initdb(), self.account, self.surroundings);
        command.arg("--sync-only").arg("-D").arg(pgdata);
        let output = launch::run(command, "initdb", None)?;
        if output.status.success() {
            return Ok(());
        }
        Err(EmbeddedError::Program {
            program: "initdb --sync-only",
            detail: launch::tail(&output.stderr),
        })
    }

    fn statements(
        &self,
        pgdata: &Path,
        fsync: bool,
        database: &str,
        statements: &[String],
    ) -> Result<(), EmbeddedError> {
        let mut command =
            launch::command(&self.programs.postgres(), self.account, self.surroundings);
        command.arg("--single").arg("-D").arg(pgdata);
        command.args([
            "-c",
            "exit_on_error=on",
            "-c",
            "password_encryption=scram-sha-256",
            "-c",
            "log_min_messages=warning",
        ]);
        // A failing statement is not copied into the message: it may hold the password.
        command.args(["-c", "log_min_error_statement=panic"]);
        command
            .args(["-c", if fsync { "fsync=on" } else { "fsync=off" }])
            .arg(database);
        let mut input = statements.join(";\n");
        input.push_str(";\n");
        let output = launch::run(command, "postgres --single", Some(&input))?;
        if output.status.success() {
            return Ok(());
        }
        Err(EmbeddedError::Program {
            program: "postgres --single",
            detail: launch::tail(&output.stderr),
        })
    }
}
