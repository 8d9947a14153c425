//! Bitbucket Cloud.

mod oauth;

pub use oauth::BitbucketOAuth;
