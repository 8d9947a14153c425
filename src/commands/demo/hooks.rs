//! Providers tell what happens: a hook at each of them, a repository renamed there, and the row here.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::accounts::{Account, Way};
use super::client::text;
use super::connect::{Connected, Person};
use super::sandbox::Sandbox;
use super::story::Story;
use crate::exit::Failure;

/// A delivery is handled within milliseconds; this is for a very busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);

/// Tells it of every provider, by its pasted connection.
pub async fn tell(
    story: &mut Story,
    person: &Person<'_>,
    all: &[(&Account, Connected)],
    sandbox: &Sandbox,
) -> Result<(), Failure> {
    let pasted = all.iter().filter(|(account, _)| {
        matches!(account.way, Way::Pasted(_)) && account.auth_method != "github_app"
    });
    let mut told = 0;
    for (account, connected) in pasted {
        let path = format!("{}/{}", person.connections(), connected.id);
        let list = person
            .client
            .get(&format!("{path}/repositories?per_page=1"))
            .await?;
        let full_name = list
            .pointer("/repositories/0/full_name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let body = json!({ "connection_id": connected.id, "full_name": full_name,
            "sast_enabled": true, "sca_enabled": true });
        let home = format!("/organizations/{}", person.organization);
        let repositories = format!("{home}/connected-repositories");
        person.client.post(&repositories, &body).await?;
        let hook = format!("{path}/webhook");
        let made = person
            .client
            .post(&hook, &json!({ "register": true }))
            .await?;
        text(&made, "secret")?;
        until("a hook", || async {
            let stands = person.client.get(&hook).await?;
            Ok(stands
                .pointer("/hooks/0/hook_id")
                .is_some_and(Value::is_string))
        })
        .await?;
        let name = format!("told-by-{}", account.provider.replace('_', "-"));
        let arrived = sandbox.rename(&full_name, &name).await;
        if arrived == 0 {
            return Err(Failure::failed(format!(
                "no delivery of {} arrived",
                account.shown
            )));
        }
        let search = format!("{home}/repositories?search={name}");
        until("a delivery's effect", || async {
            let found = person.client.get(&search).await?;
            Ok(found.get("total") == Some(&json!(1)))
        })
        .await?;
        story.tell(format!(
            "{} told by its webhook that {full_name} was renamed: {name}",
            account.shown
        ));
        told += 1;
    }
    let deliveries = format!(
        "/organizations/{}/webhook-deliveries?status=handled",
        person.organization
    );
    let list = person.client.get(&deliveries).await?;
    let handled = list
        .get("total")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    if handled < told {
        return Err(Failure::failed(format!(
            "{told} deliveries came, {handled} were handled"
        )));
    }
    Ok(())
}

async fn until<F: Future<Output = Result<bool, Failure>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while !ask().await? {
        if Instant::now() > deadline {
            return Err(Failure::failed(format!("waited in vain for {what}")));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Ok(())
}
