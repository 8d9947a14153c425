//! One world per test: a database of its own, a forge of its own, workers, and a clock to move.

mod api;
mod callers;
mod client;
mod connect;
mod dice;
mod events;
mod logs;
mod outage;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mooring::embedded::{TestDatabase, ThrowawayCluster};
use mooring_forge::{Forge, Serve, TokenSpec};
use shared::authz::{Permission, Permit};
use shared::clock::Clock;
use shared::domain::actor::{Actor, ActorType};
use shared::domain::auth_method::AuthMethod;
use shared::domain::connection::Connection;
use shared::domain::ids::{JobId, OrganizationId};
use shared::domain::job::{Job, JobStatus};
use shared::domain::organization::Organization;
use shared::domain::provider::ProviderKind;
use shared::domain::secret::Secret;
use shared::flows::connections::NewConnection;
use shared::flows::webhooks::Intake;
use shared::flows::{Context, RefreshSettings, Retention, TurnSettings, connections, jobs};
use shared::limits::Limits;
use shared::queue::{Doorbell, Redis};
use shared::session::MintedTokens;
use shared::session::refresh::Ledger;
use shared::store::{Db, PoolSizes, migrate, migrations_hash, organizations};
use shared::vault::{Keyring, Vault};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use worker::{Engine, EngineOptions, RunningEngine};

pub use api::{Api, allowing, http_client, outbound, providers};
pub use callers::{Caller, JWT_SECRET, sign, verifier};
pub use client::{Answer, Call};
pub use dice::dice;
pub use events::Event;
pub use logs::Logs;
pub use outage::Line;

/// Nothing in a test may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The job lease in tests: short, so that takeovers do not take long.
pub const LEASE: Duration = Duration::from_secs(2);

pub struct World {
    pub forge: Forge,
    pub served: mooring_forge::Running,
    pub clock: Clock,
    pub context: Context,
    pub options: PgConnectOptions,
    /// The same as an URL, for programs.
    pub database_url: String,
    pub organization: OrganizationId,
    pub api: Api,
    engines: std::sync::Mutex<Vec<RunningEngine>>,
    sealers: CancellationToken,
    _database: TestDatabase,
}

/// How a world is made.
#[derive(Default)]
pub struct Setup {
    pub workers: usize,
    /// Path under which GitLab is installed.
    pub gitlab_path: &'static str,
    /// Where the runtime's threads log to; warnings are shown where a test fails otherwise.
    pub logs: Option<Logs>,
    /// In the form of `MOORING_ENCRYPTION_KEYS`.
    pub keys: Option<String>,
}

/// Runs a test in a world with one worker. Fails where work is left over at its end.
pub fn run_test<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    let setup = Setup {
        workers: 1,
        ..Setup::default()
    };
    run_as(setup, test);
}

/// The same with no worker: for what is about rows alone.
pub fn run_without_worker<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    run_as(Setup::default(), test);
}

/// The same in a world of one's own making.
pub fn run_as<F: Future<Output = ()>>(setup: Setup, test: impl FnOnce(Arc<World>) -> F) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    let logs = setup.logs.clone().unwrap_or_else(Logs::warnings);
    let _kept = logs.keep(&mut builder);
    let runtime = builder.build().unwrap();
    let workers = setup.workers;
    runtime.block_on(async {
        let world = Arc::new(World::new(&setup).await);
        for _ in 0..workers {
            world.start_worker();
        }
        test(Arc::clone(&world)).await;
        if workers > 0 {
            world.idle().await;
        }
        let engines = std::mem::take(&mut *world.engines.lock().unwrap());
        for engine in engines {
            engine.shutdown(Duration::from_secs(5)).await;
        }
        world.sealers.cancel();
    });
}

/// A cluster for the whole run; databases are copies of one migrated template.
async fn cluster() -> &'static ThrowawayCluster {
    static CLUSTER: OnceCell<ThrowawayCluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async { ThrowawayCluster::from_environment().await.unwrap() })
        .await
}

