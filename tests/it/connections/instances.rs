//! Where a connection leads: the platform's instances, self-hosted ones, and addresses that may
//! not be reached.

use mooring_forge::{Forge, Serve, TokenSpec};
use serde_json::json;

use crate::world::{Caller, allowing, run_test, run_without_worker};

/// Another company's forge, with GitLab under a path.
async fn self_hosted(w: &crate::world::World) -> (Forge, mooring_forge::Running) {
    let ticking = w.clock.clone();
    let forge = Forge::new(std::sync::Arc::new(move || ticking.now()), 2);
    let how = Serve {
        gitlab_path: "/tools/gitlab".to_owned(),
        ..Serve::default()
    };
    let served = forge.serve(how).await.unwrap();
    (forge, served)
}

#[test]
fn self_hosted_instances_are_reached_under_their_own_path() {
    run_test(|w| async move {
        let (forge, served) = self_hosted(&w).await;
        forge.add_user("ada");
        forge.add_repositories("ada", 101);
        let owner = w.owner();
        let gitlab = forge.mint(TokenSpec::gitlab("ada"));
        let github = forge.mint(TokenSpec::classic("ada"));
        for (provider, token, field, url) in [
            ("gitlab", &gitlab, "base_url", served.gitlab.url.clone()),
            (
                "gitlab",
                &gitlab,
                "gitlab_url",
                format!(" {}/ ", served.gitlab.url),
            ),
            ("github", &github, "base_url", served.github.web_url.clone()),
        ] {
            let mut body = Caller::body(provider, token);
            body[field] = json!(url);
            if provider == "gitlab" {
                body["auth_method"] = json!("gitlab_token");
            }
            let made = owner.post("/git-connections", body).await.expect(201);
            assert_eq!(made["base_url"], url.trim().trim_end_matches('/'));
            assert_eq!(made["username"], "ada", "{made}");
            let id = made["id"].as_str().unwrap();
            owner.synced(id).await;
            assert_eq!(owner.connection(id).await["repository_count"], 101);
            let path = format!("/git-connections/{id}/branches?repo=ada/repo-00007");
            let branches = owner.get(&path).await.expect(200);
            assert_eq!(branches["branches"][0]["name"], "main");
        }
    });
}

#[test]
fn an_instance_does_not_know_another_ones_tokens() {
    run_test(|w| async move {
        let (_forge, served) = self_hosted(&w).await;
        let mut body = Caller::body("gitlab", &w.gitlab_account("tanuki", 1));
        body["gitlab_url"] = json!(served.gitlab.url);
        let answer = w.owner().post("/git-connections", body).await;
        answer.problem(422, "invalid_token");
    });
}

#[test]
fn what_is_no_such_provider_is_told_apart_from_a_bad_token() {
    run_test(|w| async move {
        let mut body = Caller::body("gitlab", &w.gitlab_account("tanuki", 1));
        body["gitlab_url"] = json!(format!("{}/not/here", w.served.gitlab.url));
        let answer = w.owner().post("/git-connections", body).await;
        let problem = answer.problem(422, "not_this_provider");
        assert_eq!(problem["errors"][0]["field"], "base_url");
    });
}

#[test]
fn loopback_is_out_of_reach_unless_the_operator_allows_it() {
    run_without_worker(|w| async move {
        let token = w.gitlab_account("tanuki", 1);
        let closed = w.owner().at(&allowing(&w, "10.0.0.0/8").await);
        w.forge.clear_log();
        for path in ["/git-connections", "/git-connections/test"] {
            let mut body = Caller::body("gitlab", &token);
            body["gitlab_url"] = json!(w.served.gitlab.url);
            let answer = closed.post(path, body).await;
            let problem = answer.problem(422, "blocked_address");
            let fault = &problem["errors"][0];
            assert_eq!(fault["field"], "base_url", "{answer}");
            assert!(
                fault["message"]
                    .as_str()
                    .unwrap()
                    .contains("MOORING_OUTBOUND_ALLOW")
            );
        }
        assert_eq!(
            w.forge.count(&mooring_forge::Match::any()),
            0,
            "nothing went out"
        );
        let port = w.served.gitlab.url.rsplit(':').next().unwrap();
        let open = w
            .owner()
            .at(&allowing(&w, &format!("127.0.0.1:{port}")).await);
        let mut body = Caller::body("gitlab", &token);
        body["gitlab_url"] = json!(w.served.gitlab.url);
        open.post("/git-connections", body).await.expect(201);
    });
}
