//! Redis is flushed, and killed, while deliveries come in by two processes and are handled by two more:
//! it held nothing, so nothing is lost and nothing acts twice.
//! (`mooring bench webhooks --storm` does the same with twenty thousand and dying processes.)

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::flows::Context;
use shared::flows::webhooks::Intake;
use shared::limits::{BudgetRedis, Limits};
use shared::queue::Doorbell;

use super::outcome::Target;
use crate::redis_server::Server;
use crate::world::{Api, Setup, World, run_as, until, verifier};

const DELIVERIES: usize = 300;
const AT_ONCE: usize = 8;
/// One in so many is sent once more, at the other process.
const REPEATED: usize = 5;

/// What a process has whose wake-ups and budgets go over Redis.
fn process(w: &World, server: &Server, name: &str) -> Context {
    let doorbell = Doorbell::over(Some(server.redis()), w.options.clone());
    let (db, clock) = (&w.context.db, &w.clock);
    let budgets = BudgetRedis::new(server.redis().client());
    Context {
        limits: Limits::start(db, clock, name.into(), Some(budgets)),
        intake: Intake::start(db, clock, &doorbell),
        doorbell,
        ..w.other_process(name)
    }
}

#[test]
fn a_flushed_redis_takes_no_delivery_with_it() {
    run_as(Setup::default(), |w| async move {
        let Some(mut server) = Server::start().await else {
            return;
        };
        for name in ["worker-one", "worker-two"] {
            let context = process(&w, &server, name);
            w.start_worker_over(&context, &w.options, Some(server.redis()));
        }
        let mut apis = Vec::new();
        for name in ["api-one", "api-two"] {
            let context = process(&w, &server, name);
            apis.push(Api::start(&context, verifier(&w.clock), |_| {}).await);
        }
        let target = Target::set(&w).await;
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = tokio::task::JoinSet::new();
        for place in 0..AT_ONCE {
            let (next, target, apis) = (next.clone(), target.clone(), apis.clone());
            let w = Arc::clone(&w);
            senders.spawn(async move {
                let (mut accepted, mut turn) = (Vec::new(), place);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= DELIVERIES {
                        return accepted;
                    }
                    let letter = target.push(&w, number);
                    let (id, status) = target.answered(&apis[turn % 2], &letter).await.unwrap();
                    assert_eq!(status, "accepted", "nobody is away but Redis");
                    turn += 1;
                    if number % REPEATED == 0 {
                        let again = target.answered(&apis[turn % 2], &letter).await;
                        assert_eq!(again, Some((id.clone(), "duplicate".to_owned())));
                    }
                    accepted.push(id);
                }
            });
        }
        let sent = |part: usize| {
            let next = next.clone();
            async move {
                until("deliveries under way", || async {
                    (next.load(Ordering::Relaxed) > DELIVERIES * part / 6).then_some(())
                })
                .await;
            }
        };
        sent(1).await;
        assert_eq!(server.say("FLUSHALL").await, "+OK\r\n");
        sent(2).await;
        server.kill();
        sent(4).await;
        server.restart().await;
        assert_eq!(server.say("FLUSHALL").await, "+OK\r\n");
        let mut accepted: Vec<String> = Vec::new();
        while let Some(done) = senders.join_next().await {
            accepted.extend(done.unwrap());
        }
        assert_eq!(accepted.len(), DELIVERIES);
        w.acted_once(accepted).await;
    });
}