/// A migrated database of the test's own.
pub async fn database() -> (TestDatabase, PgConnectOptions) {
    let database = cluster()
        .await
        .database(&migrations_hash(), |url| async move {
            let options: PgConnectOptions = url.parse().unwrap();
            migrate(&options).await
        })
        .await
        .unwrap();
    let options = database.url.parse().unwrap();
    (database, options)
}

impl World {
    async fn new(setup: &Setup) -> Self {
        let (database, options) = database().await;
        let clock = Clock::movable();
        let ticking = clock.clone();
        let forge = Forge::new(Arc::new(move || ticking.now()), 1);
        let how = Serve {
            gitlab_path: setup.gitlab_path.to_owned(),
            ..Serve::default()
        };
        let served = forge.serve(how).await.unwrap();
        let context = context(&options, &clock, &served, setup.keys.as_deref()).await;
        let organization = new_organization(&context, "Acme").await;
        let api = Api::start(&context, callers::verifier(&clock), |_| {}).await;
        Self {
            forge,
            served,
            clock,
            context,
            options,
            database_url: database.url.clone(),
            organization,
            api,
            engines: std::sync::Mutex::default(),
            sealers: CancellationToken::new(),
            _database: database,
        }
    }

    /// Starts one more worker in this process, with its sealer.
    pub fn start_worker(&self) {
        self.start_worker_of(&self.context, &self.options);
    }

    /// The parts of another process on the same database, which shares no memory with this one's.
    pub fn other_process(&self, name: &str) -> Context {
        let (db, clock) = (&self.context.db, &self.clock);
        Context {
            limits: Limits::start(db, clock, name.into(), None),
            renewals: Ledger::start(db, clock, &self.context.refresh),
            listings: Arc::default(),
            minted: MintedTokens::default(),
            intake: Intake::start(db, clock, &self.context.doorbell),
            ..self.context.clone()
        }
    }

    /// The same for what another process has.
    pub fn start_worker_of(&self, context: &Context, options: &PgConnectOptions) {
        self.start_worker_over(context, options, None);
    }

    /// The same, woken over Redis too.
    pub fn start_worker_over(
        &self,
        context: &Context,
        options: &PgConnectOptions,
        redis: Option<Redis>,
    ) {
        let sealer = worker::sealer::run(context.clone(), self.sealers.clone());
        tokio::spawn(sealer);
        let engine = Engine::start(EngineOptions {
            connect: options.clone(),
            concurrency: 16,
            lease: LEASE,
            clock: self.clock.clone(),
            worker: "test".to_owned(),
            registry: worker::jobs::registry(),
            context: context.clone(),
            schedule: worker::jobs::schedule(&shared::config::Intervals::default()),
            doorbell: context.doorbell.clone(),
            redis,
        });
        self.engines.lock().unwrap().push(engine);
    }

    /// A permit of an owner of the world's organization.
    pub fn permit(&self, permission: Permission) -> Permit {
        owner(self.organization, permission)
    }

    /// A GitHub account with so many repositories and a token for it.
    pub fn github_account(&self, login: &str, repositories: usize) -> String {
        self.forge.add_user(login);
        self.forge.add_repositories(login, repositories);
        self.forge
            .mint(TokenSpec::classic(login).scopes(["repo", "read:org"]))
    }

    /// Connects a GitHub account through the flow that the API calls.
    pub async fn connect_github(&self, token: &str) -> Connection {
        let new = NewConnection {
            name: "GitHub".to_owned(),
            description: None,
            provider: ProviderKind::Github,
            auth_method: AuthMethod::Pat,
            api_token: Some(Secret::from(token)),
            grant: None,
            installation: None,
            username: None,
            base_url: None,
            azure_organization: None,
            auto_rotate: false,
            allow_org_usage: false,
        };
        let permit = self.permit(Permission::ConnectionsCreate);
        connections::create(&self.context, &permit, &new)
            .await
            .unwrap()
    }

