//! Broken deliveries under good signatures, over HTTP: whatever is in them, no answer is a fault of
//! ours, and whatever was taken comes to an end.

use mooring_forge::Scheme;
use serde_json::json;

use super::Letters;
use crate::world::{run_test, until};

/// Anything, the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap()
    }
}

#[test]
fn broken_deliveries_are_answered_and_end() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut dice = Dice(11);
        for (provider, scheme, events) in [
            (
                "github",
                Scheme::GitHub,
                ["push", "repository", "pull_request", "installation"],
            ),
            (
                "gitlab",
                Scheme::GitLabSigned,
                ["Push Hook", "System Hook", "Merge Request Hook", "\u{1}x"],
            ),
            (
                "bitbucket",
                Scheme::Bitbucket,
                ["repo:push", "repo:updated", "pullrequest:created", "x:y"],
            ),
            ("azure_devops", Scheme::Azure, ["", "", "", ""]),
        ] {
            let id = owner.any_connection(&w, provider).await;
            owner.synced(&id).await;
            let hook = owner.hook(&id, scheme).await;
            let whole = json!({ "id": "1", "eventType": "git.push", "action": "renamed", "object_kind": "push",
                "event_name": "project_rename", "project_id": 1, "path_with_namespace": "a/b", "number": 1,
                "ref": "refs/heads/x", "before": "0", "after": "1", "updated_at": "2026-01-01T00:00:00Z",
                "repository": { "id": 300_000_001_u64, "uuid": "{x}", "full_name": "a/b", "name": "b", "private": true },
                "pull_request": { "number": 1 }, "pullrequest": { "id": 1 }, "push": { "changes": [{ "new": null }] },
                "resource": { "repository": { "id": "x", "name": "y" } }, "installation": { "id": 1 } })
            .to_string()
            .into_bytes();
            for round in 0..250 {
                let mut body = whole.clone();
                for _ in 0..=dice.roll(3) {
                    let at = dice.roll(body.len());
                    match dice.roll(4) {
                        0 => body.truncate(at.max(1)),
                        1 => body[at] = u8::try_from(dice.roll(256)).unwrap(),
                        2 => drop(body.drain(at..(at + 9).min(body.len()))),
                        _ => drop(body.splice(at..at, *b"\"\\u0000\"")),
                    }
                    if body.is_empty() {
                        body.push(b'{');
                    }
                }
                let mut letter =
                    Letters(&w).letter(&format!("{round}"), events[dice.roll(4)], &json!({}));
                letter.event = letter.event.replace('\u{1}', "");
                letter.body = body;
                let answer = hook.send(&letter).await;
                assert!(matches!(answer.status, 202 | 400), "{answer}");
            }
        }
        w.idle().await;
        until("the end of all deliveries", || async {
            let list = owner
                .get("/webhook-deliveries?status=accepted")
                .await
                .expect(200);
            (list["total"] == 0).then_some(())
        })
        .await;
        let jobs = owner
            .get("/jobs?kind=handle_delivery&status=failed")
            .await
            .expect(200);
        assert_eq!(jobs["total"], 0, "{jobs}");
    });
}
