//! A token dies at the provider: the connection says so and what to do, and is healed in place.

use serde_json::{Value, json};

use super::accounts::{Account, Way};
use super::client::text;
use super::connect::{Connected, Person};
use super::sandbox::Sandbox;
use super::story::Story;
use crate::exit::Failure;

/// Tells it of the GitHub connection by a pasted token.
pub async fn tell(
    story: &mut Story,
    person: &Person<'_>,
    all: &[(&Account, Connected)],
    sandbox: &Sandbox,
) -> Result<(), Failure> {
    let pasted = all.iter().find_map(|(account, connected)| {
        let is_it = (account.provider, account.auth_method) == ("github", "pat");
        match &account.way {
            Way::Pasted(fields) if is_it => Some((fields.get("api_token")?.as_str()?, connected)),
            _ => None,
        }
    });
    let Some((token, connected)) = pasted else {
        return Ok(());
    };
    let path = format!("{}/{}", person.connections(), connected.id);
    let validate = format!("{path}/validate");
    let other = sandbox.replace(token, &connected.login);
    let dead = person.client.post(&validate, &json!({})).await?;
    let said = |pointer| dead.pointer(pointer).and_then(Value::as_str);
    let (Some("reauth_required"), Some(message), Some(action)) = (
        said("/health/code"),
        said("/health/message"),
        said("/health/action"),
    ) else {
        return Err(Failure::failed(format!(
            "a revoked token was not found out: {dead}"
        )));
    };
    story.tell(format!(
        "revoked the GitHub token of {} at the provider: \"{message} {action}\"",
        connected.login
    ));
    person
        .client
        .patch(&path, &json!({ "api_token": other }))
        .await?;
    let healed = person.client.get(&path).await?;
    if text(&healed, "status")? != "active" {
        return Err(Failure::failed(format!("it was not healed: {healed}")));
    }
    story.tell(format!(
        "pasted another one of {}: the same connection works again",
        connected.login
    ));
    Ok(())
}
