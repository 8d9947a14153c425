//! What people paste: wrong ones are bounded, for the organization and for the host.

use chrono::TimeDelta;
use serde_json::json;

use super::{failures, most_within_three_minutes, stranger};
use crate::world::{Caller, run_without_worker};

fn wrong(number: usize) -> String {
    format!("ghp_{number:036}")
}

#[test]
fn ten_wrong_pastes_in_ten_minutes_are_enough() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let good = w.github_account("good", 1);
        for number in 0..10 {
            // Within a host's three minutes an organization has a fifth.
            w.clock.advance(TimeDelta::seconds(50));
            let body = Caller::body("github", &wrong(number));
            let path = ["/git-connections", "/git-connections/test"][number % 2];
            owner.post(path, body).await.expect([422, 200][number % 2]);
        }
        assert_eq!(failures(&w).len(), 10);
        let refused = owner
            .post("/git-connections", Caller::body("github", &good))
            .await;
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=600).contains(&wait), "{wait}");
        refused.problem(429, "too_many_refused");
        assert_eq!(failures(&w).len(), 10);
        // Others are not concerned, and neither is this one once the oldest is ten minutes old.
        let (_, other) = stranger(&w, "Other").await;
        other.connect("github", &good).await;
        w.clock.advance(TimeDelta::seconds(wait));
        owner.connect("github", &good).await;
    });
}

/// A crowd of organizations with wrong tokens leaves room for what is proven.
#[test]
fn proven_credentials_go_on_where_unproven_ones_wait() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let proven = w.github_account("proven", 1);
        let proven = owner.connect("github", &proven).await;
        w.clock.advance(TimeDelta::hours(1));
        let mut callers = Vec::new();
        for name in 0..8 {
            callers.push(stranger(&w, &format!("Tenant {name}")).await.1);
        }
        for number in 0..40 {
            let body = Caller::body("github", &wrong(number));
            callers[number % 8]
                .post("/git-connections/test", body)
                .await;
        }
        let failed = failures(&w);
        assert_eq!(failed.len(), 15, "the unproven ones' share");
        assert!(most_within_three_minutes(&failed) < 30);
        // A paste is stored as what could not be asked about, and looked at later.
        let late = w.github_account("late", 1);
        let body = Caller::body("github", &late);
        let made = callers[7].post("/git-connections", body).await.expect(201);
        assert_eq!(
            (&made["status"], &made["health"]["code"]),
            (&json!("error"), &json!("rate_limited"))
        );
        let path = format!("/git-connections/{proven}/validate");
        assert_eq!(
            owner.post(&path, json!({})).await.expect(200)["valid"],
            true
        );
    });
}
