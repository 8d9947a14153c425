//! `GET /user`: private fields for a token that may read them, the public profile else.

use serde_json::{Value, json};

use super::render::time;
use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::model::Visibility;

pub(super) fn show(call: &Call<'_>) -> Answer {
    let Some(token) = call.viewer.token else {
        return errors::requires_authentication();
    };
    let Some((owner, user)) = call
        .state
        .owner(token.user)
        .and_then(|owner| Some((owner, owner.user()?)))
    else {
        return errors::not_found();
    };
    let own = || {
        let ids = owner.repositories.iter();
        ids.filter_map(|id| call.state.repository(*id))
    };
    let public = own()
        .filter(|repository| repository.visibility == Visibility::Public)
        .count();
    let private = own().count() - public;
    let mut fields = call.simple_user(owner);
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("name", owner.name.as_str().into());
    for nothing in ["company", "location", "hireable", "bio", "twitter_username"] {
        put(nothing, Value::Null);
    }
    put("blog", "".into());
    put("email", user.email.as_str().into());
    put("notification_email", user.email.as_str().into());
    put("public_repos", public.into());
    for none in ["public_gists", "followers", "following"] {
        put(none, 0.into());
    }
    put("created_at", time(owner.created_at).into());
    put("updated_at", time(owner.created_at).into());
    if token.has_any_scope(&["user", "read:user"]) {
        put("user_view_type", "private".into());
        put("private_gists", 0.into());
        put("total_private_repos", private.into());
        put("owned_private_repos", private.into());
        put("disk_usage", own().map(|r| r.size).sum::<u64>().into());
        put("collaborators", 0.into());
        put("two_factor_authentication", true.into());
        put(
            "plan",
            json!({ "name": "pro", "space": 976_562_499, "private_repos": 9_999, "collaborators": 0 }),
        );
    }
    answer::json(200, &Value::Object(fields))
}
