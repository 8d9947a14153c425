use mooring_forge::Match;
use shared::providers::GrantErrorClass;
use url::Url;

use crate::world::{Way, World};

crate::everywhere!(
    what_a_link_to_a_consent_page_holds,
    scopes_of_the_registration_win,
    a_wrong_secret_spends_nothing,
    an_unknown_client_is_the_operators,
    another_redirect_uri,
    somebody_takes_the_grant_back,
    denied,
);

fn get(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn what_a_link_to_a_consent_page_holds(world: World) {
    let url = world.authorize_url(&world.app, Some("ada"));
    let start = match world.way {
        Way::GithubOAuthApp | Way::GithubApp => {
            format!("{}/login/oauth/authorize?", world.at.github.web_url)
        }
        Way::Gitlab => format!("{}/oauth/authorize?", world.at.gitlab.url),
        Way::Bitbucket => format!("{}/site/oauth2/authorize?", world.at.bitbucket.web_url),
        Way::Entra => format!(
            "{}/organizations/oauth2/v2.0/authorize?",
            world.at.azure.login_url
        ),
    };
    assert!(url.as_str().starts_with(&start), "{url}");
    assert!(!url.as_str().contains(&world.registration.client_secret));
    let pkce = world.way != Way::Bitbucket;
    assert_eq!(get(&url, "code_challenge").is_some(), pkce);
    assert_eq!(get(&url, "code_challenge_method").is_some(), pkce);
    let hint = match world.way {
        Way::GithubOAuthApp | Way::GithubApp => get(&url, "login"),
        Way::Entra => get(&url, "login_hint"),
        _ => return,
    };
    assert_eq!(hint.as_deref(), Some("ada"));
}

async fn scopes_of_the_registration_win(world: World) {
    let own = match world.way {
        Way::Entra => "499b84ac-1321-427f-aa17-267ca6975798/user_impersonation",
        _ => "read_user",
    };
    let app = world.app_with(|app| app.scopes = Some(vec![own.to_owned()]));
    let scope = get(&world.authorize_url(&app, None), "scope").expect("scopes");
    match world.way {
        // Without it the grant would end within the hour.
        Way::Entra => assert_eq!(scope, format!("{own} offline_access")),
        _ => assert_eq!(scope, own),
    }
}

async fn a_wrong_secret_spends_nothing(world: World) {
    let wrong = world.app_with(|app| app.client_secret = "wrong-secret".to_owned().into());
    let code = world.code().await;
    let error = world.exchange_as(&wrong, &code).await.expect_err("refused");
    assert_eq!(error.class, GrantErrorClass::Operator, "{error:?}");
    let code_of_error = match world.way {
        Way::GithubOAuthApp | Way::GithubApp => "incorrect_client_credentials",
        Way::Gitlab => "invalid_client",
        Way::Bitbucket => "unauthorized_client",
        Way::Entra => "AADSTS7000215",
    };
    assert_eq!(error.code.as_deref(), Some(code_of_error));
    let grant = world.exchange(&code).await.expect("the code is good still");
    let Some(refresh) = grant.refresh_token else {
        return;
    };
    let error = world
        .refresh_as(&wrong, &refresh)
        .await
        .expect_err("refused");
    assert_eq!(error.class, GrantErrorClass::Operator, "{error:?}");
    world.refresh(&refresh).await.expect("so is the token");
}

async fn an_unknown_client_is_the_operators(world: World) {
    let wrong = world.app_with(|app| app.client_id = "nobody".to_owned());
    let code = world.code().await;
    let error = world.exchange_as(&wrong, &code).await.expect_err("refused");
    assert_eq!(error.class, GrantErrorClass::Operator, "{error:?}");
    world.exchange(&code).await.expect("the code is good still");
}

async fn another_redirect_uri(world: World) {
    let other = Url::parse("https://mooring.example/elsewhere").expect("a URL");
    let wrong = world.app_with(|app| app.redirect_uri = other);
    let code = world.code().await;
    let error = world.exchange_as(&wrong, &code).await.expect_err("refused");
    let expected = match world.way {
        // They do not tell it from any other invalid grant.
        Way::Gitlab | Way::Bitbucket => GrantErrorClass::Refused,
        _ => GrantErrorClass::Operator,
    };
    assert_eq!(error.class, expected, "{error:?}");
    if world.way == Way::Gitlab {
        let refresh = world.refresh_token().await;
        let error = world
            .refresh_as(&wrong, &refresh)
            .await
            .expect_err("refused");
        assert_eq!(error.code.as_deref(), Some("invalid_grant"));
    }
}

async fn somebody_takes_the_grant_back(world: World) {
    if !world.renews() {
        return;
    }
    let refresh = world.refresh_token().await;
    world.forge.revoke_grants(world.registration.id, "ada");
    let error = world.refresh(&refresh).await.expect_err("revoked");
    let expected = match world.way {
        Way::Entra => GrantErrorClass::Revoked,
        _ => GrantErrorClass::Refused,
    };
    assert_eq!(error.class, expected, "{error:?}");
    assert_eq!(
        world.forge.count(&Match::any().grant_type("refresh_token")),
        1
    );
}

async fn denied(world: World) {
    world.forge.denies(world.face());
    let back = world.open(world.authorize_url(&world.app, None)).await;
    assert_eq!(get(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(get(&back, "code"), None);
}
