//! A route as data: where it lies, who may call it, what it is for.
//!
//! The router is written with [`Routes`], which notes every route while it mounts it, so the table
//! that tests and guards read cannot drift from what is served.

use std::collections::HashMap;

use aide::axum::ApiRouter;
use aide::operation::OperationHandler;
use aide::{OperationInput, OperationOutput};
use axum::handler::Handler;
use http::Method;
use shared::authz::{Need, Permission};

use crate::state::ApiState;
use crate::verb::Verb;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Anyone,
    /// A provider that delivers, and proves itself by a signature over what it sends.
    Provider,
    /// Any caller that is known.
    SignedIn,
    /// A caller of the organization in the path that has what it needs.
    Organization(Need),
    /// A caller of the platform that has what it needs.
    Platform(Need),
}

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its method; a GET answers HEAD too.
    pub method: Method,
    /// Its path with `{parameters}`.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// The id of its operation in the OpenAPI description.
    pub operation: String,
    /// Its place in the table.
    pub index: usize,
}

impl Route {
    /// Whether it changes anything.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.method != Method::GET
    }
}

/// What is written about an operation, beside its handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doc {
    /// `list_connections`.
    pub id: &'static str,
    /// `Connections`.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What one has to know to use it.
    pub description: &'static str,
    /// Problems of its own, by status and code; those of the conventions are added.
    pub problems: &'static [(u16, &'static str)],
}

const ORGANIZATION: &str = "/api/v1/organizations/{organization_id}";
const PLATFORM: &str = "/api/v1/platform";

/// Routes while they are written down.
pub(crate) struct Routes {
    /// Taken out for a moment while a route is added.
    router: Option<ApiRouter<ApiState>>,
    table: Vec<Route>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self {
            router: Some(ApiRouter::new()),
            table: Vec::new(),
        }
    }

    /// A route at exactly this path.
    pub(crate) fn at<V, H, I, O, T>(
        &mut self,
        verb: V,
        path: &str,
        access: Access,
        handler: H,
        doc: &Doc,
    ) where
        V: Verb,
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.mount(
            &verb,
            path.to_owned(),
            access,
            handler,
            doc,
            doc.id.to_owned(),
        );
    }

    /// A route below every organization and below the platform.
    pub(crate) fn both<V, H, I, O, T>(
        &mut self,
        verb: V,
        path: &str,
        permission: Permission,
        handler: H,
        doc: &Doc,
    ) where
        V: Verb,
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let path_of_organization = format!("{ORGANIZATION}{path}");
        let need = Need::Permission(permission);
        let (access, id) = (Access::Organization(need), doc.id.to_owned());
        self.mount(
            &verb,
            path_of_organization,
            access,
            handler.clone(),
            doc,
            id,
        );
        let id = format!("{}_of_platform", doc.id);
        self.mount(
            &verb,
            format!("{PLATFORM}{path}"),
            Access::Platform(need),
            handler,
            doc,
            id,
        );
    }

    /// A route below every organization.
    pub(crate) fn of_organization<V, H, I, O, T>(
        &mut self,
        verb: V,
        path: &str,
        need: Need,
        handler: H,
        doc: &Doc,
    ) where
        V: Verb,
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let access = Access::Organization(need);
        self.mount(
            &verb,
            format!("{ORGANIZATION}{path}"),
            access,
            handler,
            doc,
            doc.id.to_owned(),
        );
    }

    fn mount<V, H, I, O, T>(
        &mut self,
        _: &V,
        path: String,
        access: Access,
        handler: H,
        doc: &Doc,
        operation: String,
    ) where
        V: Verb,
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let route = Route {
            method: V::METHOD,
            path,
            access,
            operation,
            index: self.table.len(),
        };
        let mounted = V::mount(handler, &route, doc);
        let router = self.router.take().unwrap_or_else(ApiRouter::new);
        self.router = Some(router.api_route(&route.path, mounted));
        self.table.push(route);
    }

    pub(crate) fn finish(self) -> (ApiRouter<ApiState>, Vec<Route>) {
        (self.router.unwrap_or_else(ApiRouter::new), self.table)
    }
}

/// The table, found by what the router matched.
pub(crate) struct Table {
    routes: Vec<Route>,
    by_path: HashMap<String, Vec<usize>>,
}

impl Table {
    pub(crate) fn new(routes: Vec<Route>) -> Self {
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for route in &routes {
            by_path
                .entry(route.path.clone())
                .or_default()
                .push(route.index);
        }
        Self { routes, by_path }
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<&Route> {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.by_path
            .get(path)?
            .iter()
            .map(|index| &self.routes[*index])
            .find(|route| route.method == method)
    }
}
