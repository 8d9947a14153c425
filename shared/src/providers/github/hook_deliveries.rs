//! What GitHub's hook of a repository has sent, and whether it was taken.
//!
//! Source: GitHub REST documentation, "Repository webhooks" (for those who administer the repository):
//! `last_response` of a hook is the answer to its last delivery; [`deliveries`] has
//! the list. GitHub neither sends again nor switches a hook off.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::super::transport::object;
use super::super::webhook::{HookDeliveries, HookPlace, HookStanding, Recalled, RememberedPage};
use super::super::{Access, ErrorClass, ProviderError};
use super::hooks::Hook;
use super::{Github, deliveries, path};

fn list_of(place: &HookPlace, id: &str) -> Result<String, ProviderError> {
    Ok(format!("{}/deliveries", hook_of(place, id)?))
}

fn hook_of(place: &HookPlace, id: &str) -> Result<String, ProviderError> {
    let hooks = format!("{}/hooks", path::by_id(&place.repository_id)?);
    deliveries::one_of(&hooks, id)
}

#[async_trait]
impl HookDeliveries for Github {
    fn memory(&self) -> Option<TimeDelta> {
        Some(TimeDelta::days(3))
    }

    async fn standing(
        &self,
        access: &Access,
        place: &HookPlace,
        id: &str,
    ) -> Result<HookStanding, ProviderError> {
        match self.client.get(access, &hook_of(place, id)?, &[]).await {
            Ok(answer) => Ok(object::<Hook>(&answer)?.standing()),
            Err(error) if error.class == ErrorClass::NotFound => Ok(HookStanding::Gone),
            Err(error) => Err(error),
        }
    }

    async fn remembered(
        &self,
        access: &Access,
        place: &HookPlace,
        part: &str,
        from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError> {
        let mut query = vec![("per_page", "100")];
        query.extend(from.map(|cursor| ("cursor", cursor)));
        let answer = self
            .client
            .get(access, &list_of(place, part)?, &query)
            .await?;
        deliveries::page(&answer)
    }

    async fn recall(
        &self,
        access: &Access,
        place: &HookPlace,
        part: &str,
        number: &str,
    ) -> Result<Recalled, ProviderError> {
        let path = deliveries::one_of(&list_of(place, part)?, number)?;
        let client = self.client.taking(deliveries::LARGEST);
        deliveries::recalled(&client.get(access, &path, &[]).await?)
    }
}
