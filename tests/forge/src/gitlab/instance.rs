//! `GET /version` and `GET /metadata`, which answer the same.

use serde_json::json;

use super::Call;
use crate::answer::{self, Answer};

pub(super) fn metadata(call: &Call<'_>) -> Result<Answer, Answer> {
    call.signed_in()?;
    call.scope(&["api", "read_api", "read_user", "ai_features"])?;
    let version = &call.state.settings.gitlab.version;
    let body = json!({
        "version": version,
        "revision": "f0a6e5a4d0b",
        "kas": { "enabled": false, "externalUrl": null, "externalK8sProxyUrl": null, "version": null },
        "enterprise": version.ends_with("-ee"),
    });
    Ok(answer::json(200, &body))
}
