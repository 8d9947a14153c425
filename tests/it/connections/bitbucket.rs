//! Bitbucket Cloud, by an API token of a user and by access tokens of what they are for.

use mooring_forge::{Access, RepositorySpec, Role, TokenSpec};
use serde_json::{Value, json};

use crate::world::{Caller, World, run_test, until};

/// A user with two workspaces and an invitation, and an API token.
fn account(w: &World) -> String {
    w.forge.add_user("ada");
    w.forge.add_user("bob");
    w.forge.add_repositories("ada", 101);
    w.forge.add_organization("acme", &[("ada", Role::Member)]);
    let site = RepositorySpec::named("site").branches(["trunk", "feature/login", "fix/Login"]);
    w.forge.add_repository("acme", site);
    let empty = RepositorySpec::named("empty").branches(Vec::<String>::new());
    w.forge.add_repository("acme", empty);
    let shared = RepositorySpec::named("shared").collaborator("ada", Access::Write);
    w.forge.add_repository("bob", shared);
    w.forge.mint(TokenSpec::bitbucket("ada"))
}

fn body(token: &str, username: Option<&str>) -> Value {
    let mut body = Caller::body("bitbucket", token);
    if let Some(username) = username {
        body["username"] = json!(username);
    }
    body
}

async fn connected(owner: &Caller, body: Value) -> String {
    let made = owner.post("/git-connections", body).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    owner.synced(&id).await;
    id
}

async fn stored(owner: &Caller, id: &str, query: &str) -> Vec<(String, Value)> {
    let path = format!("/git-connections/{id}/repositories?per_page=100{query}");
    let page = owner.get(&path).await.expect(200);
    let rows = page["repositories"].as_array().unwrap().iter();
    rows.map(|row| {
        let name = row["full_name"].as_str().unwrap().to_owned();
        (name, row["has_write_access"].clone())
    })
    .collect()
}

#[test]
fn an_api_token_lists_every_workspace_and_its_branches() {
    run_test(|w| async move {
        let token = account(&w);
        let owner = w.owner();
        let id = connected(&owner, body(&token, Some(" ada@example.com "))).await;
        let found = owner.connection(&id).await;
        for (field, value) in [
            ("provider", json!("bitbucket")),
            ("auth_method", json!("pat")),
            ("status", json!("active")),
            ("username", json!("ada@example.com")),
            ("base_url", json!(w.served.bitbucket.web_url)),
            ("missing_scopes", json!([])),
            ("repository_count", json!(104)),
        ] {
            assert_eq!(found[field], value, "{field}: {found}");
        }
        assert_eq!(found["account"]["login"], "ada");
        assert_eq!(found["health"]["code"], "ok");
        assert!(!found.to_string().contains(&token));

        let site = stored(&owner, &id, "&search=site").await;
        assert_eq!(site, [("acme/site".to_owned(), json!(false))]);
        let shared = stored(&owner, &id, "&search=shared").await;
        assert_eq!(shared, [("bob/shared".to_owned(), json!(true))]);
        for page in [1, 2] {
            let path =
                format!("/git-connections/{id}/repositories?source=live&per_page=60&page={page}");
            let live = owner.get(&path).await.expect(200);
            assert_eq!(live["total"], 104);
            let count = live["repositories"].as_array().unwrap().len();
            assert_eq!(count, if page == 1 { 60 } else { 44 });
        }
        let live = owner
            .get(&format!(
                "/git-connections/{id}/repositories?source=live&search=SITE"
            ))
            .await
            .expect(200);
        let one = &live["repositories"][0];
        assert_eq!(one["full_name"], "acme/site");
        assert!(one["id"].as_str().unwrap().starts_with('{'));
        assert!(!one["clone_url"].as_str().unwrap().contains('@'), "{one}");

        let path = format!("/git-connections/{id}/branches?repo=acme/site");
        let branches = owner.get(&path).await.expect(200);
        let default: Vec<_> = branches["branches"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|branch| branch["is_default"] == json!(true))
            .map(|branch| branch["name"].clone())
            .collect();
        assert_eq!(default, [json!("trunk")]);
        let login = owner.get(&format!("{path}&search=login")).await.expect(200);
        assert_eq!(login["branches"].as_array().unwrap().len(), 2);
        let empty = format!("/git-connections/{id}/branches?repo=acme/empty");
        let empty = owner.get(&empty).await.expect(200);
        assert_eq!(empty["branches"], json!([]));
    });
}

