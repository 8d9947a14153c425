//! The database goes away when a provider has answered, and providers that are slower than leases.

use std::time::Duration;

use mooring_forge::{Fault, Hold};
use serde_json::json;
use shared::authz::Permission;
use shared::flows::{Context, connections};
use shared::session::refresh::Renewal;

use super::{attempts, becomes, gitlab, into_the_buffer, presentations, refresh, renewals, works};
use crate::world::{LEASE, Line, World, run_test, run_without_worker, until};

/// A call ends within this.
const DEADLINE: Duration = Duration::from_secs(10);

/// What the sweep's job does, in the process that has this.
async fn renew(process: &Context, w: &World, id: &str) -> Renewal {
    let permit = w.permit(Permission::ConnectionsUse);
    connections::refresh_due(process, &permit, id.parse().unwrap(), DEADLINE * 3)
        .await
        .unwrap()
}

fn told(n: i16, outcome: &str) -> (i16, String) {
    (n, outcome.to_owned())
}

/// The database is away for longer than a lease.
#[test]
fn a_pair_that_cannot_be_stored_is_kept_until_the_database_is_back() {
    run_without_worker(|w| async move {
        let line = Line::lay(&w);
        let process = w.another_process(&line.options, LEASE, DEADLINE).await;
        w.start_worker_of(&process, &line.options);
        let (owner, id) = gitlab(&w).await;
        let gate = w.forge.gate(renewals(), Hold::AfterWork);
        into_the_buffer(&w);
        gate.arrived(1).await;
        line.cut();
        gate.open();
        w.forge.wait_answered(&renewals(), 1).await;
        let began = tokio::time::Instant::now();
        until("an outage that outlasts a lease", || async {
            (began.elapsed() > LEASE * 2 && line.refused() > 5).then_some(())
        })
        .await;
        assert!(owner.connection(&id).await["last_refreshed_at"].is_null());
        line.mend();
        becomes(&owner, &id, "a renewal", |c| {
            !c["last_refreshed_at"].is_null()
        })
        .await;
        w.idle().await;
        works(&owner, &id).await;
        assert_eq!(presentations(&w).len(), 1);
        assert_eq!(attempts(&w, &id).await, [told(1, "refreshed")]);
    });
}

/// Meanwhile another process takes the renewal over, and is told that the token was spent.
#[test]
fn a_pair_that_comes_late_wins_over_the_verdict_of_who_took_over() {
    run_without_worker(|w| async move {
        let line = Line::lay(&w);
        let first = w.another_process(&line.options, LEASE / 2, DEADLINE).await;
        w.start_worker_of(&first, &line.options);
        let (owner, id) = gitlab(&w).await;
        let gate = w.forge.gate(renewals(), Hold::AfterWork);
        into_the_buffer(&w);
        gate.arrived(1).await;
        line.cut();
        gate.open();
        // Whose calls end within a second waits no longer for those of others.
        let second = w
            .another_process(&w.options, LEASE / 2, Duration::from_secs(1))
            .await;
        let verdict = renew(&second, &w, &id).await;
        assert!(matches!(verdict, Renewal::Refused(_)), "{verdict:?}");
        let found = owner.connection(&id).await;
        assert_eq!(found["status"], "expired", "{found}");
        line.mend();
        let found = becomes(&owner, &id, "a renewal", |c| c["status"] == "active").await;
        assert_eq!(found["health"]["code"], json!("ok"), "{found}");
        w.idle().await;
        works(&owner, &id).await;
        assert_eq!(presentations(&w).len(), 2);
        let outcomes = attempts(&w, &id).await;
        assert_eq!(outcomes, [told(1, "refreshed"), told(2, "refused")]);
    });
}

/// Three processes want it, each with a lease that is shorter than the provider's answer.
#[test]
fn an_answer_slower_than_a_lease_is_waited_for_by_all() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let lease = LEASE / 2;
        w.forge.fault(Fault::delay(renewals(), lease * 3).once());
        let mut processes = Vec::new();
        for _ in 0..2 {
            processes.push(w.another_process(&w.options, lease, DEADLINE).await);
        }
        into_the_buffer(&w);
        let wishes = processes.iter().map(|process| renew(process, &w, &id));
        let (all, asked) =
            tokio::join!(futures_util::future::join_all(wishes), refresh(&owner, &id));
        assert_eq!(all, [Renewal::Fresh, Renewal::Fresh]);
        assert_eq!(asked["success"], true, "{asked}");
        assert_eq!(presentations(&w).len(), 1);
        works(&owner, &id).await;
    });
}