    /// Waits until a job has ended.
    pub async fn ended(&self, id: JobId) -> Job {
        let permit = self.permit(Permission::JobsList);
        until("a job's end", || async {
            let job = jobs::get(&self.context, &permit, id).await.unwrap();
            let open = matches!(job.status, JobStatus::Queued | JobStatus::Running);
            (!open).then_some(job)
        })
        .await
    }

    /// Waits until no job of the world's organization waits or runs.
    pub async fn idle(&self) {
        until("the end of all jobs", || async {
            let mut tx = self.context.db.tenant(self.organization).await.unwrap();
            let now = self.clock.now();
            let open: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM jobs WHERE status = 1 OR (status = 0 AND run_at <= $1)",
            )
            .bind(now)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
            (open == 0).then_some(())
        })
        .await;
    }
}

impl World {
    /// Waits until no job of any organization waits for a worker, or runs.
    pub async fn everybody_idle(&self) {
        let mut owner = PgConnection::connect_with(&self.options).await.unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let open: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM jobs WHERE status = 1 OR (status = 0 AND run_at <= $1)",
            )
            .bind(self.clock.now())
            .fetch_one(&mut owner)
            .await
            .unwrap();
            if open == 0 {
                return;
            }
            let now = tokio::time::Instant::now();
            assert!(now < deadline, "waited in vain for the end of all jobs");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A permit of an owner.
pub fn owner(organization: OrganizationId, permission: Permission) -> Permit {
    let actor = Actor {
        id: Some(Uuid::from_u128(7)),
        kind: ActorType::User,
        name: Some("Olga Owner".to_owned()),
    };
    Permit::for_job(organization, actor, permission)
}

/// A tenant.
pub async fn new_organization(context: &Context, name: &str) -> OrganizationId {
    let now = context.clock.now();
    let id = OrganizationId::new(now);
    let mut tx = context.db.tenant(id).await.unwrap();
    let organization = Organization {
        id,
        name: name.to_owned(),
        slug: None,
        created_at: now,
        updated_at: now,
    };
    organizations::insert(&mut *tx, &organization)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn context(
    options: &PgConnectOptions,
    clock: &Clock,
    served: &mooring_forge::Running,
    keys: Option<&str>,
) -> Context {
    let key: Keyring = match keys {
        Some(keys) => keys.parse().unwrap(),
        None => Keyring::generate("test").unwrap().parse().unwrap(),
    };
    let refresh = RefreshSettings {
        buffer: chrono::TimeDelta::minutes(10),
        lease: LEASE,
        deadline: Duration::from_secs(10),
        quarantine: Duration::from_secs(1),
        holder: "test".into(),
    };
    let db = Db::connect(options.clone(), PoolSizes::default())
        .await
        .unwrap();
    let doorbell = Doorbell::postgres(options.clone());
    Context {
        renewals: Ledger::start(&db, clock, &refresh),
        limits: Limits::start(&db, clock, refresh.holder.clone(), None),
        vault: Vault::new(key),
        clock: clock.clone(),
        providers: api::providers(clock, served, outbound("127.0.0.1:*")),
        doorbell: doorbell.clone(),
        retention: Retention {
            jobs: chrono::TimeDelta::days(14),
            failed_jobs: chrono::TimeDelta::days(90),
            deliveries: chrono::TimeDelta::days(30),
        },
        apps: Arc::default(),
        refresh,
        turns: TurnSettings {
            sync: chrono::TimeDelta::hours(4),
            validation: chrono::TimeDelta::hours(6),
        },
        listings: Arc::default(),
        under_way: TaskTracker::new(),
        minted: MintedTokens::default(),
        intake: Intake::start(&db, clock, &doorbell),
        db,
    }
}

/// Asks until there is an answer; never longer than [`PATIENCE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
