//! The GitHub face, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{Access, RepositorySpec, Role, Serve, TokenSpec};
use support::{World, body, header, link, names};

async fn world() -> World {
    World::new(Serve::default()).await
}

#[tokio::test]
async fn a_walk_over_the_links_finds_every_repository_once() {
    let w = world().await;
    w.forge.add_repositories("ada", 250);
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let mut seen = Vec::new();
    let mut next = Some("/user/repos?per_page=100".to_owned());
    while let Some(url) = next {
        let answer = w.github(&token, &url).await;
        assert_eq!(answer.status(), 200);
        next = link(&answer, "next");
        seen.extend(names(answer, "full_name").await);
    }
    assert_eq!(seen.len(), 250);
    assert!(seen.is_sorted());
    let middle = w.github(&token, "/user/repos?per_page=100&page=2").await;
    for (relation, page) in [("prev", 1), ("next", 3), ("last", 3), ("first", 1)] {
        let url = link(&middle, relation).expect(relation);
        assert!(
            url.ends_with(&format!("/user/repos?per_page=100&page={page}")),
            "{url}"
        );
    }
    let beyond = w.github(&token, "/user/repos?per_page=500&page=9").await;
    assert!(link(&beyond, "prev").expect("prev").ends_with("page=3"));
    assert_eq!(body(beyond).await, serde_json::json!([]));
}

#[tokio::test]
async fn the_token_is_described_in_headers() {
    let w = world().await;
    let end = w.forge.now() + TimeDelta::days(30);
    let classic = w.forge.mint(TokenSpec::classic("ada").expires_at(end));
    let fine = w.forge.mint(TokenSpec::fine_grained("ada"));
    assert!(classic.starts_with("ghp_") && classic.len() == 40);
    assert!(fine.starts_with("github_pat_") && fine.len() == 93);
    let answer = w.github(&classic, "/user").await;
    assert_eq!(header(&answer, "x-oauth-scopes"), "read:org, repo");
    assert_eq!(
        header(&answer, "github-authentication-token-expiration"),
        "2026-02-14 12:00:00 UTC"
    );
    assert_eq!(body(answer).await["login"], "ada");
    let answer = w.github(&fine, "/user").await;
    assert!(!answer.headers().contains_key("x-oauth-scopes"));
    assert!(
        !answer
            .headers()
            .contains_key("github-authentication-token-expiration")
    );
    w.advance(TimeDelta::days(31));
    let answer = w.github(&classic, "/user").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(header(&answer, "x-ratelimit-limit"), "60");
    assert_eq!(body(answer).await["message"], "Bad credentials");
    assert_eq!(w.github(&fine, "/user").await.status(), 200);
    w.forge.revoke(&fine);
    assert_eq!(w.github(&fine, "/user").await.status(), 401);
}

#[tokio::test]
async fn all_three_schemes_carry_the_token() {
    let w = world().await;
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let url = format!("{}/user", w.at.github.api_url);
    let basic = w.client.get(&url).basic_auth("x", Some(&token));
    let old = w
        .client
        .get(&url)
        .header("authorization", format!("token {token}"));
    for request in [basic, old] {
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }
    let nobody = w.client.get(&url).send().await.expect("an answer");
    assert_eq!(nobody.status(), 401);
    let gitlab = w.forge.mint(TokenSpec::gitlab("ada"));
    assert_eq!(w.github(&gitlab, "/user").await.status(), 401);
}

#[tokio::test]
async fn scopes_and_selections_limit_what_is_listed() {
    let w = world().await;
    let secret = w
        .forge
        .add_repository("ada", RepositorySpec::named("secret"));
    w.forge
        .add_repository("ada", RepositorySpec::named("hidden"));
    w.forge
        .add_repository("ada", RepositorySpec::named("open").public());
    let weak = w.forge.mint(TokenSpec::classic("ada").scopes(["read:org"]));
    let seen = names(w.github(&weak, "/user/repos").await, "name").await;
    assert_eq!(seen, ["open"]);
    assert_eq!(w.github(&weak, "/repos/ada/secret").await.status(), 404);
    let chosen = w
        .forge
        .mint(TokenSpec::fine_grained("ada").repositories([secret]));
    let seen = names(w.github(&chosen, "/user/repos").await, "name").await;
    assert_eq!(seen, ["open", "secret"]);
}

