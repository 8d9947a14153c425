//! Every kind of job on one screen: ids only, for whatever else a payload held would be stale by
//! the time it runs. The handler of each is `worker/src/jobs/<kind>.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::job::{Cancellation, Job};
use crate::domain::ids::{ConnectionId, ProviderConfigId, WebhookDeliveryId};
use crate::domain::job::Priority;
use crate::domain::sync::SyncTrigger;

/// Lists every repository of a connection and stores them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncConnection {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Why.
    pub trigger: SyncTrigger,
    /// Without conditional requests.
    pub full: bool,
}

impl Job for SyncConnection {
    const KIND: &'static str = "sync_connection";
    const PRIORITY: Priority = Priority::Sync;
    const MAX_ATTEMPTS: i16 = 8;
    const TIMEOUT: Duration = Duration::from_secs(3600);
    const PER_CONNECTION: Option<i16> = Some(1);
    const EXPECTED_LONG: bool = true;
    // Ended between two pages, where its run is ended with it.
    const CANCELLATION: Cancellation = Cancellation::Told;
}

/// Asks the provider whether a connection's credential works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValidateConnection {
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Job for ValidateConnection {
    const KIND: &'static str = "validate_connection";
    const PRIORITY: Priority = Priority::Lifecycle;
    const MAX_ATTEMPTS: i16 = 12;
    const PER_CONNECTION: Option<i16> = Some(1);
}

/// Renews the token of a connection before it ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshToken {
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Job for RefreshToken {
    const KIND: &'static str = "refresh_token";
    const PRIORITY: Priority = Priority::Lifecycle;
    const MAX_ATTEMPTS: i16 = 10;
    // No limit per connection: the credential's own row is the lock, and costs no second one.
    // Longer than a provider may take, since a renewal under way is waited for.
    const TIMEOUT: Duration = Duration::from_secs(150);
}

/// Enqueues the renewal of every token whose time has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepDueTokens {}

impl Job for SweepDueTokens {
    const KIND: &'static str = "sweep_due_tokens";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const EXPECTED_LONG: bool = true;
}

/// Forgets answers to changing calls after a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgetIdempotencyKeys {}

impl Job for ForgetIdempotencyKeys {
    const KIND: &'static str = "forget_idempotency_keys";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
}

/// Forgets consents whose browser has not come back, or has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgetOauthStates {}

impl Job for ForgetOauthStates {
    const KIND: &'static str = "forget_oauth_states";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
}

/// Ends runs of the repository sync whose job has ended without them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndStrandedSyncs {}

impl Job for EndStrandedSyncs {
    const KIND: &'static str = "end_stranded_syncs";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
}

/// Deletes jobs that ended long ago.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteOldJobs {}

impl Job for DeleteOldJobs {
    const KIND: &'static str = "delete_old_jobs";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const EXPECTED_LONG: bool = true;
}

/// Enqueues the syncs whose turn has come by the clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncDueConnections {}

impl Job for SyncDueConnections {
    const KIND: &'static str = "sync_due_connections";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const EXPECTED_LONG: bool = true;
}

/// Enqueues the validations whose turn has come by the clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValidateDueConnections {}

impl Job for ValidateDueConnections {
    const KIND: &'static str = "validate_due_connections";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const EXPECTED_LONG: bool = true;
}

/// Forgets providers' windows that nobody uses any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgetLimits {}

impl Job for ForgetLimits {
    const KIND: &'static str = "forget_limits";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
}

/// Forgets events that were told outside, or that nobody wanted, after a week.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgetOutboxEvents {}

impl Job for ForgetOutboxEvents {
    const KIND: &'static str = "forget_outbox_events";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
}

/// Lets a token make its successor before it ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotateToken {
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Job for RotateToken {
    const KIND: &'static str = "rotate_token";
    const PRIORITY: Priority = Priority::Lifecycle;
    const MAX_ATTEMPTS: i16 = 10;
    const TIMEOUT: Duration = Duration::from_secs(180);
    // Not beside a sync: the token dies with the rotation.
    const PER_CONNECTION: Option<i16> = Some(1);
}

/// Enqueues the rotation of every token whose time has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepRotations {}

impl Job for SweepRotations {
    const KIND: &'static str = "sweep_rotations";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const EXPECTED_LONG: bool = true;
}

