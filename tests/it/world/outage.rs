//! A line to the database that can be cut: what an outage is to a process on its other end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::flows::{Context, RefreshSettings};
use shared::session::refresh::Ledger;
use shared::store::{Db, PoolSizes};
use sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::World;

/// The line. Cut by the end of a test.
pub struct Line {
    /// The database by this line.
    pub options: PgConnectOptions,
    whole: watch::Sender<bool>,
    refused: Arc<AtomicUsize>,
    folder: PathBuf,
    _open: DropGuard,
}

impl Line {
    /// Lays a line to the world's database.
    pub fn lay(w: &World) -> Self {
        static LINES: AtomicUsize = AtomicUsize::new(0);
        let number = LINES.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let folder = std::env::temp_dir().join(format!("mooring-line-{process}-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        let name = format!(".s.PGSQL.{}", w.options.get_port());
        let listener = UnixListener::bind(folder.join(&name)).unwrap();
        let (whole, state) = watch::channel(true);
        let (refused, open) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let carry = carry(listener, w.options.clone(), state, refused.clone());
        tokio::spawn(open.clone().run_until_cancelled_owned(carry));
        Self {
            options: w.options.clone().socket(&folder),
            whole,
            refused,
            folder,
            _open: open.drop_guard(),
        }
    }

    /// Ends what goes over it; nobody gets through any more.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Makes it whole.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// How often somebody tried while it was cut.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn carry(
    listener: UnixListener,
    to: PgConnectOptions,
    whole: watch::Receiver<bool>,
    refused: Arc<AtomicUsize>,
) {
    while let Ok((near, _)) = listener.accept().await {
        if !*whole.borrow() {
            refused.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let (to, mut whole) = (to.clone(), whole.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = both_ways(near, &to) => {}
                _ = whole.wait_for(|whole| !whole) => {}
            }
        });
    }
}

async fn both_ways(mut near: UnixStream, to: &PgConnectOptions) {
    // How a side ends is for the other to find out.
    match to.get_socket() {
        Some(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", to.get_port()));
            if let Ok(mut far) = UnixStream::connect(path).await {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        }
        None => {
            if let Ok(mut far) = TcpStream::connect((to.get_host(), to.get_port())).await {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        }
    }
}

impl World {
    /// What another process has that reaches the database so, and takes a renewal whose holder died
    /// over after `deadline`.
    pub async fn another_process(
        &self,
        options: &PgConnectOptions,
        lease: Duration,
        deadline: Duration,
    ) -> Context {
        let refresh = RefreshSettings {
            lease,
            deadline,
            holder: "another".into(),
            ..self.context.refresh.clone()
        };
        let db = Db::connect(options.clone(), PoolSizes::default())
            .await
            .unwrap();
        Context {
            renewals: Ledger::start(&db, &self.clock, &refresh),
            refresh,
            db,
            ..self.context.clone()
        }
    }
}
