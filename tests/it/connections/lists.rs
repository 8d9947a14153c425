//! The list: own connections, newest first, then the shared ones of the platform.

use serde_json::{Value, json};

use crate::world::{Answer, Caller, run_test};

#[test]
fn pages_lead_through_own_and_shared_connections_and_back() {
    run_test(|w| async move {
        let (owner, admin) = (w.owner(), w.admin());
        let token = w.github_account("octo", 1);
        let (mut own, mut shared) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            own.insert(0, owner.connect("github", &token).await);
        }
        for _ in 0..4 {
            let mut body = Caller::body("github", &token);
            body["allow_org_usage"] = json!(true);
            let made = admin.post("/git-connections", body).await.expect(201);
            shared.push(made["id"].as_str().unwrap().to_owned());
        }
        admin.connect("github", &token).await;
        let all = owner.get("/git-connections?per_page=100").await;
        let order = ids(&all);
        assert_eq!(order[..5], own);
        let mut rest = order[5..].to_vec();
        rest.sort();
        assert_eq!(rest, shared);
        let (next, prev) = (all.link("next"), all.link("prev"));
        assert_eq!((next, prev), (None, None));

        for size in [1, 2, 3, 4, 7] {
            let mut page = owner
                .get(&format!("/git-connections?per_page={size}"))
                .await;
            let (mut seen, mut pages) = (ids(&page), vec![ids(&page)]);
            while let Some(next) = page.link("next") {
                page = owner.get(&next).await;
                assert_eq!(page.expect(200)["page"], pages.len() + 1);
                assert_eq!(page.expect(200)["total"], 9);
                seen.extend(ids(&page));
                pages.push(ids(&page));
            }
            assert_eq!(seen, order, "{size} per page, forward");
            for expected in pages.iter().rev().skip(1) {
                page = owner.get(&page.link("prev").unwrap()).await;
                assert_eq!(ids(&page), *expected, "{size} per page, back");
            }
            // Page numbers and the last link show the same.
            for (number, expected) in pages.iter().enumerate() {
                let path = format!("/git-connections?per_page={size}&page={}", number + 1);
                assert_eq!(ids(&owner.get(&path).await), *expected);
            }
            let last = page.link("last").unwrap();
            assert_eq!(ids(&owner.get(&last).await), *pages.last().unwrap());
        }
        let beyond = owner.get("/git-connections?page=50").await;
        assert_eq!(
            (ids(&beyond).len(), &beyond.json()["total"]),
            (0, &json!(9))
        );
    });
}

#[test]
fn active_only_goes_by_is_active_and_counts_by_it() {
    run_test(|w| async move {
        let (owner, admin) = (w.owner(), w.admin());
        let token = w.github_account("octo", 1);
        let (kept, off) = (
            owner.connect("github", &token).await,
            owner.connect("github", &token).await,
        );
        let mut body = Caller::body("github", &token);
        body["allow_org_usage"] = json!(true);
        let shared = admin.post("/git-connections", body).await.expect(201);
        let shared = shared["id"].as_str().unwrap();
        owner
            .patch(
                &format!("/git-connections/{off}"),
                json!({ "is_active": false }),
            )
            .await
            .expect(200);
        let active = owner.get("/git-connections?active_only=true").await;
        assert_eq!(ids(&active), [kept.as_str(), shared]);
        assert_eq!(active.json()["total"], 2);

        // The status does not matter.
        w.forge.revoke(&token);
        owner
            .post(&format!("/git-connections/{kept}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(owner.connection(&kept).await["status"], "revoked");
        let active = owner.get("/git-connections?active_only=true").await;
        assert_eq!(ids(&active), [kept.as_str(), shared]);

        let path = format!("/git-connections/{shared}");
        admin
            .patch(&path, json!({ "is_active": false }))
            .await
            .expect(200);
        let active = owner.get("/git-connections?active_only=true").await;
        assert_eq!(
            (ids(&active), &active.json()["total"]),
            (vec![kept.clone()], &json!(1))
        );
        let all = owner.get("/git-connections").await;
        assert_eq!((ids(&all).len(), &all.json()["total"]), (3, &json!(3)));
        owner
            .delete(&format!("/git-connections/{off}"))
            .await
            .expect(204);
        admin
            .patch(&path, json!({ "allow_org_usage": false }))
            .await
            .expect(200);
        let all = owner.get("/git-connections").await;
        assert_eq!((ids(&all), &all.json()["total"]), (vec![kept], &json!(1)));
    });
}

fn ids(answer: &Answer) -> Vec<String> {
    let page = answer.expect(200);
    let rows = page["connections"].as_array().unwrap().iter();
    rows.map(|row: &Value| row["id"].as_str().unwrap().to_owned())
        .collect()
}
