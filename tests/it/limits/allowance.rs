//! Promise 6: a host sees fewer failed authentications than it bans for, whoever has dead tokens.

use chrono::TimeDelta;
use mooring_forge::{Face, Gate, Hold, Match};
use serde_json::json;

use super::{failures, most_within_three_minutes, moved_until, presented_again, stranger};
use crate::world::{Caller, run_test, run_without_worker};

async fn revoked(callers: &[(Caller, Vec<String>)]) -> usize {
    let mut count = 0;
    for (caller, _) in callers {
        let mut page = 1;
        loop {
            let path = format!("/git-connections?per_page=100&page={page}");
            let listed = caller.get(&path).await.expect(200);
            let all = listed["connections"].as_array().unwrap().clone();
            count += all.iter().filter(|c| c["status"] == "revoked").count();
            if all.len() < 100 {
                break;
            }
            page += 1;
        }
    }
    count
}

/// Three hundred tokens of twelve organizations die at one host; workers of three processes look at
/// each by the clock.
#[test]
fn three_hundred_dead_tokens_are_presented_once_each_and_never_too_many_at_once() {
    run_test(|w| async move {
        for name in ["second", "third"] {
            w.start_worker_of(&w.other_process(name), &w.options);
        }
        let mut tokens = Vec::new();
        let mut callers = Vec::new();
        for organization in 0..12 {
            let (_, caller) = stranger(&w, &format!("Tenant {organization}")).await;
            let mut ids = Vec::new();
            for number in 0..25 {
                let token = w.github_account(&format!("dead-{organization}-{number}"), 0);
                ids.push(caller.connect("github", &token).await);
                tokens.push(token);
            }
            callers.push((caller, ids));
        }
        w.everybody_idle().await;
        for token in &tokens {
            assert!(w.forge.revoke(token));
        }
        w.forge.clear_log();
        // Past what is warm; every turn comes within the interval.
        w.clock.advance(TimeDelta::hours(6));
        moved_until(&w, TimeDelta::seconds(40), || async {
            revoked(&callers).await == tokens.len()
        })
        .await;
        let failed = failures(&w);
        let again = presented_again(&failed);
        assert!(again.is_empty(), "presented again: {again:?}");
        assert_eq!(failed.len(), tokens.len());
        let most = most_within_three_minutes(&failed);
        assert!(most < 30, "{most} failures within three minutes");
        // The next day nobody asks again.
        w.clock.advance(TimeDelta::hours(24));
        w.everybody_idle().await;
        assert_eq!(failures(&w).len(), tokens.len());
    });
}

/// One with many dead tokens takes its fifth; the others' good ones go on.
#[test]
fn an_organization_cannot_use_up_a_hosts_allowance() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let mut dead = Vec::new();
        for number in 0..12 {
            let token = w.github_account(&format!("dead-{number}"), 0);
            dead.push((owner.connect("github", &token).await, token));
        }
        let (_, other) = stranger(&w, "Other").await;
        let good = w.github_account("good", 1);
        let good = other.connect("github", &good).await;
        w.clock.advance(TimeDelta::hours(1));
        for (_, token) in &dead {
            w.forge.revoke(token);
        }
        let mut held = 0;
        for (id, _) in &dead {
            let path = format!("/git-connections/{id}/validate");
            let answer = owner.post(&path, json!({})).await;
            match answer.status {
                200 => assert_eq!(answer.json()["valid"], false),
                _ => {
                    answer.problem(503, "provider_rate_limited");
                    held += 1;
                }
            }
        }
        assert_eq!((failures(&w).len(), held), (5, 7));
        let path = format!("/git-connections/{good}/validate");
        assert_eq!(
            other.post(&path, json!({})).await.expect(200)["valid"],
            true
        );
        // Three minutes later there is room for as many again.
        w.clock.advance(TimeDelta::minutes(3));
        let path = format!("/git-connections/{}/validate", dead[11].0);
        assert_eq!(
            owner.post(&path, json!({})).await.expect(200)["valid"],
            false
        );
    });
}

/// Everybody who asks with a token while it is found to be dead gets that answer.
#[test]
fn many_who_ask_at_once_present_a_dead_token_once() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        w.clock.advance(TimeDelta::hours(1));
        w.idle().await;
        w.forge.revoke(&token);
        w.forge.clear_log();
        let gate: Gate = w.forge.gate(Match::face(Face::GitHub), Hold::BeforeWork);
        let path = format!("/git-connections/{id}/branches?repo=octo/repo-00001");
        let ask = || {
            let (owner, path) = (owner.clone(), path.clone());
            tokio::spawn(async move { owner.get(&path).await })
        };
        let asked: Vec<_> = (0..8).map(|_| ask()).collect();
        owner
            .post(&format!("/git-connections/{id}/sync"), json!({}))
            .await
            .expect(202);
        gate.arrived(1).await;
        gate.open();
        for one in asked {
            one.await.unwrap().problem(422, "credential_refused");
        }
        w.idle().await;
        assert_eq!(failures(&w).len(), 1);
        assert_eq!(owner.connection(&id).await["status"], "revoked");
        // Nobody presents it again, but whoever wants to know whether it works.
        owner.get(&path).await.problem(422, "credential_refused");
        assert_eq!(failures(&w).len(), 1);
        let path = format!("/git-connections/{id}/validate");
        assert_eq!(
            owner.post(&path, json!({})).await.expect(200)["valid"],
            false
        );
        assert_eq!(failures(&w).len(), 2);
    });
}
