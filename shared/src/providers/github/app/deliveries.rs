//! What an App's hook has sent, asked as the App.
//!
//! Source: GitHub REST documentation, "GitHub App webhooks"; [`deliveries`] has
//! what is answered.

use async_trait::async_trait;
use http::Method;

use super::super::super::webhook::{AppDeliveries, Recalled, RememberedPage};
use super::super::{Github, deliveries};
use super::assertion;
use crate::providers::{App, ErrorClass, ProviderError};

const LIST: &str = "/app/hook/deliveries";

#[async_trait]
impl AppDeliveries for Github {
    async fn remembered(
        &self,
        app: &App,
        from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError> {
        let path = deliveries::page_of(LIST, from);
        let answer = assertion::ask::<()>(&self.client, app, Method::GET, &path, None).await?;
        deliveries::page(&answer)
    }

    async fn recall(&self, app: &App, number: &str) -> Result<Recalled, ProviderError> {
        let path = deliveries::one_of(LIST, number)?;
        let client = self.client.taking(deliveries::LARGEST);
        let answer = assertion::ask::<()>(&client, app, Method::GET, &path, None).await;
        let answer = answer.map_err(|mut error| {
            // It is the delivery that is not there, and no installation.
            if error.class == ErrorClass::Uninstalled {
                error.class = ErrorClass::NotFound;
            }
            error
        })?;
        deliveries::recalled(&answer)
    }
}
