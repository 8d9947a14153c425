//! Registrations at providers: saved, told of, limited, deleted with what hangs on them.

mod authority;
mod bad;
mod keys;
mod removed;
mod secret_warnings;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{Api, Caller, new_organization, run_without_worker, verifier};
use shared::domain::organization::Role;

const PATH: &str = "/git-provider-configs";
pub use keys::{ec_pkcs8, rsa_pkcs8};

pub const AUTHORITY: &str = include_str!("provider_configs/authority.pem");

fn gitlab() -> Value {
    json!({ "provider": "gitlab", "client_id": "abc-client", "client_secret": "gloas-abc-secret" })
}

async fn listed(caller: &Caller) -> Vec<Value> {
    let list = caller.get(PATH).await.expect(200);
    list["provider_configs"].as_array().unwrap().clone()
}

async fn events(caller: &Caller, event: &str) -> Vec<Value> {
    let list = caller.get(&format!("/activity?event={event}")).await;
    list.expect(200)["entries"].as_array().unwrap().clone()
}

#[test]
fn a_save_is_told_of_without_its_values() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let saved = owner.post(PATH, gitlab()).await;
        let body = saved.expect(201);
        let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "base_url",
                "configured_by",
                "created_at",
                "fields_set",
                "id",
                "provider",
                "updated_at"
            ]
        );
        assert_eq!(body["fields_set"], json!(["client_id", "client_secret"]));
        assert_eq!(body["base_url"], w.served.gitlab.url.trim_end_matches('/'));
        assert_eq!(listed(&owner).await, [body]);
        let list = owner.get(PATH).await;
        for answer in [saved, list] {
            let text = answer.to_string();
            assert!(!text.contains("abc-secret") && !text.contains("abc-client"));
        }
        let entries = events(&owner, "git_provider_configured").await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["metadata"], json!({ "provider": "gitlab" }));
    });
}

#[test]
fn what_is_left_out_stays_and_null_clears() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let key = keys::rsa_pkcs1();
        let app = json!({ "provider": "github", "github_app_id": 12345, "github_app_slug": "acme-app",
            "github_app_private_key": format!("  {key}\n"), "webhook_secret": "hook",
            "client_id": "Iv1.abc", "client_secret": "s", "scopes": ["repo"],
            "ca_certificate": AUTHORITY });
        let first = owner.post(PATH, app).await.expect(201);
        assert_eq!(first["fields_set"].as_array().unwrap().len(), 8);

        w.clock.advance(TimeDelta::minutes(1));
        let again = json!({ "provider": "github", "client_secret": "t", "github_app_id": "678" });
        let second = owner.post(PATH, again).await.expect(200);
        assert_eq!(second["id"], first["id"]);
        assert_eq!(second["fields_set"], first["fields_set"]);
        assert_eq!(second["created_at"], first["created_at"]);
        assert_ne!(second["updated_at"], first["updated_at"]);

        let clear = json!({ "provider": "github", "client_id": null, "client_secret": null,
            "scopes": null, "webhook_secret": null, "ca_certificate": null });
        let third = owner.post(PATH, clear).await.expect(200);
        assert_eq!(
            third["fields_set"],
            json!(["github_app_id", "github_app_slug", "github_app_private_key"])
        );
        assert_eq!(listed(&owner).await.len(), 1);
    });
}

#[test]
fn instances_tenants_and_the_platform_are_kept_apart() {
    run_without_worker(|w| async move {
        let (owner, admin) = (w.owner(), w.admin());
        let elsewhere = |url: &str| {
            let mut body = gitlab();
            body["base_url"] = json!(url);
            body
        };
        let url = "https://gitlab.example.org/git";
        owner.post(PATH, gitlab()).await.expect(201);
        owner.post(PATH, elsewhere(url)).await.expect(201);
        // However it is written.
        let same = elsewhere(" https://GITLAB.example.org:443/git/ ");
        assert_eq!(owner.post(PATH, same).await.expect(200)["base_url"], url);
        let of_platform = admin.post(PATH, gitlab()).await.expect(201);
        assert_eq!(listed(&owner).await.len(), 2);
        assert_eq!(listed(&admin).await.len(), 1);
        let other = new_organization(&w.context, "Other").await;
        let stranger = w.member_of(other, Role::Owner);
        assert!(listed(&stranger).await.is_empty());
        let id = of_platform["id"].as_str().unwrap();
        for caller in [&owner, &stranger] {
            let answer = caller.delete(&format!("{PATH}/{id}")).await;
            answer.problem(404, "not_found");
        }
        assert_eq!(listed(&admin).await.len(), 1);
    });
}

#[test]
fn the_same_first_save_twice_at_once_is_one_configuration() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let saves = (0..6).map(|_| owner.post(PATH, gitlab()));
        let answers = futures_util::future::join_all(saves).await;
        let new = answers.iter().filter(|one| one.status == 201).count();
        let changed = answers.iter().filter(|one| one.status == 200).count();
        assert_eq!((new, changed), (1, 5));
        assert_eq!(listed(&owner).await.len(), 1);
    });
}

#[test]
fn ten_saves_in_a_quarter_of_an_hour_whichever_process_answers() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let second = owner.at(&Api::start(&w.context, verifier(&w.clock), |_| {}).await);
        for _ in 0..12 {
            let bad = json!({ "provider": "gitlab", "client_id": "without a secret" });
            owner.post(PATH, bad).await.expect(422);
        }
        owner.post(PATH, gitlab()).await.expect(201);
        w.clock.advance(TimeDelta::minutes(5));
        let saves = (0..12).map(|at| {
            let caller = if at % 2 == 0 { &owner } else { &second };
            caller.post(PATH, gitlab())
        });
        let answers = futures_util::future::join_all(saves).await;
        let taken = answers.iter().filter(|one| one.status == 200).count();
        assert_eq!(taken, 9);
        let refused = answers.iter().find(|one| one.status == 429).unwrap();
        refused.problem(429, "too_many_saves");
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((590..=601).contains(&wait), "{wait}");

        // One's own limit, and nobody else's.
        w.admin().post(PATH, gitlab()).await.expect(201);
        w.clock.advance(TimeDelta::seconds(wait));
        second.post(PATH, gitlab()).await.expect(200);
        owner
            .post(PATH, gitlab())
            .await
            .problem(429, "too_many_saves");
        w.clock.advance(TimeDelta::minutes(15));
        owner.post(PATH, gitlab()).await.expect(200);
    });
}