/// Tells organizations that a credential ends soon, or has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WarnOfExpiry {}

impl Job for WarnOfExpiry {
    const KIND: &'static str = "warn_of_expiry";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const EXPECTED_LONG: bool = true;
}

/// Enqueues work that a connection's state asks for and that has no job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RingStranded {}

impl Job for RingStranded {
    const KIND: &'static str = "ring_stranded";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const EXPECTED_LONG: bool = true;
}

/// Handles a delivery of a webhook: what it means, done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandleDelivery {
    /// The delivery.
    pub delivery_id: WebhookDeliveryId,
}

impl Job for HandleDelivery {
    const KIND: &'static str = "handle_delivery";
    const PRIORITY: Priority = Priority::Webhook;
    // Each worker that dies under it costs one.
    const MAX_ATTEMPTS: i16 = 25;
}

/// Syncs what a delivery was about, since its bytes came again under another id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncAfterRepeat {
    /// The first one.
    pub delivery_id: WebhookDeliveryId,
}

impl Job for SyncAfterRepeat {
    const KIND: &'static str = "sync_after_repeat";
    const PRIORITY: Priority = Priority::Webhook;
    const RERUN_ON_REPEAT: bool = true;
}

/// Deletes deliveries of webhooks after their time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteOldDeliveries {}

impl Job for DeleteOldDeliveries {
    const KIND: &'static str = "delete_old_deliveries";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 1;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const EXPECTED_LONG: bool = true;
}

/// Brings the hooks of a connection at the provider in line with what is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegisterHooks {
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Job for RegisterHooks {
    const KIND: &'static str = "register_hooks";
    const PRIORITY: Priority = Priority::Lifecycle;
    const TIMEOUT: Duration = Duration::from_secs(1800);
    const RERUN_ON_REPEAT: bool = true;
    const PER_CONNECTION: Option<i16> = Some(1);
    const EXPECTED_LONG: bool = true;
    const CANCELLATION: Cancellation = Cancellation::Told;
}

/// Enqueues a look through what every GitHub App has sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepAppDeliveries {}

impl Job for SweepAppDeliveries {
    const KIND: &'static str = "sweep_app_deliveries";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 3;
}

/// Looks through what a GitHub App has sent, and fetches what never arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoverAppDeliveries {
    /// Its registration; none is the platform's of the settings.
    pub config_id: Option<ProviderConfigId>,
}

impl Job for RecoverAppDeliveries {
    const KIND: &'static str = "recover_app_deliveries";
    const PRIORITY: Priority = Priority::Sweep;
    const TIMEOUT: Duration = Duration::from_secs(1800);
    const EXPECTED_LONG: bool = true;
}

/// Enqueues looks at hooks of repositories: where we were away, and the day's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepHookDeliveries {}

impl Job for SweepHookDeliveries {
    const KIND: &'static str = "sweep_hook_deliveries";
    const PRIORITY: Priority = Priority::Sweep;
    const MAX_ATTEMPTS: i16 = 3;
    const TIMEOUT: Duration = Duration::from_secs(600);
    const RERUN_ON_REPEAT: bool = true;
    const EXPECTED_LONG: bool = true;
}

/// Asks how a connection's hooks stand, and fetches what they have sent in vain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoverHookDeliveries {
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Job for RecoverHookDeliveries {
    const KIND: &'static str = "recover_hook_deliveries";
    const PRIORITY: Priority = Priority::Sweep;
    const TIMEOUT: Duration = Duration::from_secs(1800);
    const RERUN_ON_REPEAT: bool = true;
    const PER_CONNECTION: Option<i16> = Some(1);
    const EXPECTED_LONG: bool = true;
    const CANCELLATION: Cancellation = Cancellation::Told;
}

/// Takes the hooks of a connection that was deleted away at the provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoveHooks {
    /// What was the connection.
    pub connection_id: ConnectionId,
}

impl Job for RemoveHooks {
    const KIND: &'static str = "remove_hooks";
    const PRIORITY: Priority = Priority::Lifecycle;
    const MAX_ATTEMPTS: i16 = 12;
    const TIMEOUT: Duration = Duration::from_secs(1800);
    const EXPECTED_LONG: bool = true;
}
