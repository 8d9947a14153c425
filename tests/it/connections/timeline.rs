//! What happened to a connection, from all tables that tell of it, in one order.

use mooring_forge::TokenSpec;
use serde_json::{Value, json};
use shared::domain::organization::Role;

use crate::upkeep::by_hand;
use crate::world::{Caller, World, new_organization, run_test};

async fn page(caller: &Caller, id: &str, query: &str) -> Value {
    let path = format!("/git-connections/{id}/timeline?{query}");
    caller.get(&path).await.expect(200)
}

fn of<'v>(page: &'v Value, name: &str) -> Vec<&'v Value> {
    let entries = page["entries"].as_array().unwrap();
    entries.iter().map(|entry| &entry[name]).collect()
}

/// A renewal as the refresh protocol writes it down.
async fn renewal(w: &World, id: &str) {
    let mut connection = by_hand(w).await;
    sqlx::query(
        "INSERT INTO token_refreshes (organization_id, connection_id, id, fence, version,
            presentation, reason, holder, started_at, outcome, code)
         VALUES ($1, $2::uuid, $3, 1, 1, 1, 'sweep', 'test', now(), 'refused', 'invalid_grant')",
    )
    .bind(w.organization.0)
    .bind(id)
    .bind(shared::domain::ids::ActivityId::new(w.clock.now()).0)
    .execute(&mut connection)
    .await
    .unwrap();
}

async fn lend(caller: &Caller, id: &str, purpose: &str) -> String {
    let path = format!("/git-connections/{id}/credentials");
    let lent = caller.post(&path, json!({ "purpose": purpose })).await;
    lent.expect(201)["lease_id"].as_str().unwrap().to_owned()
}

#[test]
fn everything_that_happened_stands_in_one_order() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        let lease = lend(&owner, &id, "a clone").await;
        let back = format!("{path}/credentials/{lease}");
        owner.delete(&back).await.expect(204);
        lend(&owner, &id, "another clone").await;
        owner
            .patch(&path, json!({ "name": "renamed" }))
            .await
            .expect(200);
        w.forge.revoke(&token);
        let validate = format!("{path}/validate");
        owner.post(&validate, json!({})).await.expect(200);
        renewal(&w, &id).await;
        let fresh = w.forge.mint(TokenSpec::classic("octo"));
        owner
            .patch(&path, json!({ "api_token": fresh }))
            .await
            .expect(200);
        w.idle().await;

        let all = page(&owner, &id, "per_page=100").await;
        let mut kinds: Vec<&str> = of(&all, "kind")
            .iter()
            .map(|k| k.as_str().unwrap())
            .collect();
        // The last to be written down of the healing may be either.
        assert_eq!(kinds.pop(), Some("change"), "{all:#}");
        for (kind, times) in [
            ("change", 2),
            ("sync", 2),
            ("lease", 2),
            ("validation", 1),
            ("refresh", 1),
            ("status_change", 2),
        ] {
            let found = kinds.iter().filter(|found| **found == kind).count();
            assert_eq!(found, times, "{kind}: {all:#}");
        }
        assert_eq!(all["total"], all["entries"].as_array().unwrap().len());
        let ids: Vec<&str> = of(&all, "id")
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "{all:#}");
        assert!(all["budget"]["limit"].is_number(), "{all:#}");
        let sentences = format!("{:?}", of(&all, "sentence"));
        for words in [
            "The credential was lent: a clone. It was given back.",
            "The credential was lent: another clone. It is not given back yet.",
            "The connection was changed: name.",
            "Because the token neared its end, a renewal was tried; the provider refused it for good.",
            "The provider was asked, and does not accept the credential.",
            "The status went from active to revoked (reauth_required).",
            "The first sync found 3 repositories: 3 added, 0 updated, 0 removed.",
        ] {
            assert!(sentences.contains(words), "{words}: {all:#}");
        }
        assert!(!all.to_string().contains(&fresh), "a secret is told");

        walk(&owner, &id, &all).await;
    });
}

/// By two at a time, forwards by `next` and back by `prev`, one sees the same.
async fn walk(owner: &Caller, id: &str, all: &Value) {
    let expected: Vec<Value> = of(all, "id").into_iter().cloned().collect();
    let mut path = format!("/git-connections/{id}/timeline?per_page=2");
    let (mut seen, mut back) = (Vec::new(), None);
    loop {
        let answer = owner.get(&path).await;
        let page = answer.expect(200);
        seen.extend(of(&page, "id").into_iter().cloned());
        match answer.link("next") {
            Some(next) => path = next,
            None => break,
        }
        back = Some(path.clone());
    }
    assert_eq!(seen, expected);
    let last = owner.get(&back.unwrap()).await;
    let before = owner.get(&last.link("prev").unwrap()).await.expect(200);
    let count = expected.len();
    let from = (count - 1) / 2 * 2 - 2;
    let ids: Vec<Value> = of(&before, "id").into_iter().cloned().collect();
    assert_eq!(ids, expected[from..from + 2]);
    let numbered = owner
        .get(&format!("/git-connections/{id}/timeline?per_page=2&page=2"))
        .await;
    let ids: Vec<Value> = of(&numbered.expect(200), "id")
        .into_iter()
        .cloned()
        .collect();
    assert_eq!(ids, expected[2..4]);
}

#[test]
fn of_a_shared_connection_each_sees_its_own_part() {
    run_test(|w| async move {
        let admin = w.admin();
        let token = w.github_account("octo", 3);
        let id = admin.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        admin
            .patch(&path, json!({ "allow_org_usage": true }))
            .await
            .expect(200);
        let other = new_organization(&w.context, "Other").await;
        let (one, two) = (w.owner(), w.member_of(other, Role::Owner));
        lend(&one, &id, "by the first").await;
        lend(&two, &id, "by the second").await;
        for (caller, mine) in [(&one, "by the first"), (&two, "by the second")] {
            let seen = page(caller, &id, "").await;
            assert_eq!(seen["total"], 1, "{seen:#}");
            assert_eq!(seen["entries"][0]["details"]["purpose"], mine);
        }
        let seen = page(&admin, &id, "").await;
        assert!(!of(&seen, "kind").contains(&&json!("lease")), "{seen:#}");
        assert!(of(&seen, "kind").contains(&&json!("sync")), "{seen:#}");
        // Nobody's business where it is not shared.
        admin
            .patch(&path, json!({ "allow_org_usage": false }))
            .await
            .expect(200);
        let path = format!("/git-connections/{id}/timeline");
        one.get(&path).await.problem(404, "not_found");
    });
}
