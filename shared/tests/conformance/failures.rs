use std::time::Duration;

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Fault, Forge, Match, Serve};
use shared::clock::Clock;
use shared::outbound::Limits;
use shared::providers::{ErrorClass, ProviderError};

use crate::world::{Way, World, impatient};

crate::everywhere!(
    a_spent_window,
    a_secondary_limit,
    a_page_of_html,
    a_truncated_body,
    a_reset_connection,
    a_slow_answer,
    a_dripping_answer,
    an_answer_too_large,
    nobody_listens,
    a_redirect_to_another_origin_gets_no_credential,
    a_redirect_without_end,
    the_guard_holds_for_the_adapters,
    a_failing_host,
    a_refusal,
);

/// The error of asking who the token is, with this done to the answer.
async fn with(world: &World, action: Action) -> ProviderError {
    world.forge.fault(Fault::on(world.asks_identity(), action));
    world
        .provider()
        .identity(&world.access())
        .await
        .expect_err("a failure")
}

async fn a_spent_window(world: World) {
    world.forge.set_remaining(world.face(), "ada", 0);
    let error = world.first_page().await.expect_err("limited");
    assert_eq!(error.class, ErrorClass::RateLimited);
    let wait = error.retry_at.expect("a time") - Clock::system().now();
    assert!(
        wait > TimeDelta::zero() && wait <= TimeDelta::hours(1),
        "{wait}"
    );
    assert!(error.is_transient());
}

async fn a_secondary_limit(world: World) {
    let canned = match world.way {
        Way::Gitlab | Way::Bitbucket => Canned::gitlab_throttle(40),
        Way::Azure => Canned::azure_throttle(40),
        _ => Canned::github_secondary_limit(40),
    };
    let error = with(&world, Action::Answer(canned)).await;
    assert_eq!(error.class, ErrorClass::RateLimited);
    let wait = (error.retry_at.expect("a time") - Clock::system().now()).num_seconds();
    assert!((35..=40).contains(&wait), "{wait}");
}

async fn a_page_of_html(world: World) {
    let class = match world.way {
        // The page to sign in.
        Way::Azure => ErrorClass::Unauthorized,
        _ => ErrorClass::Unavailable,
    };
    let error = with(&world, Action::Answer(Canned::html(200))).await;
    assert_eq!((error.class, error.status), (class, Some(200)));
    world
        .forge
        .fault(Fault::on(world.lists(), Action::Answer(Canned::html(200))));
    assert_eq!(world.first_page().await.expect_err("HTML").class, class);
}

async fn a_truncated_body(world: World) {
    let error = with(&world, Action::Truncate(20)).await;
    assert_eq!(
        (error.class, error.status),
        (ErrorClass::Unavailable, Some(200))
    );
    // Whole as HTTP sees it, and broken as JSON.
    let broken = match world.way {
        Way::Azure => "{\"count\":1,\"value\":[{\"id\":1",
        _ => "[{\"id\":1",
    };
    let canned = Canned::text(200, broken).header("content-type", "application/json");
    world
        .forge
        .fault(Fault::on(world.lists(), Action::Answer(canned)));
    assert_eq!(
        world.first_page().await.expect_err("broken").class,
        ErrorClass::Unavailable
    );
}

async fn a_reset_connection(world: World) {
    let error = with(&world, Action::Reset).await;
    assert_eq!((error.class, error.status), (ErrorClass::Unreachable, None));
    // Nothing below repeats a request.
    assert_eq!(world.forge.count(&world.asks_identity()), 1);
}

async fn a_slow_answer(world: World) {
    world
        .forge
        .fault(Fault::delay(Match::any(), Duration::from_secs(60)));
    let provider = world.provider_within(impatient());
    let error = provider
        .identity(&world.access())
        .await
        .expect_err("too late");
    assert_eq!(error.class, ErrorClass::Unreachable);
}