#[tokio::test]
async fn affiliation_visibility_and_type_filter() {
    let w = world().await;
    w.forge.add_user("bob");
    w.forge.add_organization("acme", &[("ada", Role::Member)]);
    w.forge
        .add_repository("ada", RepositorySpec::named("own").public());
    w.forge.add_repository("acme", RepositorySpec::named("org"));
    w.forge.add_repository(
        "bob",
        RepositorySpec::named("shared").collaborator("ada", Access::Write),
    );
    w.forge
        .add_repository("bob", RepositorySpec::named("foreign"));
    let token = w.forge.mint(TokenSpec::classic("ada"));
    for (query, expected) in [
        ("", vec!["org", "own", "shared"]),
        ("affiliation=owner", vec!["own"]),
        (
            "affiliation=collaborator,organization_member",
            vec!["org", "shared"],
        ),
        ("visibility=private", vec!["org", "shared"]),
        ("type=public", vec!["own"]),
        ("type=member", vec!["org", "shared"]),
        ("sort=created", vec!["shared", "org", "own"]),
        ("sort=created&direction=asc", vec!["own", "org", "shared"]),
    ] {
        let answer = w.github(&token, &format!("/user/repos?{query}")).await;
        assert_eq!(names(answer, "name").await, expected, "{query}");
    }
    for query in ["type=all&visibility=all", "sort=size", "visibility=some"] {
        let answer = w.github(&token, &format!("/user/repos?{query}")).await;
        assert_eq!(answer.status(), 422, "{query}");
    }
    let shared = body(w.github(&token, "/repos/bob/shared").await).await;
    assert_eq!(shared["permissions"]["push"], true);
    assert_eq!(shared["permissions"]["admin"], false);
}

#[tokio::test]
async fn renames_and_transfers_redirect_to_the_id() {
    let w = world().await;
    w.forge.add_user("bob");
    let id = w.forge.add_repository("ada", RepositorySpec::named("old"));
    let token = w.forge.mint(TokenSpec::classic("ada"));
    w.forge.edit(|state| state.rename(id, "new"));
    let answer = w.github(&token, "/repos/ada/old/branches?per_page=1").await;
    assert_eq!(answer.status(), 301);
    let location = header(&answer, "location").to_owned();
    assert!(location.ends_with(&format!("/repositories/{id}/branches?per_page=1")));
    assert_eq!(
        names(w.github(&token, &location).await, "name").await,
        ["main"]
    );
    let found = body(w.github(&token, &format!("/repositories/{id}")).await).await;
    assert_eq!(found["full_name"], "ada/new");
    w.forge.edit(|state| state.transfer(id, "bob"));
    assert_eq!(w.github(&token, "/repos/ada/new").await.status(), 404);
    let bob = w.forge.mint(TokenSpec::classic("bob"));
    assert_eq!(w.github(&bob, "/repos/ada/new").await.status(), 301);
    w.forge.edit(|state| state.delete(id));
    assert_eq!(w.github(&bob, "/repos/ada/new").await.status(), 404);
}

#[tokio::test]
async fn branches_are_paged_by_numeric_links_and_found_by_prefix() {
    let w = world().await;
    let spec = RepositorySpec::named("r")
        .branches(["main", "feature/a", "feature/b"])
        .protected("main");
    let id = w.forge.add_repository("ada", spec);
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let first = w.github(&token, "/repos/ada/r/branches?per_page=2").await;
    let next = link(&first, "next").expect("a second page");
    assert!(next.ends_with(&format!("/repositories/{id}/branches?per_page=2&page=2")));
    assert_eq!(names(first, "name").await, ["feature/a", "feature/b"]);
    assert_eq!(names(w.github(&token, &next).await, "name").await, ["main"]);
    let one = body(w.github(&token, "/repos/ada/r/branches/feature/a").await).await;
    assert_eq!(one["name"], "feature/a");
    let found = names(
        w.github(&token, "/repos/ada/r/git/matching-refs/heads/feat")
            .await,
        "ref",
    )
    .await;
    assert_eq!(found, ["refs/heads/feature/a", "refs/heads/feature/b"]);
    let before = one["commit"]["sha"].clone();
    let sha = w.forge.edit(|state| state.push(id, "feature/a"));
    let after = body(w.github(&token, "/repos/ada/r/branches/feature/a").await).await;
    assert_eq!(after["commit"]["sha"], sha);
    assert_ne!(after["commit"]["sha"], before);
}

