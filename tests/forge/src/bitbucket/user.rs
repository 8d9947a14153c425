//! `GET /user`: an access token is none, and is told so whatever it may else.

use serde_json::{Value, json};

use super::caller::Scope;
use super::render::time;
use super::{Call, account_uuid, errors};
use crate::answer::{self, Answer};
use crate::model::Owner;

pub(super) fn show(call: &Call<'_>) -> Result<Answer, Answer> {
    let caller = call.signed_in()?;
    if caller.is_access_token() {
        return Err(errors::not_for_this_credential());
    }
    call.scope(Scope::User)?;
    let Some(owner) = call.state.owner(caller.token.user) else {
        return Err(errors::unauthorized());
    };
    let mut body = call.account(owner);
    let more = json!({
        "username": owner.login,
        "account_status": "active",
        "has_2fa_enabled": null,
        "is_staff": false,
        "created_on": time(owner.created_at),
        "location": null,
    });
    if let (Value::Object(body), Value::Object(mut more)) = (&mut body, more) {
        body.append(&mut more);
    }
    Ok(answer::json(200, &body))
}

impl Call<'_> {
    /// The vendor's `user`, or `team` for what is no person.
    pub(super) fn account(&self, owner: &Owner) -> Value {
        let (web, api) = (&self.asked.base.web, &self.asked.base.api);
        let uuid = account_uuid(owner.id);
        let own = format!("{api}/users/{}", super::render::encoded(&uuid));
        let mut account = json!({
            "type": "user",
            "uuid": uuid,
            "display_name": owner.name,
            "nickname": owner.login,
            "account_id": format!("557058:{:032x}", owner.id),
            "links": {
                "self": { "href": own },
                "avatar": { "href": format!("{web}/account/{}/avatar/", owner.login) },
                "html": { "href": format!("{web}/{}/", owner.login) },
            },
        });
        if let (None, Some(team)) = (owner.user(), account.as_object_mut()) {
            team.insert("type".to_owned(), "team".into());
            team.insert("username".to_owned(), owner.login.clone().into());
            team.remove("nickname");
            team.remove("account_id");
        }
        account
    }
}
