//! Which registration a grant belongs to.

use url::Url;

use crate::domain::connection::Connection;
use crate::flows::{Context, Error};
use crate::providers::OAuthApp;
use crate::store::refreshes::Grant;

/// The registration that a stored grant was given to, for renewing it; the inner error says, for
/// operators, why there is none: a grant of one client cannot be renewed by another.
///
/// # Errors
/// Where the database does not answer.
pub async fn for_grant(
    context: &Context,
    connection: &Connection,
    grant: &Grant,
) -> Result<Result<OAuthApp, String>, Error> {
    let Some(app) = context.apps.oauth(connection.provider) else {
        return Ok(Err(
            "the platform has no OAuth app at this provider".to_owned()
        ));
    };
    if grant
        .client_id
        .as_deref()
        .is_some_and(|id| id != app.client_id)
    {
        return Ok(Err("the grant was given to another client".to_owned()));
    }
    let Some(redirect_uri) = grant
        .redirect_uri
        .as_deref()
        .and_then(|uri| Url::parse(uri).ok())
    else {
        return Ok(Err("the redirect URI of the grant is not known".to_owned()));
    };
    let instance = context
        .providers
        .instance(connection.provider, Some(&connection.base_url))
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Ok(OAuthApp {
        instance,
        client_id: app.client_id.clone(),
        client_secret: app.client_secret.clone(),
        redirect_uri,
        scopes: None,
    }))
}
