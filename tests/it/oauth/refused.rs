//! What the provider, or the person in front of it, may answer instead.

use std::time::Duration;

use mooring_forge::{Action, Canned, Face, Fault, Match};
use serde_json::json;
use shared::flows::Context;
use shared::outbound::{Limits, Outbound};

use super::{
    begin, come_back, configure, connect, connections, consented, exchanges, face, is_alive, ready,
    refused,
};
use crate::world::{Api, Caller, Logs, Setup, World, providers, run_as, run_test, verifier};

#[test]
fn the_person_says_no() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        for provider in ["github", "gitlab"] {
            w.forge.denies(face(provider));
            let back = consented(&begin(&owner, provider).await).await;
            refused(&come_back(&owner.api, &back, None).await, "access_denied");
            // The state is used up by it.
            refused(&come_back(&owner.api, &back, None).await, "state_used");
        }
        assert!(exchanges(&w).is_empty());
    });
}

#[test]
fn other_words_of_a_provider_have_codes_of_their_own() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        for (query, code) in [
            ("error=redirect_uri_mismatch", "callback_mismatch"),
            (
                "error=server_error&error_description=oops",
                "exchange_failed",
            ),
            ("error=%3Cscript%3E", "exchange_failed"),
            ("error=access_denied&code=x", "access_denied"),
            ("", "exchange_failed"),
            ("code=", "exchange_failed"),
            ("code=a&code=b", "exchange_failed"),
            ("code=never-issued", "exchange_failed"),
        ] {
            let begun = begin(&owner, "github").await;
            let path = format!("/api/v1/auth/github/callback?state={}&{query}", begun.state);
            let answer = owner.api.get(&path).await;
            let message = refused(&answer, code);
            assert!(!message.contains("script") && !message.contains("oops"));
        }
        assert!(connections(&owner).await.is_empty());
    });
}

#[test]
fn a_wrong_client_secret_is_the_operators_fault_and_says_so() {
    let logs = Logs::warnings();
    let setup = Setup {
        logs: Some(logs.clone()),
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let (owner, apps) = ready(&w).await;
        for (provider, app) in ["github", "gitlab"].into_iter().zip(&apps) {
            let mut wrong = app.clone();
            wrong.client_secret = "wrong-client-secret-0123456789".to_owned();
            configure(&owner, provider, &wrong).await;
            let back = consented(&begin(&owner, provider).await).await;
            let answer = come_back(&owner.api, &back, None).await;
            let message = refused(&answer, "exchange_failed");
            assert!(message.contains("not your fault"), "{message}");
        }
        let text = logs.text();
        assert_eq!(text.matches("registered wrongly").count(), 2, "{text}");
        assert!(text.contains("ERROR") && !text.contains("wrong-client-secret"));
    });
}

#[test]
fn a_callback_that_is_not_registered() {
    run_test(|w| async move {
        let (owner, [github, _]) = ready(&w).await;
        let begun = begin(&owner, "github").await;
        let back = consented(&begun).await;
        let mismatch = Canned::json(
            200,
            json!({ "error": "redirect_uri_mismatch", "error_description": "The redirect_uri MUST match." }),
        );
        let fault = Fault::on(
            Match::face(Face::GitHub).path("/login/oauth/access_token"),
            Action::Answer(mismatch),
        );
        w.forge.fault(fault.once());
        refused(
            &come_back(&owner.api, &back, None).await,
            "callback_mismatch",
        );
        let _ = github;
    });
}

/// Whatever stands where an answer should: nothing is stored, and beginning again works.
#[test]
fn an_answer_that_is_none_leaves_nothing_behind() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let patient = impatient(&w, &owner).await;
        let token = |provider: &str| match provider {
            "github" => Match::face(Face::GitHub).path("/login/oauth/access_token"),
            _ => Match::face(Face::GitLab).grant_type("authorization_code"),
        };
        let actions = [
            Action::Answer(
                Canned::text(200, "<html>Sign in</html>").header("content-type", "text/html"),
            ),
            Action::Answer(Canned::text(500, "oops")),
            Action::Answer(Canned::text(503, "later")),
            Action::Answer(Canned::json(200, json!([1, 2]))),
            Action::Answer(Canned::json(200, json!({ "token_type": "bearer" }))),
            Action::AnswerAfterWork(Canned::text(502, "bad gateway")),
            Action::Reset,
            Action::LoseAnswer,
            Action::Truncate(10),
            Action::Drip {
                chunk: 1,
                pause: Duration::from_secs(1),
            },
        ];
        for provider in ["github", "gitlab"] {
            for action in &actions {
                let shown = format!("{provider} {action:?}");
                let back = consented(&begin(&patient, provider).await).await;
                let fault = w.forge.fault(Fault::on(token(provider), action.clone()));
                let answer = come_back(&patient.api, &back, None).await;
                let message = refused(&answer, "exchange_failed");
                assert!(!message.contains("oops"), "{shown}");
                w.forge.remove_fault(fault);
                refused(&come_back(&patient.api, &back, None).await, "state_used");
            }
        }
        assert!(connections(&owner).await.is_empty());
        for provider in ["github", "gitlab"] {
            connect(&owner, provider, json!({})).await;
        }
    });
}

/// The same API with a provider that has a second to answer.
async fn impatient(w: &World, owner: &Caller) -> Caller {
    let limits = Limits {
        deadline: Duration::from_secs(1),
        ..Limits::default()
    };
    let outbound = Outbound::new("127.0.0.1:*".parse().unwrap(), limits).unwrap();
    let context = Context {
        providers: providers(&w.clock, &w.served, outbound),
        ..w.context.clone()
    };
    let base = owner.api.base.clone();
    let api = Api::start(&context, verifier(&w.clock), |settings| {
        settings.public_url = base;
        settings.redirect_origins = vec!["https://app.example.org".to_owned()];
    });
    owner.at(&api.await)
}

#[test]
fn a_grant_that_does_not_tell_its_account_is_given_back() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        for (provider, path) in [("github", "/user"), ("gitlab", "/user")] {
            for status in [401, 403, 500] {
                let back = consented(&begin(&owner, provider).await).await;
                let canned = Canned::json(status, json!({ "message": "no" }));
                let matching = Match::face(face(provider)).path(path);
                let fault = w.forge.fault(Fault::on(matching, Action::Answer(canned)));
                refused(&come_back(&owner.api, &back, None).await, "exchange_failed");
                w.forge.remove_fault(fault);
                let issued = exchanges(&w).last().unwrap().issued.unwrap();
                assert!(!is_alive(&w, issued), "{provider} {status}");
            }
        }
        assert!(connections(&owner).await.is_empty());
    });
}
