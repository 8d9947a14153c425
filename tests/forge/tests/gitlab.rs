//! The GitLab face, over HTTP.

mod support;

use chrono::TimeDelta;
use mooring_forge::{Access, Face, RepositorySpec, Role, Serve, TokenSpec, Visibility};
use support::{World, body, header, link, names};

async fn world() -> World {
    World::new(Serve::default()).await
}

#[tokio::test]
async fn pages_by_number_tell_totals_until_there_are_too_many() {
    let w = world().await;
    w.forge.add_repositories("ada", 101);
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    let first = w
        .gitlab(&token, "/projects?membership=true&per_page=100")
        .await;
    for (name, value) in [
        ("x-page", "1"),
        ("x-per-page", "100"),
        ("x-next-page", "2"),
        ("x-prev-page", ""),
        ("x-total", "101"),
        ("x-total-pages", "2"),
    ] {
        assert_eq!(header(&first, name), value, "{name}");
    }
    let next = link(&first, "next").expect("a second page");
    let second = w.gitlab(&token, &next).await;
    assert_eq!(header(&second, "x-next-page"), "");
    assert_eq!(names(second, "path").await.len(), 1);
    w.forge.edit(|state| state.settings.gitlab.count_cap = 100);
    let first = w
        .gitlab(&token, "/projects?membership=true&per_page=100")
        .await;
    assert!(!first.headers().contains_key("x-total"));
    assert!(!first.headers().contains_key("x-total-pages"));
    assert_eq!(link(&first, "last"), None);
    assert_eq!(header(&first, "x-next-page"), "2");
    w.forge.edit(|state| state.settings.gitlab.offset_cap = 100);
    let beyond = w
        .gitlab(&token, "/projects?membership=true&per_page=100&page=2")
        .await;
    assert_eq!(beyond.status(), 405);
}

#[tokio::test]
async fn a_keyset_walk_ends_with_an_empty_page() {
    let w = world().await;
    let mut expected = w.forge.add_repositories("ada", 45);
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    for sort in ["asc", "desc"] {
        let mut seen = Vec::new();
        let start = "/projects?membership=true&pagination=keyset&order_by=id&per_page=20&sort=";
        let mut next = Some(format!("{start}{sort}"));
        while let Some(url) = next {
            let answer = w.gitlab(&token, &url).await;
            assert_eq!(answer.status(), 200);
            assert!(!answer.headers().contains_key("x-total"));
            next = link(&answer, "next");
            let rows = body(answer).await;
            let rows = rows.as_array().expect("a list");
            seen.extend(rows.iter().map(|row| row["id"].as_u64().expect("an id")));
        }
        assert_eq!(seen, expected, "{sort}");
        expected.reverse();
    }
    let other = w
        .gitlab(&token, "/projects?pagination=keyset&order_by=name")
        .await;
    assert_eq!(other.status(), 405);
}

#[tokio::test]
async fn tokens_say_what_they_are() {
    let w = world().await;
    let end = w.forge.now() + TimeDelta::days(2);
    let spec = TokenSpec::gitlab("ada")
        .scopes(["read_user"])
        .expires_at(end);
    let token = w.forge.mint(spec);
    assert!(token.starts_with("glpat-") && token.len() == 26);
    let own = body(w.gitlab(&token, "/personal_access_tokens/self").await).await;
    assert_eq!(own["scopes"], serde_json::json!(["read_user"]));
    assert_eq!(own["expires_at"], "2026-01-17");
    assert_eq!(own["active"], true);
    assert_eq!(
        body(w.gitlab(&token, "/user").await).await["username"],
        "ada"
    );
    let refused = w.gitlab(&token, "/projects").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(body(refused).await["error"], "insufficient_scope");
    // The token ends as the day begins.
    w.advance(TimeDelta::days(1) + TimeDelta::hours(12));
    let refused = w.gitlab(&token, "/user").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(body(refused).await["error"], "invalid_token");
    let unknown = w.gitlab("glpat-nothing", "/user").await;
    assert_eq!(body(unknown).await["message"], "401 Unauthorized");
    let other = w.forge.mint(TokenSpec::gitlab("ada"));
    w.forge.revoke(&other);
    let refused = body(w.gitlab(&other, "/user").await).await;
    let said = refused["error_description"].as_str().expect("a sentence");
    assert!(said.starts_with("Token was revoked"));
}

