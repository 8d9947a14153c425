//! Refusals in Azure DevOps' words: exceptions in JSON, and the sign-in page for whoever is not known.

use serde_json::json;

use super::Call;
use crate::answer::{self, Answer, Asked, set};
use crate::model::{SignIn, State};

const HTML: &str = "text/html; charset=utf-8";

/// An exception of the service.
fn exception(status: u16, message: &str, name: &str) -> Answer {
    let body = json!({
        "$id": "1",
        "innerException": null,
        "message": message,
        "typeName": format!("Microsoft.TeamFoundation.{name}, Microsoft.TeamFoundation"),
        "typeKey": name.rsplit('.').next(),
        "errorCode": 0,
        "eventId": 3000,
    });
    answer::json(status, &body)
}

/// What a credential that is not taken gets.
pub(super) fn sign_in(state: &State, asked: &Asked) -> Answer {
    match state.settings.azure.sign_in {
        SignIn::Page => sign_in_page(),
        SignIn::Redirect => {
            let mut redirect = answer::bytes(
                302,
                HTML,
                "<html><head><title>Object moved</title></head></html>",
            );
            let location = format!(
                "{}/_signin?realm=dev.azure.com&protocol=wsfederation",
                asked.base.web
            );
            set(&mut redirect, "location", location);
            redirect
        }
        SignIn::Unauthorized => {
            let mut refusal = answer::bytes(401, HTML, "");
            set(
                &mut refusal,
                "www-authenticate",
                "Bearer, Basic realm=\"https://dev.azure.com/\"",
            );
            refusal
        }
    }
}

pub(super) fn sign_in_page() -> Answer {
    let body = "<!DOCTYPE html><html lang=\"en-US\"><head><title>Azure DevOps Services | Sign In</title></head>\
                <body><form method=\"post\"></form></body></html>";
    answer::bytes(203, HTML, body)
}

/// 401 for somebody who is known and may not do this.
pub(super) fn not_authorized(call: &Call<'_>) -> Answer {
    let id = super::guid::of(super::guid::PERSON, call.token.user);
    let message = format!("TF400813: The user '{id}' is not authorized to access this resource.");
    exception(
        401,
        &message,
        "Framework.Server.UnauthorizedRequestException",
    )
}

pub(super) fn no_project(name: &str) -> Answer {
    let message = format!(
        "TF200016: The following project does not exist: {name}. Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server."
    );
    exception(
        404,
        &message,
        "Core.WebApi.ProjectDoesNotExistWithNameException",
    )
}

pub(super) fn no_repository(name: &str) -> Answer {
    let message = format!(
        "TF401019: The Git repository with name or identifier {name} does not exist or you do not have permissions for the operation you are attempting."
    );
    exception(404, &message, "Git.Server.GitRepositoryNotFoundException")
}

/// 400 for a parameter outside its values.
pub(super) fn invalid(parameter: &str, value: &str) -> Answer {
    let message = format!("The value '{value}' is not valid for {parameter}.");
    exception(
        400,
        &message,
        "Framework.Server.InvalidArgumentValueException",
    )
}

/// 400 for the version of the API.
pub(super) fn version(message: &str, name: &str) -> Answer {
    exception(400, message, &format!("WebApi.{name}"))
}

/// 404 below an organization's API.
pub(super) fn no_route(call: &Call<'_>) -> Answer {
    let message = format!(
        "The controller for path '{}' was not found or does not implement IController.",
        call.asked.path
    );
    exception(404, &message, "Framework.Server.HttpException")
}

pub(super) fn method(method: &str) -> Answer {
    let message = format!("The requested resource does not support http method '{method}'.");
    exception(405, &message, "Framework.Server.HttpException")
}

/// 404 as a page: there is no such organization.
pub(super) fn no_page() -> Answer {
    answer::bytes(
        404,
        HTML,
        "<!DOCTYPE html><html><head><title>404 - Page not found</title></head></html>",
    )
}

pub(super) fn blocked() -> Answer {
    let message = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource 'Concurrency' in namespace 'User'.";
    exception(429, message, "Framework.Server.RequestBlockedException")
}
