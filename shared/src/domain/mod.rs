//! The words of the field: pure data and pure rules, without I/O, clock or randomness.

pub mod activity;
pub mod actor;
pub mod auth_method;
pub mod ca_certificate;
pub mod connection;
pub mod health;
pub mod ids;
pub mod job;
pub mod lane;
pub mod lifecycle;
pub mod oauth_state;
pub mod organization;
pub mod outbound_allow;
pub mod outbox;
pub mod page;
pub mod profile;
pub mod provider;
pub mod provider_config;
pub mod quota;
pub mod refresh;
pub mod registration;
pub mod repository;
pub mod secret;
pub mod sync;
pub(crate) mod text_enum;
