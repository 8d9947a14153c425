//! HTTP methods as types, so that a handler is compiled for the one method that it answers.

use aide::axum::routing::{
    ApiMethodRouter, delete_with, get_with, patch_with, post_with, put_with,
};
use aide::operation::OperationHandler;
use aide::{OperationInput, OperationOutput};
use axum::handler::Handler;
use http::Method;

use crate::openapi::describe;
use crate::route::{Doc, Route};
use crate::state::ApiState;

/// A method that routes may have.
pub(crate) trait Verb {
    const METHOD: Method;

    /// The handler under this method, described.
    fn mount<H, I, O, T>(handler: H, route: &Route, doc: &Doc) -> ApiMethodRouter<ApiState>
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static;
}

macro_rules! verbs {
    ($($name:ident: $method:ident, $mount:ident;)+) => {$(
        pub(crate) struct $name;

        impl Verb for $name {
            const METHOD: Method = Method::$method;

            fn mount<H, I, O, T>(handler: H, route: &Route, doc: &Doc) -> ApiMethodRouter<ApiState>
            where
                H: Handler<T, ApiState> + OperationHandler<I, O>,
                I: OperationInput,
                O: OperationOutput,
                T: 'static,
            {
                $mount(handler, |operation| describe(operation, route, doc))
            }
        }
    )+};
}

verbs! {
    Get: GET, get_with;
    Post: POST, post_with;
    Put: PUT, put_with;
    Patch: PATCH, patch_with;
    Delete: DELETE, delete_with;
}