#[test]
fn renames_keep_their_rows_and_what_is_gone_is_removed() {
    run_test(|w| async move {
        let token = account(&w);
        let owner = w.owner();
        let id = connected(&owner, body(&token, Some("ada@example.com"))).await;
        let ids = w.forge.read(|state| {
            let find = |name: &str| {
                let found = state.repositories().find(|one| one.name == name);
                found.map(|one| one.id).unwrap()
            };
            [find("site"), find("repo-00001"), find("repo-00007")]
        });
        w.forge.edit(|state| {
            state.rename(ids[0], "front");
            state.delete(ids[1]);
            state.transfer(ids[2], "acme");
        });
        let job = owner.sync(&id).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        let runs = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        let run = &runs["syncs"][0];
        assert_eq!(
            (&run["added"], &run["updated"], &run["removed"]),
            (&json!(0), &json!(2), &json!(1)),
            "{run}"
        );
        assert_eq!(run["complete"], true);
        assert_eq!(owner.connection(&id).await["repository_count"], 103);
    });
}

#[test]
fn a_workspace_that_is_left_takes_its_public_repositories_with_it() {
    run_test(|w| async move {
        let token = account(&w);
        w.forge
            .add_repository("acme", RepositorySpec::named("open").public());
        let owner = w.owner();
        let id = connected(&owner, body(&token, Some("ada@example.com"))).await;
        assert_eq!(owner.connection(&id).await["repository_count"], 105);
        w.forge.edit(|state| {
            let ada = state.owner_named("ada").unwrap().id;
            let acme = state.owner_named("acme").unwrap().id;
            state.organization_mut("acme").members.remove(&ada);
            state.user_mut(ada).organizations.remove(&acme);
        });
        owner.sync(&id).await;
        let runs = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        let run = &runs["syncs"][0];
        assert_eq!(
            (&run["removed"], &run["complete"]),
            (&json!(3), &json!(true)),
            "{run}"
        );
        assert_eq!(owner.connection(&id).await["repository_count"], 102);
    });
}

