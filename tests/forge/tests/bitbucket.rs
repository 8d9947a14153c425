//! The Bitbucket face, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{
    Access, Face, RepositorySpec, Role, Serve, TokenKind, TokenSpec, account_uuid, repository_uuid,
};
use reqwest::Response;
use serde_json::{Value, json};
use support::{World, body, header};

async fn world() -> World {
    World::new(Serve::default()).await
}

async fn values(answer: Response, field: &str) -> Vec<String> {
    assert_eq!(answer.status(), 200);
    let body = body(answer).await;
    let rows = body["values"].as_array().expect("a list").iter();
    rows.map(|row| row[field].as_str().expect("text").to_owned())
        .collect()
}

#[tokio::test]
async fn every_kind_of_token_has_one_way_to_be_presented() {
    let w = world().await;
    let api = w.forge.mint(TokenSpec::bitbucket("ada"));
    let access = w.forge.mint(TokenSpec::bitbucket_access("ada"));
    let spec = TokenSpec::of("ada", TokenKind::BitbucketOAuth, &["account"]);
    let oauth = w.forge.mint(spec);
    assert!(api.starts_with("ATATT3") && access.starts_with("ATCTT3"));
    assert_eq!(access.len(), 192);
    let me = w.bitbucket(&api, "/user").await;
    assert_eq!(header(&me, "x-credential-type"), "api_token");
    assert_eq!(
        header(&me, "x-oauth-scopes"),
        "read:repository:bitbucket, read:user:bitbucket, read:workspace:bitbucket"
    );
    let me = body(me).await;
    assert_eq!(
        (&me["username"], &me["uuid"]),
        (&json!("ada"), &json!(account_uuid(1001)))
    );
    assert_eq!(w.bitbucket_bearer(&oauth, "/user").await.status(), 200);
    assert_eq!(w.bitbucket_bearer(&api, "/user").await.status(), 401);
    assert_eq!(w.bitbucket(&access, "/user").await.status(), 401);
    assert_eq!(w.bitbucket(&oauth, "/user").await.status(), 401);
    // Another e-mail than the account's.
    let stranger = w
        .client
        .get(format!("{}/user", w.at.bitbucket.api_url))
        .basic_auth("ada", Some(&api));
    let refused = stranger.send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    assert!(header(&refused, "www-authenticate").contains("Bitbucket"));
    let refused = w.bitbucket_bearer("ATCTT3nothing", "/user").await;
    let said = &body(refused).await["error"]["message"];
    assert_eq!(
        said,
        "Token is invalid, expired, or not supported for this endpoint."
    );
    w.forge.revoke(&api);
    assert_eq!(w.bitbucket(&api, "/user").await.status(), 401);
}

