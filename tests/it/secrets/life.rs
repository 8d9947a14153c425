//! A whole life: connections made, refused, synced, broken, healed, shared and ended, by people
//! and by programs.

use chrono::TimeDelta;
use http::Method;
use mooring_forge::{Action, Canned, Face, Fault, Match, TokenSpec};
use serde_json::{Value, json};

use super::Planted;
use crate::world::{Caller, World};

pub struct Lived {
    pub secrets: Vec<Planted>,
    /// Those that one answer may hold.
    pub shown_once: Vec<Planted>,
}

pub async fn live(w: &World) -> Lived {
    let owner = w.owner();
    let mut lived = Lived {
        secrets: vec![Planted::new("the owner's token", &owner.token)],
        shown_once: Vec::new(),
    };
    let github = w.github_account("octo", 150);
    let gitlab = w.gitlab_account("octolab", 20);
    let fresh = w.forge.mint(TokenSpec::classic("octo"));
    for (what, token) in [
        ("the GitHub token", &github),
        ("the GitLab token", &gitlab),
        ("the new GitHub token", &fresh),
    ] {
        lived.secrets.push(Planted::new(what, token));
    }
    let id = owner.connect_and_sync("github", &github).await;
    let other = owner.connect_and_sync("gitlab", &gitlab).await;
    read(&owner, &id).await;
    read(&owner, &other).await;
    refused(&owner, &mut lived).await;
    echoes(w, &owner, &id, &github).await;
    broken_and_healed(w, &owner, &id, &github, &fresh).await;
    programs(&owner, &mut lived).await;
    super::app::live(w, &owner, &mut lived).await;
    registrations(&owner, &mut lived).await;
    webhooks(w, &owner, &id, &mut lived).await;
    for (what, secret) in crate::oauth::lived_through(w, &owner).await {
        lived.secrets.push(Planted::new(what, secret));
    }

    let admin = w.admin();
    let mut body = Caller::body("github", &fresh);
    body["allow_org_usage"] = json!(true);
    admin.post("/git-connections", body).await.expect(201);
    lived
        .secrets
        .push(Planted::new("the administrator's token", &admin.token));
    owner
        .delete(&format!("/git-connections/{other}"))
        .await
        .expect(204);
    for path in ["/metrics", "/readyz", "/api/openapi.json"] {
        w.api.get(path).await;
    }
    lived
}

/// Everything that can be read of a connection.
async fn read(owner: &Caller, id: &str) {
    let connection = format!("/git-connections/{id}");
    for path in [
        "",
        "/syncs",
        "/repositories",
        "/repositories?source=live",
        "/branches?repo=octo/repo-00001",
        "/branches?repo=octo/nowhere",
    ] {
        owner.get(&format!("{connection}{path}")).await;
    }
    for path in [
        "/git-connections",
        "/repositories",
        "/jobs",
        "/activity",
        "/activity/export",
        "/activity/verify",
        "/api-tokens",
        "/members",
    ] {
        owner.get(path).await.headers.len();
    }
    owner
        .post(&format!("{connection}/validate"), json!({}))
        .await
        .expect(200);
    owner.sync(id).await;
}

/// Secrets in right and wrong places of calls that are refused.
async fn refused(owner: &Caller, lived: &mut Lived) {
    let bad = [
        (
            "a token that GitHub refuses",
            "ghp_Refused0aaaaBBBBccccDDDDeeeeFFFFgggg",
            "github",
        ),
        (
            "a token of the wrong provider",
            "glpat-WrongProviderAAAA",
            "github",
        ),
        (
            "a token of a kind that cannot work",
            "ghs_InstallationAAAABBBBCCCCDDDD",
            "github",
        ),
        (
            "a token with a space in it",
            "ghp_With Space9999AAAA",
            "github",
        ),
        (
            "a token that GitLab refuses",
            "glpat-Refused1bbbbCCCCdddd",
            "gitlab",
        ),
    ];
    for (what, token, provider) in bad {
        lived.secrets.push(Planted::new(what, token));
        for path in ["/git-connections", "/git-connections/test"] {
            owner.post(path, Caller::body(provider, token)).await;
        }
        for field in [
            "access_token",
            "refresh_token",
            "github_app_private_key",
            "auth_method",
            "provider",
            "auto_rotate",
            "base_url",
        ] {
            let mut body = Caller::body(provider, token);
            body[field] = json!(token);
            owner.post("/git-connections", body).await.headers.len();
        }
        owner
            .call(Method::POST, "/git-connections")
            .raw(format!("{{\"api_token\": \"{token}\""))
            .send()
            .await
            .expect(400);
        owner
            .call(Method::GET, "/git-connections")
            .header("authorization", token)
            .send()
            .await
            .expect(401);
        let stranger = Caller {
            token: token.replace(' ', "-"),
            ..owner.clone()
        };
        stranger.get("/git-connections").await.expect(401);
    }
    lived
        .secrets
        .push(Planted::new("a password in a URL", "hunter2222-in-the-url"));
    let mut body = Caller::body("gitlab", "glpat-Refused1bbbbCCCCdddd");
    body["gitlab_url"] = json!("https://ada:hunter2222-in-the-url@gitlab.example.org");
    owner.post("/git-connections", body).await.expect(422);
}

