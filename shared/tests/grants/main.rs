//! One suite for OAuth at all four providers, against the sandbox forge: consent, exchange, refresh, revocation, and what
//! each outcome says of the code or token that was presented.

mod failures;
mod flow;
mod registration;
mod world;

/// Runs each of a module's functions against every kind of registration.
macro_rules! everywhere {
    ($($name:ident),+ $(,)?) => {
        crate::everywhere!(@on on_a_github_oauth_app GithubOAuthApp $($name)+);
        crate::everywhere!(@on on_a_github_app GithubApp $($name)+);
        crate::everywhere!(@on on_gitlab Gitlab $($name)+);
        crate::everywhere!(@on on_bitbucket Bitbucket $($name)+);
        crate::everywhere!(@on on_entra Entra $($name)+);
    };
    (@on $module:ident $way:ident $($name:ident)+) => {
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                let way = crate::world::Way::$way;
                super::$name(crate::world::World::start(way).await).await;
            })+
        }
    };
}
pub(crate) use everywhere;
