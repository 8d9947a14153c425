//! `GET /user`.

use serde_json::{Value, json};

use super::render::time;
use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::model::Owner;

pub(super) fn show(call: &Call<'_>) -> Result<Answer, Answer> {
    let token = call.signed_in()?;
    call.scope(&["api", "read_api", "read_user"])?;
    let owner = call.state.owner(token.user);
    let Some((owner, user)) = owner.and_then(|owner| Some((owner, owner.user()?))) else {
        return Err(errors::not_found("User"));
    };
    let mut body = call.user_basic(owner);
    let more = json!({
        "created_at": time(owner.created_at),
        "bio": "",
        "location": "",
        "public_email": null,
        "email": user.email,
        "commit_email": user.email,
        "organization": "",
        "bot": false,
        "confirmed_at": time(owner.created_at),
        "last_activity_on": call.state.now().format("%Y-%m-%d").to_string(),
        "identities": [],
        "projects_limit": 100_000,
        "can_create_group": true,
        "can_create_project": true,
        "two_factor_enabled": true,
        "external": false,
        "private_profile": false,
    });
    if let (Value::Object(body), Value::Object(mut more)) = (&mut body, more) {
        body.append(&mut more);
    }
    Ok(answer::json(200, &body))
}

impl Call<'_> {
    /// The vendor's `UserBasic`.
    pub(super) fn user_basic(&self, owner: &Owner) -> Value {
        let web = &self.asked.base.web;
        json!({
            "id": owner.id,
            "username": owner.login,
            "name": owner.name,
            "state": "active",
            "locked": false,
            "avatar_url": format!("{web}/uploads/-/system/user/avatar/{}/avatar.png", owner.id),
            "web_url": format!("{web}/{}", owner.login),
        })
    }
}
