//! The end of a client secret is told of in time, each step once.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::queue::catalogue::WarnOfExpiry;

use crate::upkeep::sweep;
use crate::world::{Caller, Setup, World, run_as, run_test};

/// Two sweeps at once, by whichever workers there are.
async fn swept(w: &World) {
    let (payload, other) = (WarnOfExpiry {}, WarnOfExpiry {});
    tokio::join!(sweep(w, &payload), sweep(w, &other));
}

/// A registration whose secret ends in so many days.
async fn save(w: &World, caller: &Caller, days: i64) -> String {
    let end = w.clock.now() + TimeDelta::days(days);
    let body = json!({
        "provider": "azure_devops", "client_id": "app", "client_secret": "s3cret-of-the-app",
        "client_secret_expires_at": end.to_rfc3339(),
    });
    let saved = caller.post("/git-provider-configs", body).await;
    assert!(matches!(saved.status, 200 | 201), "{saved}");
    saved.json()["id"].as_str().unwrap().to_owned()
}

/// What was told, oldest first.
async fn told(caller: &Caller, event: &str) -> Vec<Value> {
    let path = format!("/activity?per_page=100&event=git_provider_config_{event}");
    let page = caller.get(&path).await.expect(200);
    page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .cloned()
        .collect()
}

fn days(all: &[Value]) -> Vec<i64> {
    let days = all.iter().map(|one| one["metadata"]["days"].as_i64());
    days.collect::<Option<_>>().unwrap()
}

#[test]
fn forty_days_of_a_client_secret_see_four_warnings_and_one_end() {
    let setup = Setup {
        workers: 2,
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let owner = w.owner();
        let id = save(&w, &owner, 40).await;
        for _ in 1..=42 {
            w.clock.advance(TimeDelta::days(1));
            swept(&w).await;
        }
        let warned = told(&owner, "expiring").await;
        assert_eq!(days(&warned), [30, 14, 7, 1]);
        for one in &warned {
            assert_eq!(one["subject"]["id"], json!(id), "{one}");
            assert_eq!(one["actor"]["type"], "system", "{one}");
            let (what, provider) = (&one["metadata"]["what"], &one["metadata"]["provider"]);
            assert_eq!(
                (what, provider),
                (&json!("client_secret"), &json!("azure_devops"))
            );
        }
        assert_eq!(told(&owner, "expired").await.len(), 1);
        assert!(told(&w.admin(), "expiring").await.is_empty());
    });
}

#[test]
fn a_renewed_secret_is_warned_of_anew_and_the_platforms_to_the_platform() {
    run_test(|w| async move {
        let (owner, admin) = (w.owner(), w.admin());
        save(&w, &owner, 10).await;
        save(&w, &admin, 3).await;
        swept(&w).await;
        save(&w, &owner, 20).await;
        swept(&w).await;
        swept(&w).await;
        assert_eq!(days(&told(&owner, "expiring").await), [10, 20]);
        assert_eq!(days(&told(&admin, "expiring").await), [3]);
    });
}