async fn a_dripping_answer(world: World) {
    let action = Action::Drip {
        chunk: 1,
        pause: Duration::from_millis(100),
    };
    world.forge.fault(Fault::on(Match::any(), action));
    let provider = world.provider_within(impatient());
    let error = provider
        .identity(&world.access())
        .await
        .expect_err("too late");
    assert_eq!(error.class, ErrorClass::Unreachable);
}

async fn an_answer_too_large(world: World) {
    world.forge.add_repositories("ada", 100);
    let provider = world.provider_within(Limits {
        body_bytes: 1000,
        ..Limits::API
    });
    let error = provider
        .repositories(&world.access(), &crate::world::hundred(), None)
        .await;
    assert_eq!(error.expect_err("too large").class, ErrorClass::Unexpected);
}

async fn nobody_listens(world: World) {
    let access = world.access();
    let provider = world.provider();
    world.at.stop().await;
    let error = provider.identity(&access).await.expect_err("nobody");
    assert_eq!((error.class, error.status), (ErrorClass::Unreachable, None));
}

async fn a_redirect_to_another_origin_gets_no_credential(world: World) {
    let foreign = Forge::default();
    let elsewhere = foreign.serve(Serve::default()).await.expect("free ports");
    for status in [301, 302, 307, 308] {
        let canned = Canned::text(status, "")
            .header("location", format!("{}/user", elsewhere.github.api_url));
        world.forge.clear_faults();
        let error = with(&world, Action::Answer(canned)).await;
        assert_eq!(error.class, ErrorClass::Blocked, "{status}");
    }
    assert_eq!(foreign.count(&Match::any()), 0);
}

async fn a_redirect_without_end(world: World) {
    let path = match world.way {
        Way::Gitlab => "/gitlab/api/v4/personal_access_tokens/self",
        Way::Enterprise => "/api/v3/user",
        Way::Bitbucket => "/2.0/user",
        Way::Github => "/user",
        Way::Azure => "/ada/_apis/connectionData",
    };
    let canned = Canned::text(302, "").header("location", path);
    let error = with(&world, Action::Answer(canned)).await;
    assert_eq!(error.class, ErrorClass::Unexpected);
    let asked = match world.way {
        // Whose redirects lead to where people sign in.
        Way::Azure => 1,
        _ => 6,
    };
    assert_eq!(world.forge.count(&world.asks_identity()), asked);
}

async fn the_guard_holds_for_the_adapters(world: World) {
    let provider = world.provider_with("", Limits::API);
    let error = provider
        .identity(&world.access())
        .await
        .expect_err("blocked");
    assert_eq!(error.class, ErrorClass::Blocked);
    assert_eq!(world.forge.count(&Match::any()), 0);
}

async fn a_failing_host(world: World) {
    for canned in [
        Canned::html(502),
        Canned::json(500, serde_json::json!({"message": "oops"})),
    ] {
        world.forge.clear_faults();
        let error = with(&world, Action::Answer(canned)).await;
        assert!(
            error.class == ErrorClass::Unavailable && error.is_transient(),
            "{error:?}"
        );
    }
}

async fn a_refusal(world: World) {
    let said = format!("no\nentry for {}", world.token);
    let echo = serde_json::json!({"message": said, "error": {"message": said}});
    let echo = match world.way {
        Way::Bitbucket => echo,
        _ => serde_json::json!({"message": said}),
    };
    world.forge.fault(Fault::on(
        Match::any(),
        Action::Answer(Canned::json(403, echo)),
    ));
    let error = world.first_page().await.expect_err("refused");
    assert_eq!(
        (error.class, error.status),
        (ErrorClass::Forbidden, Some(403))
    );
    assert!(
        error.detail.ends_with("answered 403: no entry for [token]"),
        "{}",
        error.detail
    );
    let asked = match world.way {
        // The projects, and then the organization as a whole.
        Way::Azure => 2,
        _ => 1,
    };
    assert_eq!(world.forge.count(&Match::any()), asked);
}
