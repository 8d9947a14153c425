//! One account becomes a connection: made, synced, listed.

use std::time::Duration;

use serde_json::{Value, json};

use super::accounts::{Account, Way};
use super::browser::Browser;
use super::client::{Client, text};
use crate::exit::Failure;

/// A sync of some hundred repositories takes less than a second; this is for a very busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);

/// Who makes connections: an organization's owner with a browser.
pub struct Person<'a> {
    /// Calls the API.
    pub client: &'a Client,
    /// Consents.
    pub browser: &'a Browser,
    /// The service's public URL, to which flows lead back.
    pub public_url: &'a str,
    /// The organization's id.
    pub organization: &'a str,
}

/// What became of an account.
pub struct Connected {
    /// The connection.
    pub id: String,
    /// The account as the provider named it.
    pub login: String,
    /// Repositories that are listed.
    pub repositories: u64,
}

impl Person<'_> {
    /// The path of the organization's connections.
    pub fn connections(&self) -> String {
        format!("/organizations/{}/git-connections", self.organization)
    }

    /// Connects it, waits for its sync, and looks at what is listed.
    pub async fn connect(&self, account: &Account) -> Result<Connected, Failure> {
        let id = match &account.way {
            Way::Pasted(fields) => self.paste(account, fields).await?,
            Way::Consent => self.consent(account).await?,
        };
        self.synced(account, &id).await?;
        let path = format!("{}/{id}", self.connections());
        let list = format!("{path}/repositories?per_page=1");
        let listed = self.client.get(&list).await?;
        let repositories = listed.get("total").and_then(Value::as_u64);
        if repositories != Some(account.repositories as u64) {
            return Err(Failure::failed(format!(
                "{} by {} has {} repositories, listed are {repositories:?}",
                account.shown, account.auth_method, account.repositories
            )));
        }
        let connection = self.client.get(&path).await?;
        let login = connection.pointer("/account/login").and_then(Value::as_str);
        Ok(Connected {
            id,
            login: login.unwrap_or("an account without a name").to_owned(),
            repositories: repositories.unwrap_or_default(),
        })
    }

    /// With a credential that was made at the provider.
    async fn paste(&self, account: &Account, fields: &Value) -> Result<String, Failure> {
        let mut body = json!({
            "name": format!("{} by {}", account.shown, account.auth_method),
            "provider": account.provider,
            "auth_method": account.auth_method,
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let made = self.client.post(&self.connections(), &body).await?;
        text(&made, "id")
    }

    /// By the provider's page and back.
    async fn consent(&self, account: &Account) -> Result<String, Failure> {
        let body = json!({
            "provider": account.provider,
            "auth_method": account.auth_method,
            "level": "organization",
            "organization_id": self.organization,
            "redirect_url": self.public_url,
        });
        let begun = self.client.post("/git-oauth/authorize", &body).await?;
        let page = text(&begun, "authorize_url")?;
        let landing = self.browser.consent(&page).await?;
        let said = |name: &str| {
            let mut pairs = landing.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        said("git_connection").ok_or_else(|| {
            let why = said("message").unwrap_or_else(|| "it does not say why".to_owned());
            Failure::failed(format!("the consent at {} failed: {why}", account.shown))
        })
    }

    /// The sync that began with the connection has ended well.
    async fn synced(&self, account: &Account, connection: &str) -> Result<(), Failure> {
        let jobs = format!("/organizations/{}/jobs", self.organization);
        let list = format!("{jobs}?kind=sync_connection&connection_id={connection}");
        let of = format!("the sync of {} by {}", account.shown, account.auth_method);
        let found = self.client.get(&list).await?;
        let job = found.pointer("/jobs/0");
        let job = job.ok_or_else(|| Failure::failed(format!("{of} has no job")))?;
        let path = format!("{jobs}/{}", text(job, "id")?);
        let ended = tokio::time::timeout(PATIENCE, async {
            loop {
                let job = self.client.get(&path).await?;
                match job.get("status").and_then(Value::as_str) {
                    Some("queued" | "running") => tokio::time::sleep(BETWEEN_LOOKS).await,
                    Some("succeeded") => return Ok(()),
                    _ => return Err(Failure::failed(format!("{of} did not succeed: {job}"))),
                }
            }
        });
        ended
            .await
            .map_err(|_| Failure::failed(format!("{of} takes too long")))?
    }
}
