//! Every URL on one screen.

use std::sync::OnceLock;

use aide::openapi::OpenApi;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use http::StatusCode;
use shared::authz::{Need, Permission as P};

use crate::middleware::{edge, guard};
use crate::problem::Problem;
use crate::route::{Access, Route, Routes, Table};
use crate::state::ApiState;
use crate::v1::{
    activity, api_tokens, available_repositories, branches, connected_repositories, connections,
    credentials, events, jobs, members, oauth, oauth_callback, oauth_refresh, organizations,
    profiles, provider_configs, repositories, syncs, timeline, webhook_deliveries, webhook_secrets,
    webhooks,
};
use crate::verb::{Delete, Get, Patch, Post, Put};
use crate::{openapi, ops};

const GET: Get = Get;
const POST: Post = Post;
const PUT: Put = Put;
const PATCH: Patch = Patch;
const DELETE: Delete = Delete;

/// `both` is below `/api/v1/organizations/{organization_id}` and below `/api/v1/platform`.
#[rustfmt::skip]
fn write(r: &mut Routes) {
    r.at(GET, "/healthz", Access::Anyone, ops::healthz, &ops::HEALTHZ);
    r.at(GET, "/readyz", Access::Anyone, ops::readyz, &ops::READYZ);
    r.at(GET, "/metrics", Access::Anyone, ops::metrics, &ops::METRICS);

    const PORTAL_ADMIN: Access = Access::Platform(Need::PortalAdmin);
    r.at(GET, "/api/v1/organizations", Access::SignedIn, organizations::list, &organizations::LIST);
    r.at(POST, "/api/v1/organizations", PORTAL_ADMIN, organizations::create, &organizations::CREATE);
    r.of_organization(GET, "", Need::Membership, organizations::get, &organizations::GET);
    r.of_organization(PATCH, "", P::MembersManage.into(), organizations::update, &organizations::UPDATE);
    r.of_organization(DELETE, "", Need::Ownership, organizations::delete, &organizations::DELETE);

    r.of_organization(GET, "/members", P::MembersManage.into(), members::list, &members::LIST);
    r.of_organization(GET, "/members/{user_id}", P::MembersManage.into(), members::get, &members::GET);
    r.of_organization(PUT, "/members/{user_id}", P::MembersManage.into(), members::put, &members::PUT);
    r.of_organization(DELETE, "/members/{user_id}", P::MembersManage.into(), members::delete, &members::DELETE);

    r.both(GET, "/api-tokens", P::TokensManage, api_tokens::list, &api_tokens::LIST);
    r.both(POST, "/api-tokens", P::TokensManage, api_tokens::create, &api_tokens::CREATE);
    r.both(DELETE, "/api-tokens/{token_id}", P::TokensManage, api_tokens::delete, &api_tokens::DELETE);

    r.both(GET, "/git-provider-configs", P::ProvidersConfigure, provider_configs::list, &provider_configs::LIST);
    r.both(POST, "/git-provider-configs", P::ProvidersConfigure, provider_configs::save, &provider_configs::SAVE);
    r.both(DELETE, "/git-provider-configs/{config_id}", P::ProvidersConfigure, provider_configs::delete, &provider_configs::DELETE);

    r.at(GET, "/api/v1/git-oauth/status", Access::SignedIn, oauth::status, &oauth::STATUS);
    r.at(GET, "/api/v1/git-oauth/connections", Access::SignedIn, oauth::connections, &oauth::CONNECTIONS);
    r.at(POST, "/api/v1/git-oauth/refresh/{connection_id}", Access::SignedIn, oauth_refresh::refresh, &oauth_refresh::REFRESH);
    r.at(POST, "/api/v1/git-oauth/authorize", Access::SignedIn, oauth::authorize, &oauth::AUTHORIZE);
    r.at(GET, "/api/v1/auth/{provider}/callback", Access::Anyone, oauth_callback::callback, &oauth_callback::CALLBACK);
    r.at(GET, "/api/v1/auth/github/setup", Access::Anyone, oauth_callback::callback, &oauth_callback::SETUP);

    r.both(GET, "/git-connections", P::ConnectionsList, connections::list, &connections::LIST);
    r.both(POST, "/git-connections", P::ConnectionsCreate, connections::create, &connections::CREATE);
    r.both(POST, "/git-connections/test", P::ConnectionsTest, connections::test, &connections::TEST);
    r.both(GET, "/git-connections/{connection_id}", P::ConnectionsList, connections::get, &connections::GET);
    r.both(PATCH, "/git-connections/{connection_id}", P::ConnectionsUpdate, connections::update, &connections::UPDATE);
    r.both(DELETE, "/git-connections/{connection_id}", P::ConnectionsDelete, connections::delete, &connections::DELETE);
    r.both(POST, "/git-connections/{connection_id}/validate", P::ConnectionsTest, connections::validate, &connections::VALIDATE);
    r.both(POST, "/git-connections/{connection_id}/sync", P::RepositoriesManage, syncs::request, &syncs::REQUEST);
    r.both(GET, "/git-connections/{connection_id}/syncs", P::RepositoriesList, syncs::list, &syncs::LIST);
    r.both(GET, "/git-connections/{connection_id}/timeline", P::ConnectionsList, timeline::list, &timeline::LIST);
    r.both(GET, "/git-connections/{connection_id}/repositories", P::RepositoriesList, repositories::of_connection, &repositories::OF_CONNECTION);
    r.both(GET, "/git-connections/{connection_id}/branches", P::RepositoriesList, branches::list, &branches::LIST);

    r.both(POST, "/git-connections/{connection_id}/credentials", P::ConnectionsUse, credentials::issue, &credentials::ISSUE);
    r.both(DELETE, "/git-connections/{connection_id}/credentials/{lease_id}", P::ConnectionsUse, credentials::give_back, &credentials::GIVE_BACK);

    r.both(GET, "/git-connections/{connection_id}/webhook", P::ConnectionsList, webhook_secrets::get, &webhook_secrets::GET);
    r.both(POST, "/git-connections/{connection_id}/webhook", P::ConnectionsUpdate, webhook_secrets::create, &webhook_secrets::CREATE);
    r.both(DELETE, "/git-connections/{connection_id}/webhook", P::ConnectionsUpdate, webhook_secrets::delete, &webhook_secrets::DELETE);
    r.at(POST, "/api/v1/webhooks/github", Access::Provider, webhooks::receive_of_app, &webhooks::RECEIVE_OF_APP);
    r.at(POST, "/api/v1/webhooks/{provider}/{connection_id}", Access::Provider, webhooks::receive, &webhooks::RECEIVE);

    r.both(GET, "/webhook-deliveries", P::ConnectionsList, webhook_deliveries::list, &webhook_deliveries::LIST);
    r.both(GET, "/webhook-deliveries/{delivery_id}", P::ConnectionsList, webhook_deliveries::get, &webhook_deliveries::GET);
    r.both(POST, "/webhook-deliveries/{delivery_id}/redeliver", P::RepositoriesManage, webhook_deliveries::redeliver, &webhook_deliveries::REDELIVER);

    r.both(GET, "/repositories", P::RepositoriesList, repositories::list, &repositories::LIST);
    r.both(GET, "/repositories/available", P::RepositoriesList, available_repositories::list, &available_repositories::LIST);
    r.both(GET, "/repositories/{repository_id}", P::RepositoriesList, repositories::get, &repositories::GET);
    r.both(GET, "/repositories/{repository_id}/profile", P::RepositoriesList, profiles::get, &profiles::GET);

    r.both(GET, "/connected-repositories", P::RepositoriesList, connected_repositories::list, &connected_repositories::LIST);
    r.both(POST, "/connected-repositories", P::RepositoriesManage, connected_repositories::create, &connected_repositories::CREATE);
    r.both(GET, "/connected-repositories/{connected_repository_id}", P::RepositoriesList, connected_repositories::get, &connected_repositories::GET);
    r.both(PATCH, "/connected-repositories/{connected_repository_id}", P::RepositoriesManage, connected_repositories::update, &connected_repositories::UPDATE);
    r.both(DELETE, "/connected-repositories/{connected_repository_id}", P::RepositoriesManage, connected_repositories::delete, &connected_repositories::DELETE);

    r.both(GET, "/jobs", P::JobsList, jobs::list, &jobs::LIST);
    r.both(GET, "/jobs/{job_id}", P::JobsList, jobs::get, &jobs::GET);
    r.both(POST, "/jobs/{job_id}/retry", P::RepositoriesManage, jobs::retry, &jobs::RETRY);
    r.both(POST, "/jobs/{job_id}/cancel", P::RepositoriesManage, jobs::cancel, &jobs::CANCEL);

    r.both(GET, "/events", P::JobsList, events::follow, &events::FOLLOW);

    r.both(GET, "/activity", P::ActivityList, activity::list, &activity::LIST);
    r.both(GET, "/activity/export", P::ActivityList, activity::export, &activity::EXPORT);
    r.both(GET, "/activity/verify", P::ActivityList, activity::verify, &activity::VERIFY);
}

