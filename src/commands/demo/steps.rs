//! The demo's steps: an organization, two connections, their syncs, and what is stored then.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::Client;
use super::sandbox::{Account, Sandbox};
use super::story::Story;
use crate::exit::Failure;

/// A sync of some hundred repositories takes less than a second; this is for a very busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Tells all of it; the organization's id.
pub async fn tell(
    story: &mut Story,
    client: &Client,
    sandbox: &Sandbox,
) -> Result<String, Failure> {
    let created = client
        .post("/organizations", &json!({ "name": "Demo" }))
        .await?;
    let organization = text(&created, "id")?;
    story.tell("created the organization Demo");

    let mut connected = Vec::new();
    for account in &sandbox.accounts {
        let path = format!("/organizations/{organization}/git-connections");
        let body = json!({
            "name": format!("{} of {}", account.shown, account.login),
            "provider": account.provider,
            "auth_method": account.auth_method,
            "api_token": account.token,
        });
        let connection = text(&client.post(&path, &body).await?, "id")?;
        story.tell(format!(
            "connected {}: the token was checked and stored, sealed",
            account.shown
        ));
        connected.push((account, connection));
    }
    for (account, connection) in &connected {
        validate(story, client, &organization, account, connection).await?;
    }
    for (account, connection) in &connected {
        synced(story, client, &organization, account, connection).await?;
    }
    let all = client
        .get(&format!(
            "/organizations/{organization}/repositories?per_page=1"
        ))
        .await?;
    let stored = all.get("total").and_then(Value::as_u64).unwrap_or_default();
    story.tell(format!(
        "{stored} repositories are stored and listed, {} after the start",
        story.total()
    ));
    Ok(organization)
}

async fn validate(
    story: &mut Story,
    client: &Client,
    organization: &str,
    account: &Account,
    connection: &str,
) -> Result<(), Failure> {
    let path = format!("/organizations/{organization}/git-connections/{connection}/validate");
    let answer = client.post(&path, &json!({})).await?;
    if answer.get("valid") != Some(&Value::Bool(true)) {
        return Err(Failure::failed(format!(
            "{} refused its token: {answer}",
            account.shown
        )));
    }
    let scopes = answer.get("scopes").and_then(Value::as_array);
    let scopes: Vec<_> = scopes
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    story.tell(format!(
        "validated {}: {} with {}, {} requests left",
        account.shown,
        text(&answer, "username")?,
        if scopes.is_empty() {
            "no scopes named".to_owned()
        } else {
            scopes.join(" ")
        },
        answer
            .get("rate_limit_remaining")
            .filter(|left| !left.is_null())
            .map_or("any number of".to_owned(), Value::to_string),
    ));
    Ok(())
}

/// The sync that began with the connection.
async fn synced(
    story: &mut Story,
    client: &Client,
    organization: &str,
    account: &Account,
    connection: &str,
) -> Result<(), Failure> {
    let list = format!(
        "/organizations/{organization}/jobs?kind=sync_connection&connection_id={connection}"
    );
    let jobs = client.get(&list).await?;
    let job = jobs
        .pointer("/jobs/0")
        .ok_or_else(|| Failure::failed(format!("{} has no sync job", account.shown)))?;
    let job = text(job, "id")?;
    let path = format!("/organizations/{organization}/jobs/{job}");
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            let job = client.get(&path).await?;
            match job.get("status").and_then(Value::as_str) {
                Some("queued" | "running") => tokio::time::sleep(BETWEEN_LOOKS).await,
                Some("succeeded") => return Ok(job),
                _ => {
                    return Err(Failure::failed(format!(
                        "the sync of {} did not succeed: {job}",
                        account.shown
                    )));
                }
            }
        }
    });
    ended
        .await
        .map_err(|_| Failure::failed(format!("the sync of {} takes too long", account.shown)))??;

    let runs = client
        .get(&format!(
            "/organizations/{organization}/git-connections/{connection}/syncs"
        ))
        .await?;
    let run = runs.pointer("/syncs/0").cloned().unwrap_or_default();
    let count = |name: &str| run.get(name).and_then(Value::as_u64).unwrap_or_default();
    let found = count("found");
    if found != account.repositories as u64 {
        return Err(Failure::failed(format!(
            "{} has {} repositories and the sync found {found}",
            account.shown, account.repositories
        )));
    }
    story.tell(format!(
        "synced {}: {found} repositories found, {} added, in {} requests{}",
        account.shown,
        count("added"),
        count("requests"),
        took(&run)
            .map(|took| format!(" and {took} ms"))
            .unwrap_or_default(),
    ));
    Ok(())
}

/// From the run's own times.
fn took(run: &Value) -> Option<i64> {
    let time = |name: &str| {
        let text = run.get(name)?.as_str()?;
        chrono::DateTime::parse_from_rfc3339(text).ok()
    };
    Some((time("finished_at")? - time("started_at")?).num_milliseconds())
}

fn text(value: &Value, field: &str) -> Result<String, Failure> {
    let text = value.get(field).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::failed(format!("the answer has no {field}: {value}")))
}
