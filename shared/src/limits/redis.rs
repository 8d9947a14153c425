//! Redis as the wire of budgets, where it is configured.
//!
//! A key holds what all know of one account's window, for as long as that may matter; merging it is a
//! script, so that no two processes overwrite each other. What Redis forgets, the next answer's
//! headers tell again.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::domain::quota::RateLimit;
use crate::store::sweeps::{Budget, SharedBudget};

const PREFIX: &str = "mooring:budget:";
const PROMPT: Duration = Duration::from_millis(250);
/// How long a server that failed is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// The rules of the statement in `store::sweeps`. Times in milliseconds; kept for a day, longer than any
/// window that a provider tells.
const MERGE: &str = r"
local now, holder, out = tonumber(ARGV[1]), ARGV[2], {}
local function least(a, b) if a == nil then return b elseif b == nil then return a else return math.min(a, b) end end
local function latest(a, b) if a == nil then return b elseif b == nil then return a else return math.max(a, b) end end
for i, key in ipairs(KEYS) do
  local mine = cjson.decode(ARGV[i + 2])
  local stored = redis.call('GET', key)
  local all = { holders = {} }
  if stored then all = cjson.decode(stored) end
  if mine.reset and all.reset then
    if mine.reset > all.reset + 5000 then
      all.most, all.remaining, all.reset = mine.most or all.most, mine.remaining, mine.reset
    elseif mine.reset >= all.reset - 5000 then
      all.most, all.remaining = mine.most or all.most, least(mine.remaining, all.remaining)
    end
  else
    all.most, all.remaining = mine.most or all.most, mine.remaining or all.remaining
    all.reset = mine.reset or all.reset
  end
  all.parked = latest(mine.parked, all.parked)
  local holders, count, others = {}, 0, 0
  for name, seen in pairs(all.holders) do
    if name ~= holder and seen.at > now - 5000 then
      holders[name] = seen; count = count + 1; others = others + seen.n
    end
  end
  holders[holder] = { at = now, n = mine.in_flight }
  all.holders = holders
  redis.call('SET', key, cjson.encode(all), 'PX', 86400000)
  out[i] = cjson.encode({ most = all.most, remaining = all.remaining, reset = all.reset, parked = all.parked, holders = count + 1, others = others, in_flight = 0 })
end
return out";

/// A Redis or Valkey server. Connects when it is used.
pub struct BudgetRedis {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    not_before: Option<Instant>,
}

impl fmt::Debug for BudgetRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its URL may hold a password.
        f.write_str("BudgetRedis")
    }
}

/// What went wrong; never shows the server's URL.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Driver(#[from] RedisError),
    #[error("no answer in time")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error("it is left alone after a failure")]
    LeftAlone,
    #[error("an answer of another version: {0}")]
    Form(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<i64>,
    #[serde(default)]
    holders: u32,
    #[serde(default)]
    others: u32,
    in_flight: u32,
}

impl BudgetRedis {
    /// The server of a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            state: Mutex::default(),
        }
    }

    pub(super) async fn exchange(
        &self,
        mine: &[Budget],
        holder: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<SharedBudget>, Fault> {
        let mut state = self.state.lock().await;
        if state.not_before.is_some_and(|until| Instant::now() < until) {
            return Err(Fault::LeftAlone);
        }
        let outcome = self.ask(&mut state, mine, holder, now).await;
        if outcome.is_err() {
            *state = State {
                connection: None,
                not_before: Some(Instant::now() + LEFT_ALONE),
            };
        }
        outcome
    }

    async fn ask(
        &self,
        state: &mut State,
        mine: &[Budget],
        holder: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<SharedBudget>, Fault> {
        let connection = match &mut state.connection {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PROMPT))
                    .set_response_timeout(Some(PROMPT));
                let connecting = self
                    .client
                    .get_multiplexed_async_connection_with_config(&config);
                state
                    .connection
                    .insert(timeout(PROMPT * 2, connecting).await??)
            }
        };
        let mut call = redis::cmd("EVAL");
        call.arg(MERGE).arg(mine.len());
        for budget in mine {
            call.arg(format!("{PREFIX}{}", budget.key));
        }
        call.arg(now.timestamp_millis()).arg(holder);
        for budget in mine {
            call.arg(serde_json::to_string(&Wire::from(budget))?);
        }
        let told: Vec<String> = timeout(PROMPT * 2, call.query_async(connection)).await??;
        let all = mine.iter().zip(&told).map(|(budget, text)| {
            let wire: Wire = serde_json::from_str(text)?;
            Ok(wire.shared(budget.key.clone()))
        });
        all.collect()
    }
}

impl From<&Budget> for Wire {
    fn from(budget: &Budget) -> Self {
        Self {
            most: budget.rate.limit,
            remaining: budget.rate.remaining,
            reset: budget.rate.reset_at.map(|at| at.timestamp_millis()),
            parked: budget.parked_until.map(|at| at.timestamp_millis()),
            holders: 0,
            others: 0,
            in_flight: budget.in_flight,
        }
    }
}

impl Wire {
    fn shared(self, key: String) -> SharedBudget {
        let time = DateTime::from_timestamp_millis;
        SharedBudget {
            budget: Budget {
                key,
                rate: RateLimit {
                    limit: self.most,
                    remaining: self.remaining,
                    reset_at: self.reset.and_then(time),
                },
                parked_until: self.parked.and_then(time),
                in_flight: 0,
            },
            holders: self.holders,
            others: self.others,
        }
    }
}