#[tokio::test]
async fn an_access_token_is_no_user_and_sees_its_own_place() {
    let w = world().await;
    w.forge.add_organization("acme", &[("ada", Role::Owner)]);
    let site = w
        .forge
        .add_repository("acme", RepositorySpec::named("site"));
    w.forge
        .add_repository("acme", RepositorySpec::named("shop"));
    w.forge.add_repository("ada", RepositorySpec::named("own"));
    let workspace = w.forge.mint(TokenSpec::bitbucket_access("acme"));
    let spec = TokenSpec::bitbucket_access("acme").repositories([site]);
    let repository = w.forge.mint(spec);
    let refused = w.bitbucket_bearer(&workspace, "/user").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(
        header(&refused, "x-credential-type"),
        "workspace_access_token"
    );
    assert_eq!(header(&refused, "x-oauth-scopes"), "account, repository");
    let listed = body(w.bitbucket_bearer(&workspace, "/user/workspaces").await).await;
    assert_eq!(listed["size"], 1);
    assert_eq!(listed["values"][0]["workspace"]["slug"], "acme");
    let refused = w.bitbucket_bearer(&repository, "/user/workspaces").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(
        body(refused).await["error"]["message"],
        "This API is not accessible by this authentication mechanism"
    );
    let all = w.bitbucket_bearer(&workspace, "/repositories/acme").await;
    assert_eq!(values(all, "slug").await, ["site", "shop"]);
    let one = w.bitbucket_bearer(&repository, "/repositories/acme").await;
    assert_eq!(values(one, "slug").await, ["site"]);
    for (token, path, status) in [
        (&workspace, "/repositories/acme/shop", 200),
        (&workspace, "/repositories/ada/own", 404),
        (&repository, "/repositories/acme/site", 200),
        (&repository, "/repositories/acme/shop", 404),
    ] {
        let answer = w.bitbucket_bearer(token, path).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    // A role is a user's.
    let path = "/repositories/acme?role=contributor";
    let none = w.bitbucket_bearer(&workspace, path).await;
    assert!(values(none, "slug").await.is_empty());
}

#[tokio::test]
async fn scopes_are_named_where_they_lack() {
    let w = world().await;
    w.forge.add_repository("ada", RepositorySpec::named("own"));
    let spec = TokenSpec::bitbucket("ada").scopes(["read:user:bitbucket"]);
    let narrow = w.forge.mint(spec);
    assert_eq!(w.bitbucket(&narrow, "/user").await.status(), 200);
    for (path, needed) in [
        ("/user/workspaces", "read:workspace:bitbucket"),
        ("/repositories/ada", "read:repository:bitbucket"),
        ("/repositories/ada/own", "read:repository:bitbucket"),
        (
            "/repositories/ada/own/refs/branches",
            "read:repository:bitbucket",
        ),
    ] {
        let refused = w.bitbucket(&narrow, path).await;
        assert_eq!(refused.status(), 403, "{path}");
        assert_eq!(header(&refused, "x-accepted-oauth-scopes"), needed);
        let detail = &body(refused).await["error"]["detail"];
        assert_eq!(detail["required"], json!([needed]));
        assert_eq!(detail["granted"], json!(["read:user:bitbucket"]));
    }
    let spec = TokenSpec::of(
        "ada",
        TokenKind::BitbucketOAuth,
        &["account", "repository:write"],
    );
    let wide = w.forge.mint(spec);
    let listed = w.bitbucket_bearer(&wide, "/repositories/ada").await;
    assert_eq!(listed.status(), 200);
}

#[tokio::test]
async fn what_was_removed_is_gone() {
    let w = world().await;
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    for path in [
        "/repositories",
        "/repositories?role=member",
        "/workspaces",
        "/user/permissions/workspaces",
        "/user/permissions/repositories",
    ] {
        let gone = w.bitbucket(&token, path).await;
        assert_eq!(gone.status(), 410, "{path}");
        let body = body(gone).await;
        assert_eq!(body["type"], "error");
        assert_eq!(
            body["error"]["message"],
            "CHANGE-2770 - Functionality has been deprecated"
        );
    }
}

#[tokio::test]
async fn workspaces_are_those_of_which_one_sees_something() {
    let w = world().await;
    w.forge.add_user("bob");
    w.forge.add_user("eve");
    w.forge.add_organization("acme", &[("ada", Role::Owner)]);
    w.forge.add_organization("globex", &[("ada", Role::Member)]);
    w.forge.add_organization("other", &[("bob", Role::Owner)]);
    let spec = RepositorySpec::named("shared").collaborator("ada", Access::Read);
    w.forge.add_repository("bob", spec);
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    let listed = body(w.bitbucket(&token, "/user/workspaces").await).await;
    let found: Vec<(&Value, &Value)> = listed["values"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (&row["workspace"]["slug"], &row["administrator"]))
        .collect();
    assert_eq!(
        found,
        [
            (&json!("ada"), &json!(true)),
            (&json!("bob"), &json!(false)),
            (&json!("acme"), &json!(true)),
            (&json!("globex"), &json!(false)),
        ]
    );
}

#[tokio::test]
async fn pages_lead_on_by_whole_addresses() {
    let w = world().await;
    w.forge.add_repositories("ada", 25);
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    let first = "/repositories/ada?role=member&pagelen=10&sort=-created_on";
    for opaque in [false, true] {
        w.forge
            .edit(|state| state.settings.bitbucket.opaque_pages = opaque);
        let mut next = Some(first.to_owned());
        let mut seen = Vec::new();
        while let Some(url) = next {
            let page = body(w.bitbucket(&token, &url).await).await;
            assert_eq!(page["size"].is_null(), opaque);
            next = page["next"].as_str().map(str::to_owned);
            if let Some(next) = &next {
                assert!(next.starts_with(&w.at.bitbucket.api_url), "{next}");
                assert!(next.contains("role=member"), "{next}");
            }
            let rows = page["values"].as_array().expect("a list").iter();
            seen.extend(rows.map(|row| row["slug"].as_str().expect("text").to_owned()));
        }
        assert_eq!(seen.len(), 25);
        assert_eq!(seen[0], "repo-00025");
    }
    for (path, status) in [
        ("/repositories/ada?pagelen=101", 400),
        ("/repositories/ada?pagelen=0", 400),
        ("/repositories/ada?pagelen=x", 400),
        ("/repositories/ada?page=9", 404),
        ("/repositories/ada?page=x", 400),
        ("/repositories/ada?role=reader", 400),
        ("/repositories/ada?sort=stars", 400),
        ("/repositories/ada?q=name", 400),
        ("/repositories/nobody", 404),
    ] {
        let answer = w.bitbucket(&token, path).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test]
async fn roles_and_queries_narrow_a_list() {
    let w = world().await;
    w.forge.add_user("bob");
    for (name, access) in [
        ("Read-It", Access::Read),
        ("write-it", Access::Write),
        ("run-it", Access::Admin),
    ] {
        let spec = RepositorySpec::named(name).collaborator("ada", access);
        w.forge.add_repository("bob", spec);
    }
    w.forge
        .add_repository("bob", RepositorySpec::named("open").public());
    w.forge
        .add_repository("bob", RepositorySpec::named("hidden"));
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    for (query, expected) in [
        ("", vec!["Read-It", "write-it", "run-it", "open"]),
        ("role=member", vec!["Read-It", "write-it", "run-it"]),
        ("role=contributor", vec!["write-it", "run-it"]),
        ("role=admin", vec!["run-it"]),
        ("q=name~%22READ%22", vec!["Read-It"]),
        ("q=is_private=false", vec!["open"]),
        ("sort=-name", vec!["write-it", "run-it", "Read-It", "open"]),
    ] {
        let answer = w
            .bitbucket(&token, &format!("/repositories/bob?{query}"))
            .await;
        assert_eq!(values(answer, "slug").await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_repository_is_found_by_its_uuid_and_by_no_former_name() {
    let w = world().await;
    let id = w.forge.add_repository(
        "ada",
        RepositorySpec::named("old").description("Hammers").fork(),
    );
    let empty = RepositorySpec::named("blank").branches(Vec::<String>::new());
    w.forge.add_repository("ada", empty);
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    w.forge.edit(|state| state.rename(id, "new"));
    let uuid = repository_uuid(id).replace('{', "%7B").replace('}', "%7D");
    let home = account_uuid(1001).replace('{', "%7B").replace('}', "%7D");
    for path in [
        "/repositories/ada/new".to_owned(),
        format!("/repositories/ada/{uuid}"),
        format!("/repositories/{home}/{uuid}"),
        format!("/repositories/%7B%7D/{uuid}"),
    ] {
        let answer = w.bitbucket(&token, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let found = body(answer).await;
        assert_eq!(found["full_name"], "ada/new");
        assert_eq!(found["uuid"], repository_uuid(id));
        assert_eq!(found["mainbranch"]["name"], "main");
        assert_eq!(found["parent"]["type"], "repository");
        let clone = found["links"]["clone"][0]["href"].as_str().expect("a link");
        assert!(clone.contains("://ada@127.0.0.1:"), "{clone}");
    }
    let old = w.bitbucket(&token, "/repositories/ada/old").await;
    assert_eq!(old.status(), 404);
    let blank = body(w.bitbucket(&token, "/repositories/ada/blank").await).await;
    assert_eq!(blank["mainbranch"], Value::Null);
}

#[tokio::test]
async fn branches_are_searched() {
    let w = world().await;
    let spec = RepositorySpec::named("r").branches(["main", "fix/Login", "login"]);
    w.forge.add_repository("ada", spec);
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    for (query, expected) in [
        ("", vec!["fix/Login", "login", "main"]),
        ("?q=name~%22login%22", vec!["fix/Login", "login"]),
        ("?sort=-name&pagelen=1", vec!["main"]),
        ("?pagelen=2&page=2", vec!["main"]),
    ] {
        let path = format!("/repositories/ada/r/refs/branches{query}");
        let found = values(w.bitbucket(&token, &path).await, "name").await;
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn the_hour_rolls() {
    let w = world().await;
    w.forge.add_repositories("ada", 1);
    let token = w.forge.mint(TokenSpec::bitbucket("ada"));
    let list = async || w.bitbucket(&token, "/repositories/ada").await;
    w.forge
        .edit(|state| state.settings.bitbucket.limit_per_hour = 2);
    assert_eq!(list().await.status(), 200);
    w.advance(TimeDelta::minutes(40));
    assert_eq!(list().await.status(), 200);
    let refused = list().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "");
    assert!(refused.text().await.expect("text").contains("Rate limit"));
    // Who one is costs nothing.
    assert_eq!(w.bitbucket(&token, "/user").await.status(), 200);
    w.advance(TimeDelta::minutes(20));
    assert_eq!(list().await.status(), 200);
    assert_eq!(list().await.status(), 429);
    w.advance(TimeDelta::minutes(40));
    assert_eq!(list().await.status(), 200);
    w.forge.set_remaining(Face::Bitbucket, "ada", 0);
    assert_eq!(list().await.status(), 429);
    w.advance(TimeDelta::hours(1));
    assert_eq!(list().await.status(), 200);
}
