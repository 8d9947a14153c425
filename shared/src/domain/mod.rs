//! The words of the field: pure data and pure rules, without I/O, clock or randomness.

pub mod activity;
pub mod actor;
pub mod auth_method;
pub mod connection;
pub mod health;
pub mod ids;
pub mod job;
pub mod lane;
pub mod lifecycle;
pub mod organization;
pub mod outbound_allow;
pub mod page;
pub mod provider;
pub mod quota;
pub mod refresh;
pub mod registration;
pub mod repository;
pub mod rotation;
pub mod secret;
pub mod sync;
pub(crate) mod text_enum;
pub mod timeline;
