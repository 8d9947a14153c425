use mooring_forge::{Face, Match};
use shared::domain::secret::ExposeSecret;
use shared::providers::{Access, GrantErrorClass, Scheme};

use crate::world::{Way, World, left};

crate::everywhere!(
    a_code_becomes_a_grant,
    the_identity_of_a_grant,
    a_code_works_once,
    a_refresh_does_to_the_old_pair_what_is_said_of_it,
    two_refreshes_at_once,
    a_grant_is_given_back,
);

async fn a_code_becomes_a_grant(world: World) {
    let grant = world.grant().await;
    assert!(world.is_of_the_right_kind(&grant.access_token));
    assert_eq!(grant.refresh_token.is_some(), world.renews());
    let around = |seconds: Option<i64>, expected: i64| {
        let seconds = seconds.expect("an end");
        assert!((expected - 30..=expected).contains(&seconds), "{seconds}");
    };
    match world.way {
        Way::GithubOAuthApp => assert_eq!(grant.expires_at, None),
        Way::GithubApp => {
            around(left(grant.expires_at), 28_800);
            around(left(grant.refresh_expires_at), 15_811_200);
        }
        Way::Gitlab | Way::Bitbucket => around(left(grant.expires_at), 7_200),
        Way::Entra => around(left(grant.expires_at), 4_499),
    }
    let scopes: &[&str] = match world.way {
        Way::GithubOAuthApp => &["read:org", "read:user", "repo"],
        Way::GithubApp => {
            assert_eq!(grant.scopes, None);
            return;
        }
        Way::Gitlab => &["api", "read_user"],
        Way::Bitbucket => &["account", "repository:write", "webhook"],
        Way::Entra => &[
            "499b84ac-1321-427f-aa17-267ca6975798/.default",
            "499b84ac-1321-427f-aa17-267ca6975798/user_impersonation",
        ],
    };
    assert_eq!(grant.scopes.expect("told"), scopes);
}

async fn the_identity_of_a_grant(world: World) {
    let access = Access {
        instance: world.app.instance.clone(),
        token: world.grant().await.access_token,
        scheme: Scheme::Bearer,
        username: None,
        azure_organization: None,
        meter: std::sync::Arc::new(shared::domain::meter::Unmetered),
    };
    let identity = world
        .provider()
        .identity(&access)
        .await
        .expect("an identity");
    let login = match world.way {
        // People sign in to Azure DevOps by their address.
        Way::Entra => "ada@example.com",
        _ => "ada",
    };
    assert_eq!(identity.account.login.as_deref(), Some(login));
    assert!(identity.missing_scopes.is_empty());
}

async fn a_code_works_once(world: World) {
    let code = world.code().await;
    world.exchange(&code).await.expect("a grant");
    let error = world.exchange(&code).await.expect_err("spent");
    assert_eq!(error.class, GrantErrorClass::Refused, "{error:?}");
    assert!(!error.class.may_be_spent());
    let error = world.exchange("made-up").await.expect_err("unknown");
    assert_eq!(error.class, GrantErrorClass::Refused, "{error:?}");
}

async fn a_refresh_does_to_the_old_pair_what_is_said_of_it(world: World) {
    if !world.renews() {
        return;
    }
    let first = world.grant().await;
    let refresh = first.refresh_token.expect("one");
    let second = world.refresh(&refresh).await.expect("a new pair");
    let rotation = world.rotation();
    assert_eq!(
        world.is_alive(&first.access_token),
        !rotation.kills_access_token
    );
    assert!(world.is_alive(&second.access_token));
    assert!(second.expires_at.is_some());
    match (world.refresh(&refresh).await, rotation.single_use) {
        (Err(error), true) => assert_eq!(error.class, GrantErrorClass::Refused),
        (Ok(_), false) => {}
        (outcome, _) => panic!("{outcome:?}"),
    }
    let next = second.refresh_token.unwrap_or(refresh);
    world.refresh(&next).await.expect("the newest is good");
}

/// Of two that present a single-use token at once one has the pair, and it lives.
async fn two_refreshes_at_once(world: World) {
    if !world.renews() {
        return;
    }
    let refresh = world.refresh_token().await;
    let (one, two) = tokio::join!(world.refresh(&refresh), world.refresh(&refresh));
    let won: Vec<_> = [one, two].into_iter().filter_map(Result::ok).collect();
    let expected = if world.rotation().single_use { 1 } else { 2 };
    assert_eq!(won.len(), expected);
    assert!(won.iter().all(|grant| world.is_alive(&grant.access_token)));
}

async fn a_grant_is_given_back(world: World) {
    let grant = world.grant().await;
    let revokes = matches!(
        world.way,
        Way::GithubOAuthApp | Way::GithubApp | Way::Gitlab
    );
    let asked = world.forge.count(&Match::any());
    let outcome = world.revoke(&world.app, &grant.access_token).await;
    assert_eq!(outcome, Ok(revokes));
    assert_eq!(world.is_alive(&grant.access_token), !revokes);
    if !revokes {
        // Nobody to ask.
        assert_eq!(world.forge.count(&Match::any()), asked);
        return;
    }
    // What is gone is gone.
    let again = world.revoke(&world.app, &grant.access_token).await;
    assert_eq!(again, Ok(true));
    if let Some(refresh) = grant.refresh_token {
        let error = world.refresh(&refresh).await.expect_err("revoked");
        assert_eq!(error.class, GrantErrorClass::Refused);
    }
    let wrong = world.app_with(|app| app.client_secret = "wrong".to_owned().into());
    let other = world.grant().await;
    let refused = world.revoke(&wrong, &other.access_token).await;
    let expected = match world.face() {
        Face::GitHub => "Unauthorized",
        _ => "Forbidden",
    };
    assert_eq!(refused, Err(expected.to_owned()));
    assert!(world.is_alive(&other.access_token));
    assert!(!other.access_token.expose_secret().is_empty());
}