#[test]
fn an_access_token_of_a_workspace_needs_nothing_more() {
    run_test(|w| async move {
        account(&w);
        let token = w.forge.mint(TokenSpec::bitbucket_access("acme"));
        let owner = w.owner();
        let id = connected(&owner, body(&token, None)).await;
        let found = owner.connection(&id).await;
        assert_eq!(found["username"], "acme");
        assert_eq!(found["account"]["type"], "workspace");
        assert_eq!(found["scopes"], json!(["account", "repository"]));
        assert_eq!(found["repository_count"], 2);
        let path = format!("/git-connections/{id}/branches?repo=acme/site");
        let branches = owner.get(&path).await.expect(200);
        assert_eq!(branches["branches"].as_array().unwrap().len(), 3);
        let validated = owner
            .post(&format!("/git-connections/{id}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(validated["valid"], true);
    });
}

#[test]
fn an_access_token_of_a_repository_names_it() {
    run_test(|w| async move {
        account(&w);
        let site = w.forge.read(|state| {
            let mut all = state.repositories();
            all.find(|one| one.name == "site")
                .map(|one| one.id)
                .unwrap()
        });
        let spec = TokenSpec::bitbucket_access("acme")
            .scopes(["repository"])
            .repositories([site]);
        let token = w.forge.mint(spec);
        let owner = w.owner();
        for (username, code) in [
            (None, "workspace_required"),
            (Some("acme/shop"), "workspace_unreachable"),
            (Some("ada@example.com"), "unsupported_combination"),
        ] {
            let answer = owner.post("/git-connections", body(&token, username)).await;
            let problem = answer.problem(422, code);
            assert_eq!(problem["errors"][0]["field"], "username", "{answer}");
        }
        let tested = owner
            .post("/git-connections/test", body(&token, None))
            .await
            .expect(200);
        let said = tested["error"].as_str().unwrap();
        assert!(said.contains("workspace/repository"), "{tested}");
        let id = connected(&owner, body(&token, Some("acme/site"))).await;
        assert_eq!(
            stored(&owner, &id, "").await,
            [("acme/site".to_owned(), json!(false))]
        );
    });
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    run_test(|w| async move {
        let token = account(&w);
        w.forge.clear_log();
        let owner = w.owner();
        let mail = Some("ada@example.com");
        for (token, username, field, code) in [
            (token.as_str(), None, "username", "required"),
            (&token, Some("ada"), "username", "invalid_username"),
            ("ATBBx0123456789", mail, "api_token", "unsupported_token"),
            ("ghp_0123456789", mail, "api_token", "wrong_provider_token"),
        ] {
            for path in ["/git-connections", "/git-connections/test"] {
                let answer = owner.post(path, body(token, username)).await;
                let problem = answer.problem(422, code);
                assert_eq!(problem["errors"][0]["field"], field, "{answer}");
            }
        }
        let mut elsewhere = body(&token, mail);
        elsewhere["base_url"] = json!("https://bitbucket.acme.example");
        let answer = owner.post("/git-connections", elsewhere).await;
        let problem = answer.problem(422, "unsupported_instance");
        assert_eq!(problem["errors"][0]["field"], "base_url", "{answer}");
        assert_eq!(w.forge.count(&mooring_forge::Match::any()), 0);

        let stranger = body(&token, Some("bob@example.com"));
        let answer = owner.post("/git-connections", stranger).await;
        answer.problem(422, "invalid_token");
        let listed = owner.get("/git-connections").await.expect(200);
        assert_eq!(listed["total"], 0);
    });
}

#[test]
fn a_new_token_of_another_kind_heals_a_connection() {
    run_test(|w| async move {
        let token = account(&w);
        let owner = w.owner();
        let id = connected(&owner, body(&token, Some("ada@example.com"))).await;
        w.forge.revoke(&token);
        let path = format!("/git-connections/{id}");
        let validated = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(validated["health"]["code"], "reauth_required");
        let page = validated["health"]["action_url"].as_str().unwrap();
        assert!(page.starts_with("https://id.atlassian.com/"), "{page}");

        // An access token, with the e-mail still beside it, and then without.
        let access = w.forge.mint(TokenSpec::bitbucket_access("acme"));
        let patch = json!({ "api_token": access });
        let answer = owner.patch(&path, patch).await;
        answer.problem(422, "unsupported_combination");
        let patch = json!({ "api_token": access, "username": "" });
        let healed = owner.patch(&path, patch).await.expect(200);
        assert_eq!(
            (&healed["status"], &healed["username"]),
            (&json!("active"), &json!("acme"))
        );
        until("what the token sees", || async {
            let count = owner.connection(&id).await["repository_count"].clone();
            (count == json!(2)).then_some(())
        })
        .await;

        // And back to the user, by another e-mail's token and the right one.
        let fresh = w.forge.mint(TokenSpec::bitbucket("ada"));
        let patch = json!({ "api_token": fresh });
        owner.patch(&path, patch).await.problem(422, "required");
        let patch = json!({ "api_token": fresh, "username": "ada@example.com" });
        let healed = owner.patch(&path, patch).await.expect(200);
        assert_eq!(healed["username"], "ada@example.com");
        until("all repositories", || async {
            let count = owner.connection(&id).await["repository_count"].clone();
            (count == json!(104)).then_some(())
        })
        .await;
        let validated = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(validated["valid"], true);
    });
}
