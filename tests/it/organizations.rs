//! Organizations, their members, and who sees which.

use serde_json::{Value, json};
use shared::authz::jwt::NewToken;
use shared::domain::ids::UserId;
use shared::domain::organization::Role;
use uuid::Uuid;

use crate::world::{Caller, World, run_without_worker, sign};

const ORGANIZATIONS: &str = "/api/v1/organizations";

fn names(list: &Value) -> Vec<&str> {
    let rows = list["organizations"].as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn the_platform_makes_organizations_and_each_sees_its_own() {
    run_without_worker(|w| async move {
        let admin = w.admin();
        let id = "0192f0c1-0000-7000-8000-00000000beef";
        let body = json!({ "id": id, "name": " Beta ", "slug": "beta" });
        let answer = admin.post(ORGANIZATIONS, body.clone()).await;
        let made = answer.expect(201);
        assert_eq!(
            answer.header("location"),
            Some(format!("{ORGANIZATIONS}/{id}").as_str())
        );
        assert_eq!(
            (&made["id"], &made["name"], &made["slug"]),
            (&json!(id), &json!("Beta"), &json!("beta"))
        );
        admin
            .post(ORGANIZATIONS, body)
            .await
            .problem(409, "organization_exists");
        let taken = json!({ "name": "Gamma", "slug": "beta" });
        admin
            .post(ORGANIZATIONS, taken)
            .await
            .problem(409, "slug_taken");
        let odd = json!({ "name": "Gamma", "slug": "Not A Slug" });
        admin
            .post(ORGANIZATIONS, odd)
            .await
            .problem(422, "invalid_slug");
        let refused = w
            .owner()
            .post(ORGANIZATIONS, json!({ "name": "Mine" }))
            .await;
        refused.problem(403, "permission_denied");

        let gamma = admin
            .post(ORGANIZATIONS, json!({ "name": "Gamma" }))
            .await
            .expect(201);
        assert_eq!(gamma["slug"], Value::Null);
        let all = admin.get(ORGANIZATIONS).await.expect(200);
        assert_eq!(all["total"], 3);
        let mut seen = names(&all);
        seen.sort_unstable();
        assert_eq!(seen, ["Acme", "Beta", "Gamma"]);
        let own = w.owner().get(ORGANIZATIONS).await.expect(200);
        assert_eq!((names(&own), &own["total"]), (vec!["Acme"], &json!(1)));
        let both = Caller {
            token: sign(&w.claims(Some(&[
                (w.organization, Role::Viewer),
                (id.parse().unwrap(), Role::Billing),
            ]))),
            ..w.owner()
        };
        assert_eq!(both.get(ORGANIZATIONS).await.expect(200)["total"], 2);
        let program = w.owner().api_token(&["org.jobs.list"]).await;
        assert_eq!(
            names(&program.get(ORGANIZATIONS).await.expect(200)),
            ["Acme"]
        );

        let path = format!("{ORGANIZATIONS}/{id}");
        let changed = admin
            .patch(&path, json!({ "slug": null, "name": "Beta 2" }))
            .await
            .expect(200);
        assert_eq!(
            (&changed["name"], &changed["slug"]),
            (&json!("Beta 2"), &json!(null))
        );
        admin
            .post(ORGANIZATIONS, json!({ "name": "Delta", "slug": "beta" }))
            .await
            .expect(201);
    });
}

#[test]
fn the_list_of_organizations_is_paged() {
    run_without_worker(|w| async move {
        let admin = w.admin();
        for number in 0..6 {
            let body = json!({ "name": format!("Number {number}") });
            admin.post(ORGANIZATIONS, body).await.expect(201);
        }
        let mut page = admin.get(&format!("{ORGANIZATIONS}?per_page=3")).await;
        let mut seen: Vec<String> = Vec::new();
        loop {
            let body = page.expect(200);
            assert_eq!(body["total"], 7);
            seen.extend(names(&body).into_iter().map(str::to_owned));
            let Some(next) = page.link("next") else { break };
            page = admin.get(&next).await;
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 7);
    });
}

/// A member of the world's organization whose token claims nothing, so that the stored role counts.
fn stored(w: &World, user: u128) -> (String, Caller) {
    let id = Uuid::from_u128(user);
    let claims = NewToken {
        sub: UserId(id),
        ..w.claims(None)
    };
    let caller = Caller {
        token: sign(&claims),
        ..w.owner()
    };
    (format!("/members/{id}"), caller)
}

#[test]
fn nobody_rises_above_themselves_and_the_last_owner_stays() {
    run_without_worker(|w| async move {
        let admin = Caller {
            home: w.owner().home,
            ..w.admin()
        };
        let (olga, as_olga) = stored(&w, 0x01);
        let (adam, as_adam) = stored(&w, 0x02);
        let first = json!({ "role": "owner", "name": "Olga", "email": "olga@example.org" });
        let made = admin.put(&olga, first).await.expect(201);
        assert_eq!(
            (&made["role"], &made["email"]),
            (&json!("owner"), &json!("olga@example.org"))
        );
        as_olga
            .put(&adam, json!({ "role": "admin" }))
            .await
            .expect(201);
        // What is absent stays.
        let kept = admin
            .put(&olga, json!({ "role": "owner" }))
            .await
            .expect(200);
        assert_eq!(kept["name"], "Olga");

        for answer in [
            as_adam.put(&adam, json!({ "role": "owner" })).await,
            as_adam.put(&olga, json!({ "role": "viewer" })).await,
            as_adam.delete(&olga).await,
            as_adam.delete("").await,
        ] {
            assert_eq!(answer.status, 403, "{answer}");
        }
        as_olga
            .put(&olga, json!({ "role": "admin" }))
            .await
            .problem(409, "last_owner");
        as_olga.delete(&olga).await.problem(409, "last_owner");
        as_olga
            .put(&adam, json!({ "role": "owner" }))
            .await
            .expect(200);
        as_olga.delete(&olga).await.expect(204);
        as_olga
            .get("/git-connections")
            .await
            .problem(404, "not_found");
        let members = as_adam.get("/members").await.expect(200);
        assert_eq!(
            (&members["total"], &members["members"][0]["role"]),
            (&json!(1), &json!("owner"))
        );

        for (body, code) in [
            (json!({ "role": "chef" }), "invalid_value"),
            (json!({}), "required"),
            (
                json!({ "role": "member", "email": "nowhere" }),
                "invalid_email",
            ),
        ] {
            as_adam.put(&olga, body).await.problem(422, code);
        }
    });
}
