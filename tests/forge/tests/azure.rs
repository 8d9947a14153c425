//! The Azure DevOps face, over HTTP.

mod support;

use chrono::{TimeDelta, TimeZone, Utc};
use mooring_forge::{
    Access, Face, RepositorySpec, Role, Serve, SignIn, TokenKind, TokenSpec, azure_repository_id,
};
use reqwest::Response;
use serde_json::Value;
use support::{World, body, header};

async fn world() -> World {
    World::new(Serve::default()).await
}

/// Asks with a personal access token; the version is added.
async fn pat(w: &World, token: &str, path: &str) -> Response {
    let mark = if path.contains('?') { '&' } else { '?' };
    let url = format!("{}{path}{mark}api-version=7.1-preview.1", w.at.azure.url);
    let request = w.client.get(url).basic_auth("", Some(token));
    request.send().await.expect("an answer")
}

/// Asks with a token of Microsoft Entra.
async fn entra(w: &World, token: &str, url: String) -> Response {
    let request = w.client.get(url).bearer_auth(token);
    request.send().await.expect("an answer")
}

fn person(login: &str) -> TokenSpec {
    TokenSpec::of(login, TokenKind::AzureEntra, &["user_impersonation"])
}

async fn values(answer: Response, field: &str) -> Vec<String> {
    let body = body(answer).await;
    let rows = body["value"].as_array().expect("a wrapped list");
    assert_eq!(body["count"], rows.len());
    let value = |row: &Value| row[field].as_str().expect("a text").to_owned();
    rows.iter().map(value).collect()
}

