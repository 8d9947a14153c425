//! One suite for all adapters: the same questions and faults, the same answers and classes.

mod azure;
mod bitbucket;
mod branches;
mod conditional;
mod failures;
mod github;
mod github_app;
mod gitlab;
mod identity;
mod listings;
mod world;

/// Runs each of a module's functions against every way to reach a provider.
macro_rules! everywhere {
    ($($name:ident),+ $(,)?) => {
        mod on_github {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::start(crate::world::Way::Github).await).await;
            })+
        }
        mod on_enterprise_server {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::start(crate::world::Way::Enterprise).await).await;
            })+
        }
        mod on_gitlab {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::start(crate::world::Way::Gitlab).await).await;
            })+
        }
        mod on_bitbucket {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::start(crate::world::Way::Bitbucket).await).await;
            })+
        }
        mod on_azure {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::start(crate::world::Way::Azure).await).await;
            })+
        }
    };
}
pub(crate) use everywhere;