/// The router without its state, the description, and the table.
pub(crate) fn build() -> (Router<ApiState>, OpenApi, Vec<Route>) {
    let mut api = openapi::frame();
    let mut routes = Routes::new();
    write(&mut routes);
    let (router, table) = routes.finish();
    let router = router.finish_api(&mut api);
    openapi::complete(&mut api);
    (router, api, table)
}

/// The table, by what was matched.
pub(crate) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::new(build().2))
}

/// Every route that callers and operators rely on, as data.
#[must_use]
pub fn routes() -> &'static [Route] {
    table().routes()
}

/// Everything that the API's address serves.
pub fn router(state: ApiState) -> Router {
    let (routes, _, _) = build();
    let pages = Router::new()
        .route("/", get(ops::landing))
        .route("/api/openapi.json", get(ops::document))
        .route("/api/docs", get(ops::docs));
    routes
        .route_layer(from_fn_with_state(state.clone(), guard))
        .merge(pages)
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(from_fn_with_state(state.clone(), edge))
        .with_state(state)
}

/// What an address of its own serves (`MOORING_METRICS_LISTEN`).
pub fn ops_router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::own_metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(from_fn_with_state(state.clone(), edge))
        .with_state(state)
}

async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is nothing at this path. /api/docs lists what there is.",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This path does not take that method; the Allow header lists those that it does.",
    )
}