/// A provider, or what stands before it, that repeats what it was sent.
async fn echoes(w: &World, owner: &Caller, id: &str, token: &str) {
    let sent = format!("authorization: Bearer {token} private-token: {token}");
    for (status, kind) in [(500, "text"), (403, "json"), (418, "text"), (200, "html")] {
        let canned = match kind {
            "json" => Canned::json(status, json!({ "message": sent })),
            _ => Canned::text(status, &sent),
        };
        let fault = w.forge.fault(Fault::on(
            Match::face(Face::GitHub),
            Action::Answer(canned.header("x-echo", token)),
        ));
        owner
            .post(&format!("/git-connections/{id}/validate"), json!({}))
            .await
            .expect(200);
        owner
            .get(&format!("/git-connections/{id}/repositories?source=live"))
            .await;
        owner
            .post("/git-connections/test", Caller::body("github", token))
            .await;
        w.forge.remove_fault(fault);
    }
    // A token is the last segment of where it redirects to.
    let away = Canned::text(301, "").header("location", format!("http://10.1.2.3/{token}"));
    let fault = w
        .forge
        .fault(Fault::on(Match::face(Face::GitHub), Action::Answer(away)));
    owner
        .post(&format!("/git-connections/{id}/validate"), json!({}))
        .await
        .expect(200);
    w.forge.remove_fault(fault);
}

async fn broken_and_healed(w: &World, owner: &Caller, id: &str, token: &str, fresh: &str) {
    let connection = format!("/git-connections/{id}");
    let page = Match::face(Face::GitHub).path("/user/repos").page(2);
    let fault = w
        .forge
        .fault(Fault::on(page, Action::Truncate(100)).times(2));
    owner
        .post(&format!("{connection}/sync"), json!({}))
        .await
        .expect(202);
    w.clock.advance(TimeDelta::minutes(1));
    w.idle().await;
    w.forge.remove_fault(fault);
    w.forge.revoke(token);
    owner
        .post(&format!("{connection}/validate"), json!({}))
        .await
        .expect(200);
    owner.sync(id).await;
    let call = owner
        .call(Method::PATCH, &connection)
        .json(&json!({ "api_token": fresh }));
    call.header("idempotency-key", "heal")
        .send()
        .await
        .expect(200);
    owner.sync(id).await;
}

/// A program's token: made under a key, repeated, used.
async fn programs(owner: &Caller, lived: &mut Lived) {
    let body = json!({ "name": "ci", "permissions": ["org.git.connections.list"] });
    for repeat in [false, true] {
        let call = owner.call(Method::POST, "/api-tokens").json(&body);
        let made = call
            .header("idempotency-key", "make")
            .send()
            .await
            .expect(201);
        let Value::String(token) = &made["secret"] else {
            assert!(repeat, "{made}");
            continue;
        };
        let program = Caller {
            token: token.clone(),
            ..owner.clone()
        };
        program.get("/git-connections").await.expect(200);
        program.get("/jobs").await.expect(403);
        lived.shown_once.push(Planted::new("an API token", token));
    }
}

/// A registration at a provider: saved, changed, refused, deleted.
async fn registrations(owner: &Caller, lived: &mut Lived) {
    let path = "/git-provider-configs";
    let key = crate::provider_configs::rsa_pkcs8();
    let secrets = [
        ("a client secret", "gloas-Planted7ccccDDDDeeee"),
        ("a webhook secret", "hook-Planted8ddddEEEEffff"),
        ("a refused client secret", "gloas-Planted9eeeeFFFFgggg"),
    ];
    for (what, text) in secrets {
        lived.secrets.push(Planted::new(what, text));
    }
    // Any line of it tells half of it.
    let line = key.lines().nth(5).unwrap().to_owned();
    lived.secrets.push(Planted::new("a private key", line));
    let save = json!({ "provider": "github", "client_id": "Iv1.abc", "client_secret": secrets[0].1,
        "github_app_id": 7, "github_app_private_key": key, "webhook_secret": secrets[1].1 });
    let saved = owner.post(path, save.clone()).await.expect(201);
    let call = owner.call(Method::POST, path).json(&save);
    let call = call.header("idempotency-key", "save");
    call.send().await.expect(200);
    for field in [
        "client_id",
        "base_url",
        "provider",
        "github_app_id",
        "scopes",
    ] {
        let mut bad = save.clone();
        bad[field] = json!(secrets[2].1);
        bad["github_app_private_key"] = json!(key.replace("\nM", "\nN"));
        owner.post(path, bad).await.headers.len();
    }
    owner.get(path).await.expect(200);
    let id = saved["id"].as_str().unwrap();
    owner.delete(&format!("{path}/{id}")).await.expect(204);
}

/// A hook's secrets, in deliveries of every form, taken and refused.
async fn webhooks(w: &World, owner: &Caller, github: &str, lived: &mut Lived) {
    use mooring_forge::{Letter, Scheme};
    let letter = |id: &str| Letter {
        id: id.to_owned(),
        event: "ping".to_owned(),
        body: format!(r#"{{"id": "{id}", "eventType": "other"}}"#).into_bytes(),
        at: w.clock.now(),
    };
    let others = [
        ("gitlab", Scheme::GitLabToken),
        ("azure_devops", Scheme::Azure),
    ];
    let mut hooks = vec![
        owner.hook(github, Scheme::GitHub).await,
        owner.hook(github, Scheme::GitHub).await,
    ];
    for (provider, scheme) in others {
        let id = owner.any_connection(w, provider).await;
        hooks.push(owner.hook(&id, scheme).await);
    }
    for hook in hooks {
        let sent = hook.accepted(&letter(&hook.secret[6..12])).await;
        owner.delivery_handled(&sent).await;
        owner
            .get(&format!("/webhook-deliveries/{sent}"))
            .await
            .expect(200);
        // The secret where it does not belong.
        let mut wrong = letter("wrong");
        wrong.event.clone_from(&hook.secret);
        hook.send_with(
            &wrong,
            &[("x-github-event".to_owned(), hook.secret.clone())],
        )
        .await
        .problem(401, "invalid_signature");
        lived
            .shown_once
            .push(Planted::new("a hook's secret", &hook.secret));
    }
    owner.get("/webhook-deliveries").await.expect(200);
}