#[tokio::test]
async fn filters_and_permissions_of_projects() {
    let w = world().await;
    w.forge.add_user("bob");
    w.forge.edit(|state| {
        state.add_organization("acme", &[("ada", Role::Member)]);
        state.add_subgroup("acme", "tools");
        state.organization_mut("acme").base_access = Access::Maintain;
    });
    w.forge.add_repository(
        "tools",
        RepositorySpec::named("deep").description("Hammers"),
    );
    w.forge
        .add_repository("ada", RepositorySpec::named("own").archived());
    let empty = RepositorySpec::named("blank").branches(Vec::<String>::new());
    w.forge.add_repository("ada", empty);
    w.forge.add_repository(
        "bob",
        RepositorySpec::named("read").collaborator("ada", Access::Read),
    );
    w.forge
        .add_repository("bob", RepositorySpec::named("open").public());
    w.forge.add_repository(
        "bob",
        RepositorySpec::named("inside").visibility(Visibility::Internal),
    );
    w.forge
        .add_repository("bob", RepositorySpec::named("hidden"));
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    for (query, expected) in [
        ("", vec!["inside", "open", "read", "blank", "own", "deep"]),
        ("membership=true", vec!["read", "blank", "own", "deep"]),
        ("min_access_level=30", vec!["blank", "own", "deep"]),
        ("owned=true", vec!["blank", "own"]),
        ("membership=true&archived=true", vec!["own"]),
        (
            "membership=true&archived=false&order_by=name&sort=asc",
            vec!["blank", "deep", "read"],
        ),
        ("search=HAMMER", vec!["deep"]),
        ("visibility=internal", vec!["inside"]),
    ] {
        let answer = w.gitlab(&token, &format!("/projects?{query}")).await;
        assert_eq!(names(answer, "path").await, expected, "{query}");
    }
    for query in [
        "order_by=size",
        "per_page=0",
        "per_page=x",
        "archived=perhaps",
    ] {
        let answer = w.gitlab(&token, &format!("/projects?{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
    }
    let deep = body(w.gitlab(&token, "/projects/acme%2Ftools%2Fdeep").await).await;
    assert_eq!(deep["namespace"]["full_path"], "acme/tools");
    assert_eq!(
        deep["permissions"]["project_access"],
        serde_json::Value::Null
    );
    assert_eq!(deep["permissions"]["group_access"]["access_level"], 40);
    let blank = body(w.gitlab(&token, "/projects/ada%2Fblank").await).await;
    assert_eq!(blank["default_branch"], serde_json::Value::Null);
    assert_eq!(blank["permissions"]["project_access"]["access_level"], 50);
    assert_eq!(
        w.gitlab(&token, "/projects/bob%2Fhidden").await.status(),
        404
    );
    assert_eq!(
        w.gitlab(&token, "/projects/tools%2Fdeep").await.status(),
        404
    );
    let groups = names(w.gitlab(&token, "/groups").await, "full_path").await;
    assert_eq!(groups, ["acme", "acme/tools"]);
    let below = w
        .gitlab(&token, "/groups/acme/projects?include_subgroups=true")
        .await;
    assert_eq!(names(below, "path").await, ["deep"]);
}

#[tokio::test]
async fn a_moved_project_redirects_to_its_id() {
    let w = world().await;
    let id = w.forge.add_repository("ada", RepositorySpec::named("old"));
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    w.forge.edit(|state| state.rename(id, "new"));
    let answer = w.gitlab(&token, "/projects/ada%2Fold").await;
    assert_eq!(answer.status(), 301);
    let location = header(&answer, "location").to_owned();
    assert_eq!(location, format!("{}/projects/{id}", w.at.gitlab.api_url));
    let found = body(w.gitlab(&token, &location).await).await;
    assert_eq!(found["path_with_namespace"], "ada/new");
    w.forge.edit(|state| state.rename_owner("ada", "countess"));
    assert_eq!(w.gitlab(&token, "/projects/ada%2Fnew").await.status(), 301);
    assert_eq!(
        w.gitlab(&token, "/projects/countess%2Fnew").await.status(),
        200
    );
}

#[tokio::test]
async fn branches_are_searched_with_anchors() {
    let w = world().await;
    let spec = RepositorySpec::named("r")
        .branches(["main", "fix/main", "maintenance"])
        .protected("main");
    w.forge.add_repository("ada", spec);
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    for (term, expected) in [
        ("", vec!["fix/main", "main", "maintenance"]),
        ("%5Emain", vec!["main", "maintenance"]),
        ("main%24", vec!["fix/main", "main"]),
    ] {
        let path = format!("/projects/ada%2Fr/repository/branches?search={term}");
        assert_eq!(names(w.gitlab(&token, &path).await, "name").await, expected);
    }
    let one = w
        .gitlab(&token, "/projects/ada%2Fr/repository/branches/fix%2Fmain")
        .await;
    assert_eq!(body(one).await["default"], false);
}

#[tokio::test]
async fn the_throttle_answers_in_plain_text() {
    let w = world().await;
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    w.forge.set_remaining(Face::GitLab, "ada", 1);
    let last = w.gitlab(&token, "/version").await;
    assert_eq!(header(&last, "ratelimit-remaining"), "0");
    let refused = w.gitlab(&token, "/version").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "60");
    assert_eq!(refused.text().await.expect("text"), "Retry later\n");
    w.advance(TimeDelta::minutes(1));
    assert_eq!(w.gitlab(&token, "/version").await.status(), 200);
    w.forge
        .edit(|state| state.settings.gitlab.limit_per_minute = None);
    let unlimited = w.gitlab(&token, "/version").await;
    assert!(!unlimited.headers().contains_key("ratelimit-limit"));
}

#[tokio::test]
async fn an_instance_may_live_below_a_path() {
    let how = Serve {
        gitlab_path: "/gitlab/".to_owned(),
        ..Serve::default()
    };
    let w = World::new(how).await;
    w.forge.add_repositories("ada", 2);
    let token = w.forge.mint(TokenSpec::gitlab("ada"));
    assert!(w.at.gitlab.url.ends_with("/gitlab"));
    let answer = w
        .gitlab(&token, "/projects?membership=true&per_page=1")
        .await;
    let next = link(&answer, "next").expect("a second page");
    assert!(next.starts_with(&w.at.gitlab.api_url));
    let origin = w.at.gitlab.url.trim_end_matches("/gitlab");
    let beside = w.gitlab(&token, &format!("{origin}/api/v4/user")).await;
    assert_eq!(beside.status(), 404);
}
