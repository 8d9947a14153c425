//! From a data directory to a server that takes connections: one step after the other, blocking.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;
use shared::domain::secret::Secret;

use super::account::{self, Account};
use super::error::EmbeddedError;
use super::initialize::{self, Initialize};
use super::launch;
use super::layout::{self, Layout};
use super::locate::{self, Programs};
use super::lock::Lock;
use super::runtime::Runtime;
use super::server::Server;
use super::settings::{self, Purpose};
use super::surroundings::Surroundings;
use super::{owner, pidfile, socket};

/// The log starts anew when it has grown beyond this many bytes.
const LOG_LIMIT: u64 = 4 << 20;

/// A server that takes connections.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) server: Server,
    pub(super) layout: Layout,
    pub(super) socket: PathBuf,
    pub(super) password: Secret,
}

/// Does it all. `explicit`: the operator chose the directory.
pub(super) fn start(
    data_dir: &Path,
    explicit: bool,
    purpose: Purpose,
    surroundings: &Surroundings,
) -> Result<Started, EmbeddedError> {
    let layout = Layout::prepare(data_dir, explicit, rustix::process::geteuid().is_root())?;
    let lock = Lock::take(&layout.lock(), &layout.root)?;
    let account = account::choose(&layout.pgdata(), surroundings)?;
    let account = account.as_ref();
    reach(&layout, account, surroundings)?;
    let made_by = initialize::made_by(&layout)?;
    let programs = locate::programs(&layout, made_by, account, surroundings)?;
    let last = Runtime::read(&layout);
    let initialize = Initialize {
        layout: &layout,
        programs: &programs,
        account,
        surroundings,
        purpose,
    };
    initialize.remove_drafts();
    let password = if made_by.is_none() {
        initialize.run()?
    } else {
        pidfile::clear(&layout.pgdata(), last.as_ref().map(|last| last.server))?;
        match owner::read_password(&layout) {
            Some(password) => password,
            None => initialize.replace_password()?,
        }
    };
    let socket = socket::make_dir(&layout, last.as_ref(), account, surroundings)?;
    layout::write_whole(&layout.hba(), 0o644, &purpose.hba())?;
    let server = launch_server(
        &layout,
        &programs,
        account,
        purpose,
        &socket,
        lock,
        surroundings,
    )?;
    // Written before the server is ready: who finds it alive after we are killed must know that it is ours.
    let note = Runtime {
        program: std::process::id(),
        server: server.pid.as_raw_pid().unsigned_abs(),
        socket: socket.clone(),
    };
    note.write(&layout)?;
    server.wait_ready(&layout.pgdata(), &layout.log())?;
    Ok(Started {
        server,
        layout,
        socket,
        password,
    })
}

fn reach(
    layout: &Layout,
    account: Option<&Account>,
    surroundings: &Surroundings,
) -> Result<(), EmbeddedError> {
    let Some(account) = account else {
        return Ok(());
    };
    match account::first_closed_folder(account, &layout.root, surroundings)? {
        None => Ok(()),
        Some(folder) => Err(EmbeddedError::Unreachable {
            data_dir: layout.root.clone(),
            folder,
            user: account.name.clone(),
        }),
    }
}

fn launch_server(
    layout: &Layout,
    programs: &Programs,
    account: Option<&Account>,
    purpose: Purpose,
    socket: &Path,
    lock: Lock,
    surroundings: &Surroundings,
) -> Result<Server, EmbeddedError> {
    let log_file = layout.log();
    let open = || {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log_file)?;
        log.set_permissions(Permissions::from_mode(0o600))?;
        if log.metadata()?.len() > LOG_LIMIT {
            log.set_len(0)?;
        }
        let twin = log.try_clone()?;
        Ok((log, twin))
    };
    let (out, err) = open().map_err(EmbeddedError::file(&log_file))?;
    let mut command = launch::command(&programs.postgres(), account, surroundings);
    command
        .args(settings::arguments(
            purpose,
            programs.major,
            &layout.pgdata(),
            socket,
            &layout.hba(),
        ))
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(err));
    // SIGINT is Postgres's fast shutdown: everybody is disconnected, a checkpoint is written, the next start recovers nothing.
    // SIGQUIT saves the checkpoint, which nobody misses in a throw-away cluster.
    let death = if purpose == Purpose::Keep {
        Signal::INT
    } else {
        Signal::QUIT
    };
    Server::launch(command, death, lock)
}
