//! What every handler may use.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use shared::authz::jwt::Verifier;
use shared::domain::ids::OrganizationId;
use shared::domain::provider::ProviderKind;
use shared::flows::events::Feed;
use shared::flows::{self, Context, organizations};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::extract::Room;
use crate::metrics::Metrics;
use crate::middleware::Throttle;

/// A token bucket: `burst` at once, `per_second` for as long as one likes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls per second.
    pub per_second: f64,
    /// Calls at once.
    pub burst: f64,
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base of URLs in answers, without a trailing slash (`MOORING_PUBLIC_URL`).
    pub public_url: String,
    /// Origins that a `redirect_url` may have (`MOORING_REDIRECT_ALLOWLIST`).
    pub redirect_origins: Vec<String>,
    /// Whether changes need a second factor (`MOORING_REQUIRE_AAL2`).
    pub require_aal2: bool,
    /// Whether `/metrics` answers on the API's own address.
    pub serve_metrics: bool,
    /// Reading calls of one caller.
    pub reads: Rate,
    /// Changing calls of one caller.
    pub changes: Rate,
    /// Largest body, in bytes.
    pub max_body: usize,
    /// Largest body of a delivery, in bytes: what GitHub sends at most.
    pub max_delivery: usize,
    /// What bodies of deliveries hold together while they come and are stored, in bytes.
    pub delivery_room: usize,
    /// Deliveries to one organization, those of repeats included.
    pub deliveries: Rate,
    /// Longest for the body of a delivery to come whole: longer than any provider waits for its answer.
    pub delivery_within: Duration,
    /// Longest for the head of a request, and between two of them: who sends a byte a second holds no
    /// connection.
    pub head_within: Duration,
    /// Connections at once; whoever comes beyond is told so and left. Bounds what those hold who say
    /// nothing, or a little of a head.
    pub connections: usize,
    /// Longest a call may take until its answer begins.
    pub timeout: Duration,
    /// How long a client may take nothing of what it asked for until its connection is cut.
    pub patience: Duration,
}

impl Settings {
    /// The redirect URI of every registration at a provider, exactly; `None` where the public URL
    /// is none.
    #[must_use]
    pub fn redirect_uri(&self, provider: ProviderKind) -> Option<Url> {
        Url::parse(&format!(
            "{}/api/v1/auth/{provider}/callback",
            self.public_url
        ))
        .ok()
    }

    /// The defaults, under a public URL. The rates stop a runaway loop, not a busy integration:
    /// one caller cannot take more than a process can do for all.
    #[must_use]
    pub fn new(public_url: &str) -> Self {
        let own = Url::parse(public_url).ok();
        Self {
            public_url: public_url.trim_end_matches('/').to_owned(),
            redirect_origins: own
                .map(|url| url.origin().ascii_serialization())
                .into_iter()
                .collect(),
            require_aal2: false,
            serve_metrics: true,
            reads: Rate {
                per_second: 10_000.0,
                burst: 20_000.0,
            },
            changes: Rate {
                per_second: 500.0,
                burst: 2_000.0,
            },
            max_body: 1024 * 1024,
            max_delivery: 25 * 1024 * 1024,
            delivery_room: 128 * 1024 * 1024,
            deliveries: Rate {
                per_second: 5_000.0,
                burst: 50_000.0,
            },
            delivery_within: Duration::from_secs(30),
            head_within: Duration::from_secs(30),
            connections: 16_384,
            timeout: Duration::from_secs(60),
            patience: Duration::from_secs(30),
        }
    }
}

/// Something that must be there before this process can do its work; the error says what is not.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The state of the API. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// See [`ApiState`].
pub struct Inner {
    /// The parts that flows work with.
    pub context: Context,
    /// What user tokens are checked against.
    pub verifier: Verifier,
    /// What an operator set.
    pub settings: Settings,
    /// Counted and measured.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` asks, by name.
    pub checks: Vec<(&'static str, Check)>,
    /// Calls that go on although their client left.
    pub(crate) tasks: TaskTracker,
    pub(crate) throttle: Throttle,
    /// How often each organization is delivered to.
    pub(crate) deliveries: Throttle,
    /// Where bodies of deliveries are held.
    pub(crate) room: Room,
    /// What happens, for those who follow it.
    pub(crate) feed: Feed,
    /// Streams end: the server does.
    pub(crate) ending: CancellationToken,
    known: Mutex<HashMap<OrganizationId, Instant>>,
}

impl Deref for ApiState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// How long an organization that was there is taken to be there still. Every query of it is
/// walled off by row-level security anyway; this only decides between 404 and an empty list.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// Most organizations that are remembered.
const MAX_KNOWN: usize = 10_000;

impl ApiState {
    /// The state, with a check of the database; `checks` are added to it.
    #[must_use]
    pub fn new(
        context: Context,
        verifier: Verifier,
        settings: Settings,
        checks: Vec<(&'static str, Check)>,
    ) -> Self {
        let throttle = Throttle::new(settings.reads, settings.changes);
        let deliveries = Throttle::new(settings.deliveries, settings.deliveries);
        let room = Room::new(settings.delivery_room);
        let db = context.db.clone();
        let database: Check = Arc::new(move || {
            let db = db.clone();
            Box::pin(async move { db.ping().await.map_err(|error| error.to_string()) })
        });
        let mut all: Vec<(&'static str, Check)> = vec![("database", database)];
        all.extend(checks);
        Self(Arc::new(Inner {
            feed: Feed::new(context.clone(), crate::v1::events::written),
            ending: CancellationToken::new(),
            context,
            verifier,
            settings,
            metrics: Arc::new(Metrics::new(crate::router::routes().len())),
            checks: all,
            tasks: TaskTracker::new(),
            throttle,
            deliveries,
            room,
            known: Mutex::default(),
        }))
    }

    /// Whether there is such an organization.
    pub(crate) async fn knows(&self, id: OrganizationId) -> Result<bool, flows::Error> {
        let now = Instant::now();
        let fresh = |seen: &Instant| now.duration_since(*seen) < KNOWN_FOR;
        if self.lock().get(&id).is_some_and(fresh) {
            return Ok(true);
        }
        let there = organizations::exists(&self.context, id).await?;
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        if there {
            known.insert(id, now);
        }
        Ok(there)
    }

    /// Forgets an organization that was just deleted here.
    pub(crate) fn forget(&self, id: OrganizationId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<OrganizationId, Instant>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
