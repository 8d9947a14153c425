//! One file per resource: what a call takes, which flow it is, what it answers.

pub(crate) mod activity;
pub(crate) mod api_tokens;
pub(crate) mod available_repositories;
pub(crate) mod branches;
pub(crate) mod connected_repositories;
mod connected_repository_view;
mod connection_body;
mod connection_view;
pub(crate) mod connections;
pub(crate) mod credentials;
pub(crate) mod events;
pub(crate) mod jobs;
pub(crate) mod members;
pub(crate) mod oauth;
pub(crate) mod oauth_callback;
mod oauth_page;
pub(crate) mod oauth_refresh;
pub(crate) mod organizations;
pub(crate) mod profiles;
pub(crate) mod provider_configs;
pub(crate) mod repositories;
pub(crate) mod syncs;
pub(crate) mod timeline;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhook_secrets;
pub(crate) mod webhooks;
