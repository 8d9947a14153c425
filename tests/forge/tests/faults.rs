//! Faults, gates and the log, over HTTP.

mod support;

use std::time::{Duration, Instant};

use mooring_forge::{Action, Canned, Face, Fault, Hold, Match, Serve, TokenSpec};
use serde_json::json;
use support::{World, body, header};

async fn world() -> (World, String) {
    let w = World::new(Serve::default()).await;
    w.forge.add_repositories("ada", 250);
    let token = w.forge.mint(TokenSpec::classic("ada"));
    (w, token)
}

#[tokio::test]
async fn one_page_fails_and_then_no_longer() {
    let (w, token) = world().await;
    let third = Match::face(Face::GitHub).path("/user/repos").page(3);
    let fault = Fault::on(third, Action::Answer(Canned::json(502, json!({})))).times(2);
    let id = w.forge.fault(fault);
    let path = "/user/repos?per_page=100";
    assert_eq!(w.github(&token, path).await.status(), 200);
    for expected in [502, 502, 200] {
        let answer = w.github(&token, &format!("{path}&page=3")).await;
        assert_eq!(answer.status(), expected);
    }
    assert_eq!(w.forge.hits(id), 2);
}

#[tokio::test]
async fn faults_wait_their_turn_and_can_be_taken_away() {
    let (w, token) = world().await;
    let later = Fault::on(
        Match::any(),
        Action::Answer(Canned::github_secondary_limit(7)),
    )
    .after(1);
    let id = w.forge.fault(later);
    assert_eq!(w.github(&token, "/user").await.status(), 200);
    let limited = w.github(&token, "/user").await;
    assert_eq!(limited.status(), 403);
    assert_eq!(header(&limited, "retry-after"), "7");
    w.forge.remove_fault(id);
    assert_eq!(w.github(&token, "/user").await.status(), 200);
    w.forge
        .fault(Fault::on(Match::any(), Action::Answer(Canned::html(200))).once());
    let page = w.github(&token, "/user").await;
    assert!(header(&page, "content-type").starts_with("text/html"));
    w.forge
        .fault(Fault::on(Match::any(), Action::ContentType("text/html".to_owned())).once());
    let page = w.github(&token, "/user").await;
    assert_eq!(header(&page, "content-type"), "text/html");
    assert_eq!(body(page).await["login"], "ada");
}

#[tokio::test]
async fn connections_are_cut_before_and_after_the_work() {
    let (w, token) = world().await;
    let ask = || {
        let request = w.client.get(format!("{}/user", w.at.github.api_url));
        request.bearer_auth(&token).send()
    };
    w.forge.fault(Fault::on(Match::any(), Action::Reset).once());
    assert!(ask().await.is_err());
    w.forge
        .fault(Fault::on(Match::any(), Action::LoseAnswer).once());
    assert!(ask().await.is_err());
    // The client retries nothing of itself, so the budget tells which of the two was worked on.
    let answer = ask().await.expect("an answer");
    assert_eq!(header(&answer, "x-ratelimit-used"), "2");
    let statuses: Vec<_> = w
        .forge
        .requests(&Match::any())
        .iter()
        .map(|r| r.status)
        .collect();
    assert_eq!(statuses, [None, None, Some(200)]);
}

#[tokio::test]
async fn bodies_break_off_or_drip() {
    let (w, token) = world().await;
    w.forge
        .fault(Fault::on(Match::any(), Action::Truncate(100)).once());
    let answer = w.github(&token, "/user/repos").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    let drip = Action::Drip {
        chunk: 64,
        pause: Duration::from_millis(1),
    };
    w.forge.fault(Fault::on(Match::any(), drip).once());
    let answer = w.github(&token, "/user").await;
    assert_eq!(body(answer).await["login"], "ada");
}

#[tokio::test]
async fn gates_hold_until_they_let_go() {
    let (w, token) = world().await;
    let user = Match::face(Face::GitHub).path("/user");
    let gate = w.forge.gate(user.clone(), Hold::BeforeWork);
    let ask = || {
        let request = w.client.get(format!("{}/user", w.at.github.api_url));
        tokio::spawn(request.bearer_auth(&token).send())
    };
    let first = ask();
    gate.arrived(1).await;
    let second = ask();
    gate.arrived(2).await;
    assert_eq!(w.forge.count(&user), 2);
    w.forge.revoke(&token);
    gate.release(1);
    let status = |answer: Result<reqwest::Response, _>| answer.expect("an answer").status();
    assert_eq!(status(first.await.expect("a task")), 401);
    assert!(!second.is_finished());
    drop(gate);
    assert_eq!(status(second.await.expect("a task")), 401);
    w.forge.wait_answered(&user, 2).await;
}

#[tokio::test]
async fn work_goes_on_when_the_client_goes_away() {
    let (w, token) = world().await;
    let gate = w.forge.gate(Match::any(), Hold::BeforeWork);
    let url = format!("{}/user", w.at.github.api_url);
    let asking = tokio::spawn(w.client.get(url).bearer_auth(&token).send());
    gate.arrived(1).await;
    asking.abort();
    gate.open();
    w.forge.wait_answered(&Match::any(), 1).await;
    assert_eq!(w.forge.requests(&Match::any())[0].status, Some(200));
}

#[tokio::test]
async fn the_log_knows_tokens_and_conditions_but_no_secrets() {
    let (w, token) = world().await;
    w.github(&token, "/user/repos?page=2").await;
    w.github("ghp_unknown", "/user").await;
    let log = w.forge.requests(&Match::face(Face::GitHub));
    let id = w.forge.token_id(&token).expect("a minted token");
    assert_eq!(log[0].token, Some(id));
    assert_eq!(w.forge.count(&Match::any().token(id)), 1);
    assert_eq!(log[0].target(), "/user/repos?page=2");
    assert_eq!((log[1].token, log[1].authenticated), (None, true));
    assert_eq!(log[1].status, Some(401));
    assert!(!format!("{log:?}").contains(&token));
    w.forge.clear_log();
    assert_eq!(w.forge.count(&Match::any()), 0);
}

#[tokio::test]
async fn a_stopped_forge_comes_back_on_the_same_port() {
    let (w, token) = world().await;
    let World {
        forge, at, client, ..
    } = w;
    let url = at.github.api_url.clone();
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    at.stop().await;
    let ask = || client.get(format!("{url}/user")).bearer_auth(&token).send();
    assert!(ask().await.is_err());
    let how = Serve {
        github_api_port: port.expect("a port"),
        ..Serve::default()
    };
    let _again = forge.serve(how).await.expect("the same port");
    assert_eq!(ask().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn latency_and_delays_add_up() {
    let (w, token) = world().await;
    let (latency, delay) = (Duration::from_millis(15), Duration::from_millis(10));
    w.forge.set_latency(Face::GitHub, latency);
    w.forge.fault(Fault::delay(Match::any(), delay).once());
    let began = Instant::now();
    assert_eq!(w.github(&token, "/user").await.status(), 200);
    assert!(began.elapsed() >= latency + delay);
}

#[tokio::test]
async fn answers_are_dated_by_the_forges_clock() {
    let (w, token) = world().await;
    let answer = w.github(&token, "/user").await;
    assert_eq!(header(&answer, "date"), "Thu, 15 Jan 2026 12:00:00 GMT");
}
