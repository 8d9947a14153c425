//! The demo's steps: an organization, a connection of every kind, and what its tokens are for.

use serde_json::{Value, json};

use super::accounts::Account;
use super::browser::Browser;
use super::client::{Client, text};
use super::connect::{Connected, Person};
use super::heal;
use super::hooks;
use super::sandbox::Sandbox;
use super::story::Story;
use crate::exit::Failure;

/// Tells all of it; the organization's id.
pub async fn tell(
    story: &mut Story,
    client: &Client,
    browser: &Browser,
    public_url: &str,
    sandbox: &Sandbox,
) -> Result<String, Failure> {
    let created = client
        .post("/organizations", &json!({ "name": "Demo" }))
        .await?;
    let organization = text(&created, "id")?;
    story.tell("created the organization Demo; connecting, syncing and listing:");
    let person = Person {
        client,
        browser,
        public_url,
        organization: &organization,
    };
    let mut all = Vec::new();
    for account in &sandbox.accounts {
        let connected = person.connect(account).await?;
        story.tell(format!(
            "  {:<12}  {:<12}  {:<20}  {:>4} repositories",
            account.shown, account.auth_method, connected.login, connected.repositories
        ));
        all.push((account, connected));
    }
    for (account, connected) in &all {
        validate(&person, account, connected).await?;
    }
    story.tell(format!(
        "validated all {}: every credential works",
        all.len()
    ));
    let renewable = all
        .iter()
        .find(|(account, _)| (account.provider, account.auth_method) == ("gitlab", "oauth"));
    if let Some((_, connected)) = renewable {
        refresh(story, client, connected).await?;
        lend(story, &person, connected).await?;
    }
    heal::tell(story, &person, &all, sandbox).await?;
    hooks::tell(story, &person, &all, sandbox).await?;
    let list = format!("/organizations/{organization}/repositories?per_page=1");
    let listed = client.get(&list).await?;
    let stored = listed
        .get("total")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    story.tell(format!(
        "{stored} repositories of {} connections are stored and listed, {} after the start",
        all.len(),
        story.total()
    ));
    Ok(organization)
}

async fn validate(
    person: &Person<'_>,
    account: &Account,
    connected: &Connected,
) -> Result<(), Failure> {
    let path = format!("{}/{}/validate", person.connections(), connected.id);
    let answer = person.client.post(&path, &json!({})).await?;
    match answer.get("valid") {
        Some(Value::Bool(true)) => Ok(()),
        _ => Err(Failure::failed(format!(
            "{} refused its credential by {}: {answer}",
            account.shown, account.auth_method
        ))),
    }
}

/// GitLab's refresh tokens work once: the pair is replaced.
async fn refresh(story: &mut Story, client: &Client, connected: &Connected) -> Result<(), Failure> {
    let path = format!("/git-oauth/refresh/{}", connected.id);
    let answer = client.post(&path, &json!({})).await?;
    if answer.get("success") != Some(&Value::Bool(true)) {
        return Err(Failure::failed(format!(
            "the token of {} was not renewed: {answer}",
            connected.login
        )));
    }
    story.tell(format!(
        "renewed the GitLab token of {}: access and refresh token are new and sealed",
        connected.login
    ));
    Ok(())
}

/// To somebody who would clone. The password is not told.
async fn lend(
    story: &mut Story,
    person: &Person<'_>,
    connected: &Connected,
) -> Result<(), Failure> {
    let path = format!("{}/{}/credentials", person.connections(), connected.id);
    let body = json!({ "purpose": "the demo's clone", "valid_for": "30m" });
    let lent = person.client.post(&path, &body).await?;
    let (user, end) = (text(&lent, "username")?, text(&lent, "expires_at")?);
    text(&lent, "password")?;
    let lease = format!("{path}/{}", text(&lent, "lease_id")?);
    person.client.delete(&lease).await?;
    story.tell(format!(
        "lent a git credential of {} (user {user}, until {end}) and took it back",
        connected.login
    ));
    Ok(())
}
