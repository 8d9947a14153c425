use std::time::Duration;

use mooring_forge::{Action, Canned, Fault, Hold, Match};
use serde_json::json;
use shared::clock::Clock;
use shared::domain::secret::ExposeSecret;
use shared::providers::{GrantError, GrantErrorClass};

use crate::world::World;

crate::everywhere!(
    a_lost_answer_is_unknown_and_not_repeated,
    a_lost_code_too,
    a_request_that_never_arrived_is_unknown_too,
    a_page_of_html,
    a_page_of_html_after_the_work,
    a_broken_body,
    a_failing_host,
    a_slow_answer,
    later,
    the_guard_lets_nothing_out,
    nobody_listens,
    a_redirect_is_no_answer,
);

/// The error of a refresh, or of an exchange where there are no refreshes, with this done to it.
async fn with(world: &World, action: Action) -> GrantError {
    let fault = |when| world.forge.fault(Fault::on(when, action).once());
    let error = if world.renews() {
        let refresh = world.refresh_token().await;
        fault(world.asks_for_tokens());
        world.refresh(&refresh).await.expect_err("a failure")
    } else {
        let code = world.code().await;
        fault(world.asks_for_tokens());
        world.exchange(&code).await.expect_err("a failure")
    };
    // Once for the grant, where there had to be one, and once for this: nothing is repeated.
    let expected = 1 + usize::from(world.renews());
    assert_eq!(world.forge.count(&world.asks_for_tokens()), expected);
    error
}

async fn a_lost_answer_is_unknown_and_not_repeated(world: World) {
    let error = with(&world, Action::LoseAnswer).await;
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::Unknown, None)
    );
    assert!(error.class.may_be_spent());
    let log = world.forge.requests(&world.asks_for_tokens());
    let last = log.last().expect("a request");
    assert_eq!((last.status, last.issued.is_some()), (None, true));
    assert_eq!(last.refresh_token.is_some(), world.renews());
}

/// What was presented is spent at some, and at some it is not; only asking again tells.
async fn a_lost_code_too(world: World) {
    let code = world.code().await;
    let lost = Fault::on(world.asks_for_tokens(), Action::LoseAnswer).once();
    world.forge.fault(lost);
    let error = world.exchange(&code).await.expect_err("lost");
    assert_eq!(error.class, GrantErrorClass::Unknown);
    let error = world.exchange(&code).await.expect_err("spent");
    assert_eq!(error.class, GrantErrorClass::Refused);
    if !world.renews() {
        return;
    }
    let refresh = world.refresh_token().await;
    let lost = Fault::on(world.asks_for_tokens(), Action::LoseAnswer).once();
    world.forge.fault(lost);
    let error = world.refresh(&refresh).await.expect_err("lost");
    assert_eq!(error.class, GrantErrorClass::Unknown);
    match world.refresh(&refresh).await {
        Ok(_) => assert!(!world.rotation().single_use),
        Err(error) => {
            assert!(world.rotation().single_use);
            assert_eq!(error.class, GrantErrorClass::Refused);
        }
    }
    let id = world.forge.refresh_token_id(refresh.expose_secret());
    let presented = Match::any().refresh_token(id.expect("known"));
    assert_eq!(world.forge.count(&presented), 2);
}

async fn a_request_that_never_arrived_is_unknown_too(world: World) {
    let error = with(&world, Action::Reset).await;
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::Unknown, None)
    );
}

async fn a_page_of_html(world: World) {
    let error = with(&world, Action::Answer(Canned::html(200))).await;
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::Unknown, Some(200))
    );
}

async fn a_page_of_html_after_the_work(world: World) {
    let error = with(&world, Action::AnswerAfterWork(Canned::html(502))).await;
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::Unknown, Some(502))
    );
}

async fn a_broken_body(world: World) {
    let error = with(&world, Action::Truncate(25)).await;
    assert_eq!(error.class, GrantErrorClass::Unknown);
    // What came of it is not told: it is the beginning of a token.
    assert!(!error.detail.contains("access_token"), "{error}");
}

async fn a_failing_host(world: World) {
    let canned = Canned::json(500, json!({ "error": "server_error" }));
    let error = with(&world, Action::Answer(canned)).await;
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::Unknown, Some(500))
    );
}

async fn a_slow_answer(world: World) {
    if !world.renews() {
        return;
    }
    let refresh = world.refresh_token().await;
    let gate = world.forge.gate(world.asks_for_tokens(), Hold::AfterWork);
    let error = world.refresh_impatiently(&refresh).await;
    assert_eq!(error.expect_err("too late").class, GrantErrorClass::Unknown);
    // The host has done it all the same.
    gate.arrived(1).await;
    drop(gate);
    world.forge.wait_answered(&world.asks_for_tokens(), 2).await;
    let log = world.forge.requests(&world.asks_for_tokens());
    assert!(log[1].issued.is_some());
}

async fn later(world: World) {
    let canned = Canned::text(429, "Retry later\n").header("retry-after", 40);
    let error = with(&world, Action::Answer(canned)).await;
    assert_eq!(error.class, GrantErrorClass::Later);
    assert!(!error.class.may_be_spent());
    let wait = error.retry_at.expect("a time") - Clock::system().now();
    assert!(
        (Duration::from_secs(30)..=Duration::from_secs(40))
            .contains(&wait.to_std().expect("ahead"))
    );
}

async fn the_guard_lets_nothing_out(world: World) {
    let code = world.code().await;
    let error = world.exchange_under("", &code).await.expect_err("blocked");
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::NotSent, None)
    );
    assert_eq!(world.forge.count(&world.asks_for_tokens()), 0);
    world.exchange(&code).await.expect("the code is good still");
}

async fn nobody_listens(mut world: World) {
    let code = world.code().await;
    // Ports of a forge that is gone.
    let gone = mooring_forge::Forge::default();
    let at = gone.serve(Default::default()).await.expect("free ports");
    world = world.moved(&at);
    at.stop().await;
    let error = world.exchange(&code).await.expect_err("nobody");
    assert_eq!(
        (error.class, error.status),
        (GrantErrorClass::NotSent, None)
    );
}

/// A form is not sent anywhere else, so nothing is known of it.
async fn a_redirect_is_no_answer(world: World) {
    for status in [302, 307] {
        let code = world.code().await;
        let elsewhere = Canned::text(status, "").header("location", "/elsewhere");
        let fault = Fault::on(world.asks_for_tokens(), Action::Answer(elsewhere));
        let fault = world.forge.fault(fault.once());
        let error = world.exchange(&code).await.expect_err("no answer");
        assert_eq!(error.class, GrantErrorClass::Unknown, "{status}");
        assert_eq!(world.forge.hits(fault), 1);
        assert_eq!(world.forge.count(&Match::any().path("/elsewhere")), 0);
    }
}
