//! What people see of deliveries, and what they may do with them.

use chrono::TimeDelta;
use serde_json::json;

use super::{Letters, hooked};
use crate::world::{run_test, until};

#[test]
fn deliveries_are_listed_looked_into_and_handled_anew() {
    run_test(|w| async move {
        let (owner, id, hook) = hooked(&w).await;
        let ping = hook
            .accepted(&Letters(&w).letter(
                "1",
                "ping",
                &json!({ "zen": "ghp_abcdefghijklmnopqrstuvwxyz0123456789" }),
            ))
            .await;
        let star = hook
            .accepted(&Letters(&w).letter("2", "star", &json!({ "action": "created" })))
            .await;
        let broken = hook
            .accepted(&Letters(&w).letter("3", "repository", &json!({ "action": "renamed" })))
            .await;
        assert_eq!(owner.delivery_handled(&ping).await["status"], "handled");
        let ignored = owner.delivery_handled(&star).await;
        assert_eq!(
            (&ignored["status"], &ignored["action"]),
            (&json!("ignored"), &json!("created"))
        );
        assert_eq!(ignored["reason"], "no effect hangs on this event");
        let failed = owner.delivery_handled(&broken).await;
        assert_eq!(failed["status"], "failed");
        assert!(
            failed["reason"].as_str().unwrap().contains("repository"),
            "{failed}"
        );

        let one = owner.get(&format!("/webhook-deliveries/{ping}")).await;
        let body = one.expect(200);
        assert_eq!(body["headers"]["x-github-event"], "ping");
        assert_eq!(body["payload"]["zen"], "[redacted]");
        assert!(!one.to_string().contains(&hook.secret));

        for (query, expected) in [
            ("", vec![&broken, &star, &ping]),
            ("?status=failed", vec![&broken]),
            ("?event=star", vec![&star]),
            (&format!("?connection_id={id}&per_page=1"), vec![&broken]),
            (
                "?connection_id=01234567-89ab-7def-8123-456789abcdef",
                vec![],
            ),
        ] {
            let list = owner
                .get(&format!("/webhook-deliveries{query}"))
                .await
                .expect(200);
            let ids: Vec<&str> = list["deliveries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap())
                .collect();
            assert_eq!(ids, expected, "{query}");
        }

        let again = owner
            .post(
                &format!("/webhook-deliveries/{broken}/redeliver"),
                json!({}),
            )
            .await;
        again.expect(202);
        let job = again.header("location").unwrap().to_owned();
        assert_eq!(owner.job_ended(&job).await["kind"], "handle_delivery");
        assert_eq!(owner.delivery_handled(&broken).await["status"], "failed");
    });
}

#[test]
fn deliveries_go_after_their_time() {
    run_test(|w| async move {
        let (owner, _, hook) = hooked(&w).await;
        let old = hook
            .accepted(&Letters(&w).letter("1", "star", &json!({ "n": 1 })))
            .await;
        owner.delivery_handled(&old).await;
        w.clock.advance(TimeDelta::days(29));
        let new = hook
            .accepted(&Letters(&w).letter("2", "star", &json!({ "n": 2 })))
            .await;
        owner.delivery_handled(&new).await;
        w.clock.advance(TimeDelta::days(2));
        until("the old delivery's end", || async {
            let answer = owner.get(&format!("/webhook-deliveries/{old}")).await;
            (answer.status == 404).then_some(())
        })
        .await;
        owner
            .get(&format!("/webhook-deliveries/{new}"))
            .await
            .expect(200);
        // Its id is free again.
        hook.accepted(&Letters(&w).letter("1", "star", &json!({ "n": 1 })))
            .await;
    });
}
