//! What kind of credential there is, and where an access token is for.

use super::super::{Access, ErrorClass, InputFault, ProviderError};
use crate::domain::secret::ExposeSecret;

/// A user's token, which works with an e-mail.
pub(super) fn is_api_token(token: &str) -> bool {
    token.starts_with("ATATT3")
}

/// A token of a workspace, a project or a repository.
pub(super) fn is_access_token(token: &str) -> bool {
    token.starts_with("ATCTT3")
}

pub(super) fn is_email(username: &str) -> bool {
    username.contains('@')
}

/// Whether nobody stands behind the credential: it has no role anywhere.
pub(super) fn is_nobodys(access: &Access) -> bool {
    is_access_token(access.token.expose_secret())
}

/// `workspace` or `workspace/repository`, where the connection says it for an access token.
pub(super) fn named_place(access: &Access) -> Option<&str> {
    let name = access.username.as_deref().map(str::trim)?;
    (is_nobodys(access) && !name.is_empty() && !is_email(name)).then_some(name)
}

/// What a person is told whose access token Bitbucket refuses for a reason that more can be said
/// of than "refused".
pub(super) fn unanswered(access: &Access, error: &ProviderError) -> Option<InputFault> {
    if !is_nobodys(access) {
        return None;
    }
    let named = named_place(access).is_some();
    match error.class {
        // Alive, as the first answer told; only where its repositories are is not known.
        ErrorClass::Forbidden | ErrorClass::ScopeMissing | ErrorClass::NotFound if !named => {
            Some(InputFault {
                field: "username",
                code: "workspace_required",
                message: "Bitbucket does not tell which workspace this access token is for. Give the workspace as username, or workspace/repository for the token of one repository.".to_owned(),
            })
        }
        ErrorClass::Forbidden | ErrorClass::NotFound => Some(InputFault {
            field: "username",
            code: "workspace_unreachable",
            message: "This access token does not reach the workspace or repository that username names. Check its spelling, as it stands in its address at Bitbucket, and that the token is for it.".to_owned(),
        }),
        ErrorClass::ScopeMissing => Some(InputFault {
            field: "api_token",
            code: "scope_missing",
            message: "This access token may not read repositories. Make one with the permission Repositories: Read.".to_owned(),
        }),
        ErrorClass::Unauthorized if !named => Some(InputFault {
            field: "api_token",
            code: "invalid_token",
            message: "Bitbucket refused this access token. Check that it was copied whole and has not expired; if it is the token of one repository or project, also give workspace/repository or the workspace as username.".to_owned(),
        }),
        _ => None,
    }
}
