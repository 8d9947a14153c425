//! Token endpoints: what wants a pause, for whom.
//!
//! A refused renewal leaves its token unspent where the endpoint said "later", so a storm of renewals
//! may feel its way: the first that hears it stops all others. They come again spread over some time,
//! else they would all be back in the same second.

use chrono::{DateTime, TimeDelta, Utc};

use super::Limits;
use crate::domain::meter::{Reading, Standing};
use crate::domain::provider::Instance;
use crate::domain::quota::RateLimit;

/// A wrong registration is not mended within seconds, and hosts count wrong client secrets.
pub const REFUSED_CLIENT: TimeDelta = TimeDelta::minutes(10);
/// Those who were stopped come back over at most this.
const LONGEST_SPREAD: TimeDelta = TimeDelta::minutes(2);

/// A token endpoint and the client that asks there.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// Where it is.
    pub instance: &'a Instance,
    /// The client.
    pub client_id: &'a str,
}

impl Endpoint<'_> {
    fn host(&self) -> String {
        format!("tokens:{}", self.instance.base_url())
    }

    fn client(&self) -> String {
        format!("client:{}|{}", self.instance.base_url(), self.client_id)
    }
}

impl Limits {
    /// Until when the endpoint wants to be left alone; for one of many, somewhere behind that.
    /// `fraction` (0–1, drawn by the caller) says where.
    pub async fn endpoint_closed(
        &self,
        endpoint: Endpoint<'_>,
        fraction: f64,
    ) -> Option<DateTime<Utc>> {
        let until = self.budgets.parked(&endpoint.host()).await?;
        let left = (until - self.clock.now()).max(TimeDelta::zero());
        let spread = (left * 2).min(LONGEST_SPREAD).num_milliseconds() as f64;
        Some(until + TimeDelta::milliseconds((spread * fraction.clamp(0.0, 1.0)) as i64))
    }

    /// Until when nobody presents this client's secret, because it was refused.
    pub async fn client_refused(&self, endpoint: Endpoint<'_>) -> Option<DateTime<Utc>> {
        self.budgets.parked(&endpoint.client()).await
    }

    /// The endpoint said "later".
    pub async fn close_endpoint(&self, endpoint: Endpoint<'_>, until: Option<DateTime<Utc>>) {
        let reading = limited(until);
        self.budgets.observe(&endpoint.host(), &reading).await;
    }

    /// The endpoint answered as it should.
    pub async fn endpoint_answered(&self, endpoint: Endpoint<'_>) {
        let reading = Reading {
            rate_limit: RateLimit::default(),
            standing: Standing::Accepted,
        };
        self.budgets.observe(&endpoint.host(), &reading).await;
    }

    /// The endpoint refused the client's own secret.
    pub async fn refuse_client(&self, endpoint: Endpoint<'_>) {
        let until = self.clock.now() + REFUSED_CLIENT;
        let reading = limited(Some(until));
        self.budgets.observe(&endpoint.client(), &reading).await;
    }
}

fn limited(until: Option<DateTime<Utc>>) -> Reading {
    Reading {
        rate_limit: RateLimit::default(),
        standing: Standing::Limited(until),
    }
}