#[tokio::test]
async fn an_unchanged_page_is_a_304_and_costs_nothing() {
    let w = world().await;
    let ids = w.forge.add_repositories("ada", 3);
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let first = w.github(&token, "/user/repos").await;
    assert_eq!(header(&first, "x-ratelimit-remaining"), "4999");
    let tag = header(&first, "etag").to_owned();
    let again = || {
        let request = w.client.get(format!("{}/user/repos", w.at.github.api_url));
        request
            .bearer_auth(&token)
            .header("if-none-match", &tag)
            .send()
    };
    let answer = again().await.expect("an answer");
    assert_eq!(answer.status(), 304);
    assert_eq!(header(&answer, "x-ratelimit-remaining"), "4999");
    w.forge.edit(|state| state.archive(ids[0], true));
    let answer = again().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-ratelimit-remaining"), "4998");
}

#[tokio::test]
async fn a_budget_ends_and_comes_back() {
    let w = world().await;
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let other = w.forge.mint(TokenSpec::classic("ada"));
    w.forge.set_remaining(mooring_forge::Face::GitHub, "ada", 1);
    assert_eq!(w.github(&token, "/user").await.status(), 200);
    let refused = w.github(&other, "/user").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(header(&refused, "x-ratelimit-remaining"), "0");
    assert!(!refused.headers().contains_key("retry-after"));
    let free = w.github(&token, "/rate_limit").await;
    assert_eq!(body(free).await["rate"]["remaining"], 0);
    w.advance(TimeDelta::hours(1));
    let answer = w.github(&token, "/user").await;
    assert_eq!(header(&answer, "x-ratelimit-remaining"), "4999");
}

#[tokio::test]
async fn single_sign_on_hides_and_says_so() {
    let w = world().await;
    let org = w.forge.add_organization("acme", &[("ada", Role::Owner)]);
    w.forge
        .edit(|state| state.organization_mut("acme").sso_enforced = true);
    w.forge
        .add_repository("acme", RepositorySpec::named("walled"));
    let blocked = w.forge.mint(TokenSpec::classic("ada"));
    for path in ["/user/repos", "/user/orgs"] {
        let answer = w.github(&blocked, path).await;
        let expected = format!("partial-results; organizations={org}");
        assert_eq!(header(&answer, "x-github-sso"), expected);
        assert_eq!(body(answer).await, serde_json::json!([]));
    }
    let answer = w.github(&blocked, "/repos/acme/walled").await;
    assert_eq!(answer.status(), 403);
    assert!(header(&answer, "x-github-sso").starts_with("required; url="));
    let allowed = w
        .forge
        .mint(TokenSpec::classic("ada").sso_authorized("acme"));
    let answer = w.github(&allowed, "/user/repos").await;
    assert!(!answer.headers().contains_key("x-github-sso"));
    assert_eq!(names(answer, "name").await, ["walled"]);
}

#[tokio::test]
async fn api_versions_are_honoured() {
    let w = world().await;
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let ask = |version: &'static str| {
        let request = w.client.get(format!("{}/rate_limit", w.at.github.api_url));
        request
            .bearer_auth(&token)
            .header("x-github-api-version", version)
            .send()
    };
    assert_eq!(ask("1999-01-01").await.expect("an answer").status(), 400);
    let old = body(ask("2022-11-28").await.expect("an answer")).await;
    let new = body(ask("2026-03-10").await.expect("an answer")).await;
    assert!(old.get("rate").is_some() && new.get("rate").is_none());
}

#[tokio::test]
async fn an_enterprise_server_has_its_api_below_its_own_address() {
    let w = world().await;
    w.forge.add_repositories("ada", 2);
    let token = w.forge.mint(TokenSpec::classic("ada"));
    let root = &w.at.github.enterprise_api_url;
    let answer = w
        .github(&token, &format!("{root}/user/repos?per_page=1"))
        .await;
    assert!(
        link(&answer, "next")
            .expect("next")
            .starts_with(root.as_str())
    );
    assert_eq!(w.github(&token, &w.at.github.web_url).await.status(), 200);
}
