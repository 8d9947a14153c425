//! Azure DevOps Services, with Microsoft Entra in front.

mod oauth;

pub use oauth::EntraOAuth;