#[tokio::test]
async fn a_credential_that_is_not_taken_gets_the_sign_in_page() {
    let w = world().await;
    let end = w.forge.now() + TimeDelta::days(1);
    let token = w.forge.mint(TokenSpec::azure("ada").expires_at(end));
    assert!(token.len() == 84 && &token[76..80] == "AZDO");
    let entra_token = w.forge.mint(person("ada"));
    let projects = format!("{}/ada/_apis/projects?api-version=7.1", w.at.azure.url);
    let with = |value: String| {
        w.client
            .get(&projects)
            .header("authorization", value)
            .send()
    };
    let encoded = |pair: String| {
        use base64::Engine as _;
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    for (value, status) in [
        (encoded(format!(":{token}")), 200),
        (encoded(format!("anybody:{token}")), 200),
        (format!("Bearer {entra_token}"), 200),
        (format!("Bearer {token}"), 203),
        (encoded(format!(":{entra_token}")), 203),
        (encoded("nonsense".to_owned()), 203),
        (format!("Basic {token}"), 203),
        (String::new(), 203),
    ] {
        let answer = with(value).await.expect("an answer");
        assert_eq!(answer.status(), status);
        let kind = if status == 200 {
            "application/json"
        } else {
            "text/html"
        };
        assert!(header(&answer, "content-type").starts_with(kind));
    }
    w.advance(TimeDelta::days(2));
    assert_eq!(pat(&w, &token, "/ada/_apis/projects").await.status(), 203);
    w.forge
        .edit(|state| state.settings.azure.sign_in = SignIn::Redirect);
    let answer = pat(&w, &token, "/ada/_apis/projects").await;
    assert_eq!(answer.status(), 302);
    let there = header(&answer, "location").to_owned();
    assert!(there.contains("/_signin?"));
    assert_eq!(
        w.client.get(there).send().await.expect("a page").status(),
        203
    );
    w.forge
        .edit(|state| state.settings.azure.sign_in = SignIn::Unauthorized);
    assert_eq!(pat(&w, &token, "/ada/_apis/projects").await.status(), 401);
}

#[tokio::test]
async fn every_request_names_a_version() {
    let w = world().await;
    let token = w.forge.mint(TokenSpec::azure("ada"));
    for (path, status, kind) in [
        (
            "/ada/_apis/projects",
            400,
            "VssVersionNotSpecifiedException",
        ),
        (
            "/ada/_apis/projects?api-version=9.0",
            400,
            "VssVersionOutOfRangeException",
        ),
        (
            "/ada/_apis/projects?api-version=x",
            400,
            "VssVersionOutOfRangeException",
        ),
        (
            "/ada/_apis/connectionData?api-version=7.1",
            400,
            "VssInvalidPreviewVersionException",
        ),
        ("/ada/_apis/connectionData?api-version=7.1-preview", 200, ""),
        ("/ada/_apis/projects?api-version=7.1", 200, ""),
        ("/ada/_apis/nothing?api-version=7.1", 404, "HttpException"),
    ] {
        let url = format!("{}{path}", w.at.azure.url);
        let request = w.client.get(url).basic_auth("", Some(&token));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
        let said = body(answer).await;
        assert_eq!(said["typeKey"].as_str().unwrap_or_default(), kind, "{path}");
    }
}

#[tokio::test]
async fn an_organization_is_for_those_who_belong_to_it() {
    let w = world().await;
    w.forge.add_user("bob");
    w.forge.add_user("eve");
    w.forge.add_organization("acme", &[("ada", Role::Member)]);
    w.forge.add_repositories("acme", 2);
    let shared = RepositorySpec::named("shared").collaborator("ada", Access::Read);
    w.forge.add_repository("bob", shared);
    w.forge.add_repository("bob", RepositorySpec::named("own"));
    let bound = w.forge.mint(TokenSpec::azure("ada"));
    let global = w.forge.mint(TokenSpec::of(
        "ada",
        TokenKind::AzurePat,
        &["vso.code_full", "vso.project"],
    ));
    let names = |token| {
        let w = &w;
        async move { values(pat(w, token, "/bob/_apis/git/repositories").await, "name").await }
    };
    assert_eq!(pat(&w, &bound, "/acme/_apis/projects").await.status(), 203);
    assert_eq!(names(&global).await, ["shared"]);
    let refused = pat(&w, &global, "/eve/_apis/projects").await;
    assert_eq!(refused.status(), 401);
    let said = body(refused).await;
    assert!(
        said["message"]
            .as_str()
            .expect("words")
            .starts_with("TF400813: ")
    );
    let missing = pat(&w, &global, "/nobody/_apis/projects").await;
    assert_eq!(missing.status(), 404);
    assert!(header(&missing, "content-type").starts_with("text/html"));
    let narrow = w.forge.mint(TokenSpec::azure("ada").scopes(["vso.work"]));
    for path in ["/ada/_apis/projects", "/ada/_apis/git/repositories"] {
        assert_eq!(pat(&w, &narrow, path).await.status(), 401);
    }
    let who = body(pat(&w, &narrow, "/ada/_apis/connectionData").await).await;
    assert_eq!(who["authenticatedUser"]["providerDisplayName"], "Ada");
    assert_eq!(
        who["authenticatedUser"]["properties"]["Account"]["$value"],
        "ada@example.com"
    );
    // Tokens for all organizations end; those for one do not.
    let end = Utc
        .with_ymd_and_hms(2026, 12, 1, 0, 0, 0)
        .single()
        .expect("a date");
    w.advance(end - w.forge.now());
    assert_eq!(pat(&w, &global, "/bob/_apis/projects").await.status(), 203);
    assert_eq!(pat(&w, &bound, "/ada/_apis/projects").await.status(), 200);
}

#[tokio::test]
async fn a_person_finds_all_organizations() {
    let w = world().await;
    w.forge.add_user("bob");
    w.forge.add_organization("acme", &[("ada", Role::Owner)]);
    let shared = RepositorySpec::named("shared").collaborator("ada", Access::Read);
    w.forge.add_repository("bob", shared);
    w.forge.add_organization("other", &[("bob", Role::Owner)]);
    let token = w.forge.mint(person("ada"));
    let at = |path: &str| format!("{}{path}api-version=7.1", w.at.azure.profile_url);
    let me = body(entra(&w, &token, at("/_apis/profile/profiles/me?")).await).await;
    assert_eq!(me["emailAddress"], "ada@example.com");
    let id = me["id"].as_str().expect("an id");
    let accounts = entra(&w, &token, at(&format!("/_apis/accounts?memberId={id}&"))).await;
    assert_eq!(
        values(accounts, "accountName").await,
        ["ada", "bob", "acme"]
    );
    assert_eq!(
        entra(&w, &token, at("/_apis/accounts?")).await.status(),
        400
    );
    let bound = w.forge.mint(TokenSpec::azure("ada"));
    for path in ["/_apis/profile/profiles/me?", "/_apis/accounts?memberId=x&"] {
        let request = w.client.get(at(path)).basic_auth("", Some(&bound));
        assert_eq!(
            request.send().await.expect("an answer").status(),
            203,
            "{path}"
        );
    }
}

#[tokio::test]
async fn projects_have_pages_and_repositories_have_none() {
    let w = world().await;
    for number in 0..205 {
        let spec = RepositorySpec::named(format!("r{number:03}")).project(format!("p{number:03}"));
        w.forge.add_repository("ada", spec);
    }
    w.forge.add_repositories("ada", 150);
    let token = w.forge.mint(TokenSpec::azure("ada"));
    let empty = pat(&w, &token, "/ada/_apis/projects?continuationToken=").await;
    assert_eq!(empty.status(), 400);
    let mut names = Vec::new();
    let mut path = "/ada/_apis/projects".to_owned();
    loop {
        let answer = pat(&w, &token, &path).await;
        let next = header(&answer, "x-ms-continuationtoken").to_owned();
        names.extend(values(answer, "name").await);
        if next.is_empty() {
            break;
        }
        path = format!("/ada/_apis/projects?continuationToken={next}");
    }
    assert_eq!(
        (names.len(), names[0].as_str(), names[205].as_str()),
        (206, "ada", "p204")
    );
    let some = pat(&w, &token, "/ada/_apis/projects?$top=2&$skip=1").await;
    assert_eq!(values(some, "name").await, ["p000", "p001"]);
    let all = pat(&w, &token, "/ada/_apis/git/repositories").await;
    assert_eq!(values(all, "name").await.len(), 355);
    let projects = pat(&w, &token, "/ada/_apis/projects").await;
    let id = values(projects, "id").await.remove(0);
    for project in ["ada", "ADA", &id] {
        let some = pat(
            &w,
            &token,
            &format!("/ada/{project}/_apis/git/repositories"),
        )
        .await;
        assert_eq!(values(some, "name").await.len(), 150, "{project}");
    }
    let none = pat(&w, &token, "/ada/none/_apis/git/repositories").await;
    assert_eq!(none.status(), 404);
}

#[tokio::test]
async fn what_a_repository_is() {
    let w = world().await;
    let id = w.forge.add_repository(
        "ada",
        RepositorySpec::named("the boat")
            .project("Sea & Shore")
            .branches(["trunk"]),
    );
    w.forge
        .add_repository("ada", RepositorySpec::named("void").branches::<&str>([]));
    let closed = w
        .forge
        .add_repository("ada", RepositorySpec::named("closed").archived());
    let token = w.forge.mint(TokenSpec::azure("ada"));
    let guid = azure_repository_id(id);
    let one = "/ada/Sea%20&%20Shore/_apis/git/repositories/the%20boat";
    let boat = body(pat(&w, &token, one).await).await;
    assert_eq!(boat["id"], guid.as_str());
    assert_eq!(boat["defaultBranch"], "refs/heads/trunk");
    assert_eq!(boat["project"]["name"], "Sea & Shore");
    let host = w.at.azure.url.trim_start_matches("http://");
    let path = "ada/Sea%20&%20Shore/_git/the%20boat";
    assert_eq!(boat["remoteUrl"], format!("http://ada@{host}/{path}"));
    assert_eq!(boat["webUrl"], format!("http://{host}/{path}"));
    assert_eq!(boat["isDisabled"], false);
    let same = pat(&w, &token, &format!("/ada/_apis/git/repositories/{guid}")).await;
    assert_eq!(body(same).await, boat);
    let void = body(pat(&w, &token, "/ada/ada/_apis/git/repositories/void").await).await;
    assert!(void.get("defaultBranch").is_none());
    let closed = azure_repository_id(closed);
    let shown = pat(&w, &token, &format!("/ada/_apis/git/repositories/{closed}")).await;
    assert_eq!(body(shown).await["isDisabled"], true);
    for path in [
        "/ada/ada/_apis/git/repositories/the%20boat",
        "/ada/_apis/git/repositories/void",
        &format!("/ada/_apis/git/repositories/{closed}/refs"),
    ] {
        assert_eq!(pat(&w, &token, path).await.status(), 404, "{path}");
    }
    w.forge.edit(|state| state.rename(id, "ship"));
    let old = pat(&w, &token, one).await;
    assert_eq!(old.status(), 404);
    assert_eq!(body(old).await["typeKey"], "GitRepositoryNotFoundException");
}

#[tokio::test]
async fn refs_are_filtered_and_paged() {
    let w = world().await;
    let names = ["main", "fix/main", "feature/a", "feature/b", "feature/C"];
    w.forge
        .add_repository("ada", RepositorySpec::named("r").branches(names));
    let token = w.forge.mint(TokenSpec::azure("ada"));
    let path = "/ada/ada/_apis/git/repositories/r/refs?filter=heads/";
    let all = values(pat(&w, &token, path).await, "name").await;
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|name| name.starts_with("refs/heads/")));
    let some = pat(&w, &token, &format!("{path}&filterContains=MAIN")).await;
    assert_eq!(
        values(some, "name").await,
        ["refs/heads/fix/main", "refs/heads/main"]
    );
    let mut seen = Vec::new();
    let mut next = None;
    loop {
        let token_part = next.map_or(String::new(), |next: String| {
            format!("&continuationToken={next}")
        });
        let page = pat(&w, &token, &format!("{path}&$top=2{token_part}")).await;
        let more = header(&page, "x-ms-continuationtoken").to_owned();
        seen.extend(values(page, "name").await);
        if more.is_empty() {
            break;
        }
        next = Some(more);
    }
    assert_eq!(seen, all);
    assert_eq!(
        pat(&w, &token, &format!("{path}&$top=1001")).await.status(),
        400
    );
}

#[tokio::test]
async fn it_slows_down_before_it_refuses() {
    let w = world().await;
    w.forge.edit(|state| {
        state.settings.azure.limit_per_window = Some(3);
        state.settings.azure.delayed_from = 2;
    });
    let token = w.forge.mint(TokenSpec::azure("ada"));
    let ask = || pat(&w, &token, "/ada/_apis/projects");
    let quiet = ask().await;
    assert!(!quiet.headers().contains_key("x-ratelimit-limit"));
    let delayed = ask().await;
    assert_eq!(delayed.status(), 200);
    assert_eq!(header(&delayed, "retry-after"), "5");
    assert_eq!(header(&delayed, "x-ratelimit-remaining"), "1");
    ask().await;
    let refused = ask().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "300");
    let said = body(refused).await;
    assert!(
        said["message"]
            .as_str()
            .expect("words")
            .starts_with("TF400733: ")
    );
    w.advance(TimeDelta::minutes(5));
    assert_eq!(ask().await.status(), 200);
    w.forge.set_remaining(Face::Azure, "ada", 0);
    assert_eq!(ask().await.status(), 429);
}
