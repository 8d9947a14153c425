//! `GET /meta`: addresses from which GitHub calls. Ours calls from loopback.

use serde_json::json;

use crate::answer::{self, Answer};

pub(super) fn show() -> Answer {
    let loopback = json!(["127.0.0.0/8"]);
    let body = json!({
        "verifiable_password_authentication": false,
        "hooks": loopback,
        "web": loopback,
        "api": loopback,
        "git": loopback,
    });
    answer::json(200, &body)
}
