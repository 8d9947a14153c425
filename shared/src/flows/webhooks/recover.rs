//! Deliveries of Apps that never arrived: found in the provider's list, fetched, kept as if they had
//! come.
//!
//! GitHub does not send again by itself, and remembers what it sent for three days. So the list is looked
//! through from the newest back to where it was looked through last, with an overlap for what was under
//! way then; what was never answered with success and is not in the inbox is fetched and kept, under the
//! same id, so that it is kept once. Only when all of that is done the mark moves: whoever dies on the
//! way begins anew. Where the last look is longer ago than GitHub remembers, what lies between is a gap
//! that no list tells of; it is noted, and a sync of every connection of the App stands in for it. So it
//! is with one whose content GitHub does not give, since the mark would never move if it were waited for.

use chrono::TimeDelta;

use super::missing::{self, Fetched, Listed, Origin};
use crate::domain::ids::{OrganizationId, ProviderConfigId, WebhookSourceId};
use crate::domain::provider::ProviderKind;
use crate::flows::{Context, Error};
use crate::providers::{App, ProviderError};
use crate::session::trusting;
use crate::store::inbox;
use crate::store::provider_configs;
use crate::vault::{Column, Place};

/// What was under way at the last look is looked at again.
const OVERLAP: TimeDelta = TimeDelta::minutes(15);
/// How long GitHub remembers.
const REMEMBERED: TimeDelta = TimeDelta::days(3);
/// Pages in one look: 50,000 deliveries.
const PAGES: usize = 500;

/// An App whose deliveries are looked through.
#[derive(Clone, Debug)]
pub struct AppSource {
    /// What its deliveries are kept under.
    pub source: WebhookSourceId,
    /// Whose they are.
    pub organization: OrganizationId,
    app: App,
}

impl AppSource {
    /// The App's number.
    #[must_use]
    pub fn app_id(&self) -> i64 {
        self.app.id
    }
}

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Deliveries that the provider remembers of the time.
    pub seen: usize,
    /// Those that had never arrived and are kept now.
    pub recovered: usize,
    /// Whether a part of the time is no longer remembered, or a delivery could not be fetched.
    pub gap: bool,
}

/// The App of a registration, or of the platform's settings; `None` where there is none any more.
///
/// # Errors
/// Where its key does not open.
pub async fn app_source(
    context: &Context,
    organization: OrganizationId,
    config: Option<ProviderConfigId>,
) -> Result<Option<AppSource>, Error> {
    let Some(id) = config else {
        let (Some(app), Ok(instance)) = (
            context.apps.github_app.as_ref(),
            context.providers.instance(ProviderKind::Github, None),
        ) else {
            return Ok(None);
        };
        let Ok(number) = i64::try_from(app.id) else {
            return Ok(None);
        };
        return Ok(Some(AppSource {
            source: WebhookSourceId::of_platform_app(number),
            organization: OrganizationId::PLATFORM,
            app: App {
                instance,
                id: number,
                private_key: app.private_key.clone(),
            },
        }));
    };
    let mut tx = context.db.tenant(organization).await?;
    let stored = provider_configs::get(&mut *tx, id).await?;
    drop(tx);
    let Some(stored) = stored else {
        return Ok(None);
    };
    let (Some(number), Some(sealed)) = (
        stored.config.github_app_id,
        stored.github_app_private_key.as_deref(),
    ) else {
        return Ok(None);
    };
    let place = Place::provider_config(organization, id, Column::GithubAppPrivateKey);
    let private_key = context.vault.open(&place, sealed)?;
    let instance = context
        .providers
        .instance(stored.config.provider, Some(&stored.config.base_url))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let instance = trusting(context, organization, instance).await?;
    Ok(Some(AppSource {
        source: WebhookSourceId(id.0),
        organization,
        app: App {
            instance,
            id: number,
            private_key,
        },
    }))
}

/// Looks an App's list through, and keeps what never arrived. The inner error is the provider's.
///
/// # Errors
/// Where the database does not answer.
pub async fn recover(
    context: &Context,
    source: &AppSource,
) -> Result<Result<Look, ProviderError>, Error> {
    let begun = context.clock.now();
    let system = context.db.system();
    let last = inbox::checked_until(&system, source.source).await?;
    let since = last.map_or(begun - REMEMBERED, |last| last - OVERLAP);
    let listed = match listed(context, source, since).await {
        Ok(listed) => listed,
        Err(error) => return Ok(Err(error)),
    };
    let forgotten = last.filter(|last| *last < begun - REMEMBERED);
    let mut fetched = Fetched::default();
    fetched.untold(forgotten.map(|_| begun - REMEMBERED));
    fetched.untold(listed.untold_until(begun));
    let seen = listed.deliveries.len();
    let origin = Origin {
        organization: source.organization,
        source: source.source,
        connection: None,
        app_id: Some(source.app.id),
        provider: ProviderKind::Github,
    };
    for one in missing::missing(context, source.source, listed.deliveries).await? {
        let recalled = context
            .providers
            .app_deliveries()
            .recall(&source.app, &one.number)
            .await;
        if let Err(error) = fetched.take(context, origin, &one, recalled).await? {
            return Ok(Err(error));
        }
    }
    let gap = fetched
        .untold_until
        .map(|until| (forgotten.unwrap_or(since), until));
    let count = i32::try_from(fetched.recovered).unwrap_or(i32::MAX);
    inbox::note_look(
        &system,
        (source.organization, source.source),
        begun,
        count,
        gap,
    )
    .await?;
    Ok(Ok(Look {
        seen,
        recovered: fetched.recovered,
        gap: gap.is_some(),
    }))
}

async fn listed(
    context: &Context,
    source: &AppSource,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<Listed, ProviderError> {
    let deliveries = context.providers.app_deliveries();
    let (mut listed, mut from) = (Listed::new(since, PAGES), None);
    loop {
        let page = deliveries.remembered(&source.app, from.as_deref()).await?;
        from = listed.take(page);
        if from.is_none() {
            return Ok(listed);
        }
    }
}
