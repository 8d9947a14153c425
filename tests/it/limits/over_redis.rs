//! Windows go through Redis where it is configured, and it holds the only copy of nothing.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::ids::ConnectionId;
use shared::domain::meter::{CallClass, HeldBack, Meter, Reading, Standing};
use shared::domain::provider::ProviderKind;
use shared::domain::quota::RateLimit;
use shared::limits::{BudgetRedis, Limits, Subject};

use crate::redis_server::Server;
use crate::world::{World, run_without_worker, until};

fn process(w: &World, server: &Server, name: &str) -> Limits {
    let redis = BudgetRedis::new(server.redis().client());
    Limits::start(&w.context.db, &w.clock, name.into(), Some(redis))
}

/// The meter of an account, in one of the processes.
fn meter(w: &World, limits: &Limits, account: &str, class: CallClass) -> Arc<dyn Meter> {
    let instance = w.context.providers.instance(ProviderKind::Github, None);
    let subject = Subject {
        connection: ConnectionId::new(w.clock.now()),
        organization: w.organization,
        instance: instance.unwrap(),
        account: Some(account.to_owned()),
        version: 1,
        generation: 1,
        proven: true,
        asker: None,
        insist: false,
        // Trials are always in Postgres.
        minted: true,
    };
    limits.meter(&subject, class)
}

fn sync(w: &World, limits: &Limits, account: &str) -> Arc<dyn Meter> {
    meter(w, limits, account, CallClass::Sync)
}

async fn tell(meter: &Arc<dyn Meter>, remaining: i32, reset_at: DateTime<Utc>, standing: Standing) {
    let rate_limit = RateLimit {
        limit: Some(5_000),
        remaining: Some(remaining),
        reset_at: Some(reset_at),
    };
    let leave = meter.clone().leave().await.unwrap();
    leave
        .told(Reading {
            rate_limit,
            standing,
        })
        .await;
}

/// Until when nobody may ask, as soon as this process has heard of it.
async fn held_back(meter: &Arc<dyn Meter>) -> DateTime<Utc> {
    until("the others' word", || async {
        match meter.clone().leave().await {
            Err(HeldBack::Until(until)) => Some(until),
            _ => None,
        }
    })
    .await
}

#[test]
fn processes_tell_each_other_over_redis_and_go_on_without_it() {
    run_without_worker(|w| async move {
        let Some(mut server) = Server::start().await else {
            return;
        };
        let (one, other) = (process(&w, &server, "one"), process(&w, &server, "other"));
        let reset = w.clock.now() + TimeDelta::minutes(40);
        tell(&sync(&w, &one, "ada"), 700, reset, Standing::Accepted).await;
        // To within what the wire keeps.
        let heard = held_back(&sync(&w, &other, "ada")).await;
        assert!((heard - reset).abs() < TimeDelta::seconds(1));
        // People have what is left.
        let interactive = meter(&w, &other, "ada", CallClass::Interactive);
        assert!(interactive.leave().await.is_ok());
        // Who comes later knows at once, whoever has told and is gone.
        drop(one);
        let late = process(&w, &server, "late");
        assert!(sync(&w, &late, "ada").leave().await.is_err());
        // What Redis forgets is told again by whoever knows.
        assert_eq!(server.say("FLUSHALL").await, "+OK\r\n");
        let later = process(&w, &server, "later");
        until("the word of those who know", || async {
            // A process says what it knows of what it uses.
            let _ = sync(&w, &late, "ada").leave().await;
            sync(&w, &later, "ada").leave().await.is_err().then_some(())
        })
        .await;
        // Without it each process knows what it heard itself.
        server.kill();
        assert!(sync(&w, &late, "ada").leave().await.is_err());
        let until_then = w.clock.now() + TimeDelta::minutes(5);
        let alone = sync(&w, &late, "grace");
        tell(&alone, 4_000, reset, Standing::Limited(Some(until_then))).await;
        assert_eq!(held_back(&alone).await, until_then);
        server.restart().await;
        let heard = held_back(&sync(&w, &other, "grace")).await;
        assert!((heard - until_then).abs() < TimeDelta::seconds(1));
    });
}
