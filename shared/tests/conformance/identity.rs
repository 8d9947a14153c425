use chrono::{Days, NaiveTime};
use mooring_forge::TokenSpec;
use shared::clock::Clock;
use shared::providers::ErrorClass;

use crate::world::{Way, World};

crate::everywhere!(
    who_a_token_is,
    a_revoked_token_is_refused,
    an_unknown_token_is_refused,
    when_a_token_ends,
    what_a_token_lacks,
);

async fn who_a_token_is(world: World) {
    let identity = world
        .provider()
        .identity(&world.access())
        .await
        .expect("an identity");
    let login = match world.way {
        Way::Azure => "ada@example.com",
        _ => "ada",
    };
    assert_eq!(identity.account.login.as_deref(), Some(login));
    assert_eq!(identity.account.kind.as_deref(), Some("user"));
    assert!(identity.account.id.is_some());
    assert!(identity.missing_scopes.is_empty());
    assert_eq!(identity.token_expires_at, None);
    if world.way == Way::Azure {
        // Told by no token, and only near the limit.
        assert!(identity.scopes.is_none() && !identity.rate_limit.is_known());
        return;
    }
    assert!(identity.scopes.is_some_and(|scopes| !scopes.is_empty()));
    // Bitbucket tells its users nothing of their hour.
    assert_eq!(identity.rate_limit.is_known(), world.way != Way::Bitbucket);
    assert!(identity.rate_limit.remaining <= identity.rate_limit.limit);
}

async fn a_revoked_token_is_refused(world: World) {
    let status = if world.way == Way::Azure { 203 } else { 401 };
    world.forge.revoke(&world.token);
    let error = world
        .provider()
        .identity(&world.access())
        .await
        .expect_err("refused");
    assert_eq!(
        (error.class, error.status),
        (ErrorClass::Unauthorized, Some(status))
    );
    assert!(!error.detail.contains(&world.token));
    // Hosts ban addresses for failed authentications: one is enough to know.
    assert_eq!(world.forge.count(&mooring_forge::Match::any()), 1);
}

async fn an_unknown_token_is_refused(world: World) {
    let access = world.access_with("0123456789abcdef0123456789abcdef01234567");
    let error = world
        .provider()
        .repositories(&access, &crate::world::hundred(), None)
        .await;
    assert_eq!(error.expect_err("refused").class, ErrorClass::Unauthorized);
}

async fn when_a_token_ends(world: World) {
    // Bitbucket tells nobody.
    if world.way == Way::Bitbucket {
        return;
    }
    let end = Clock::system().now() + Days::new(30);
    let token = world.forge.mint(match world.way {
        Way::Gitlab => TokenSpec::gitlab("ada").expires_at(end),
        Way::Azure => TokenSpec::azure("ada").expires_at(end),
        _ => TokenSpec::classic("ada").expires_at(end),
    });
    let access = world.access_with(&token);
    let identity = world
        .provider()
        .identity(&access)
        .await
        .expect("an identity");
    if world.way == Way::Azure {
        // Its tokens do not say.
        assert_eq!(identity.token_expires_at, None);
        return;
    }
    let told = identity.token_expires_at.expect("an end");
    match world.way {
        Way::Gitlab => assert_eq!(told, end.date_naive().and_time(NaiveTime::MIN).and_utc()),
        _ => assert_eq!(told.timestamp(), end.timestamp()),
    }
}

async fn what_a_token_lacks(world: World) {
    let (spec, missing): (TokenSpec, &[&str]) = match world.way {
        Way::Gitlab => (
            TokenSpec::gitlab("ada").scopes(["read_user"]),
            &["read_api"],
        ),
        Way::Bitbucket => (
            TokenSpec::bitbucket("ada").scopes(["read:user:bitbucket", "read:workspace:bitbucket"]),
            &["read:repository:bitbucket"],
        ),
        Way::Azure => (
            TokenSpec::azure("ada").scopes(["vso.project"]),
            &["vso.code"],
        ),
        _ => (TokenSpec::classic("ada").scopes(["public_repo"]), &["repo"]),
    };
    let access = world.access_with(&world.forge.mint(spec));
    let identity = world
        .provider()
        .identity(&access)
        .await
        .expect("an identity");
    assert_eq!(identity.missing_scopes, missing);
    assert!(
        identity
            .account
            .login
            .is_some_and(|login| login.starts_with("ada"))
    );
}
