//! `api-version`, which every request has to name.

use super::{Call, errors};
use crate::answer::{Answer, Asked};

/// Whether a resource is released or under preview.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Released,
    Preview,
}

impl Call<'_> {
    /// Refuses a request without a version, with one that there is not, or without `-preview` where that is needed.
    pub(super) fn version(&self, kind: Kind) -> Result<(), Answer> {
        check(self.asked, kind)
    }
}

/// The same for what is answered outside of [`Call`], where the resource is released.
pub(crate) fn released(asked: &Asked) -> Result<(), Answer> {
    check(asked, Kind::Released)
}

fn check(asked: &Asked, kind: Kind) -> Result<(), Answer> {
    let Some(version) = asked.query.get("api-version") else {
        let method = asked.method.as_str();
        let message = format!(
            "No api-version was supplied for the \"{method}\" request. The version must be supplied either as part of the Accept header (e.g. \"application/json; api-version=1.0\") or as a query parameter (e.g. \"?api-version=1.0\")."
        );
        return Err(errors::version(&message, "VssVersionNotSpecifiedException"));
    };
    let (number, preview) = match version.split_once("-preview") {
        None => (version, false),
        Some((number, revision)) => {
            let revision = revision.strip_prefix('.').unwrap_or("1");
            if revision.parse::<u8>().is_err() {
                return Err(unknown(version));
            }
            (number, true)
        }
    };
    let known = ["4.1", "5.0", "5.1", "6.0", "7.0", "7.1", "7.2"].contains(&number);
    if !known || (number == "7.2" && !preview) {
        return Err(unknown(version));
    }
    if kind == Kind::Preview && !preview {
        let message = format!(
            "The requested version \"{version}\" of the resource is under preview. The -preview flag must be supplied in the api-version for such requests. For example: \"{version}-preview\""
        );
        return Err(errors::version(
            &message,
            "VssInvalidPreviewVersionException",
        ));
    }
    Ok(())
}

fn unknown(asked: &str) -> Answer {
    let message = format!("The requested version \"{asked}\" of the API is out of range.");
    errors::version(&message, "VssVersionOutOfRangeException")
}
