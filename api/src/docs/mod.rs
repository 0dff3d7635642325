//! GET `/openapi.json` and GET `/docs`: the OpenAPI document, and a page made of it. The page needs nothing from anywhere
//! else and no script, so that its content security policy can forbid both.

mod page;

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Shared;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::page::Page;
use crate::problem::Problem;
use crate::security_headers::docs_page;

/// How the page looks.
const STYLE: &str = include_str!("../../templates/docs.css");

/// What is given, made once.
#[derive(Clone, Debug)]
pub struct Pages {
    json: Arc<str>,
    /// `None`: it could not be made; a bug.
    html: Option<Arc<str>>,
}

impl Pages {
    /// Of this document.
    #[must_use]
    pub fn new(document: &Value) -> Self {
        let html = Page::of(document, STYLE).render();
        if let Err(error) = &html {
            tracing::error!(%error, "the page of /docs cannot be made");
        }
        Self { json: document.to_string().into(), html: html.ok().map(Into::into) }
    }
}

/// The routes with their documentation.
pub fn routes() -> OpenApiRouter<Pages> {
    OpenApiRouter::new().routes(routes!(json)).routes(routes!(html))
}

/// This API as an OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "get_openapi", tag = "docs", responses(
    (status = 200, description = "The document", content_type = "application/json", body = Object),
))]
async fn json(Shared(pages): Shared<Pages>) -> Response {
    ([(CONTENT_TYPE, "application/json")], pages.json.to_string()).into_response()
}

/// This API as a page to read.
#[utoipa::path(get, path = "/docs", operation_id = "get_docs", tag = "docs", responses(
    (status = 200, description = "The page", content_type = "text/html", body = String),
))]
async fn html(Shared(pages): Shared<Pages>) -> Result<Response, Problem> {
    let Some(html) = pages.html else {
        return Err(Problem::internal("the page cannot be made", &"see the log of the start"));
    };
    Ok(docs_page(STYLE, html.to_string()))
}
