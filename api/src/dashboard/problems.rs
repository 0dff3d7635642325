//! Problems as pages, for people who open an address of the dashboard: what is wrong, and what to do. Whoever is not let in
//! reads how to get in.

use askama::Template;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::assets::STYLE;
use super::layout::Frame;
use crate::problem::Problem;
use crate::security_headers::problem_page;

/// A problem as a page.
#[derive(Template)]
#[template(path = "dashboard/problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    /// It stands in the page: whoever is not let in gets no other file.
    style: &'static str,
    status: u16,
    detail: &'a str,
    hint: &'a str,
    is_stranger: bool,
}

/// Makes a page of a problem that is the answer to a person's request for a page.
pub async fn as_pages(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_page = is_read && is_page(request.uri().path(), request.uri().query().unwrap_or_default());
    let response = next.run(request).await;
    let problem = response.extensions().get::<Problem>().filter(|_| is_page).cloned();
    match problem {
        Some(problem) => page(&problem, response),
        None => response,
    }
}

/// Whether a person looks at what is answered. Fragments, assets and events are for the script.
fn is_page(path: &str, query: &str) -> bool {
    let of_script = ["/dashboard/assets/", "/dashboard/stream", "/dashboard/session"];
    let is_ours = path == "/" || path == "/dashboard" || path.starts_with("/dashboard/");
    is_ours
        && !of_script.iter().any(|prefix| path.starts_with(prefix))
        && !query.split('&').any(|pair| pair.starts_with("fragment="))
}

fn page(problem: &Problem, response: Response) -> Response {
    let is_stranger = problem.status == StatusCode::UNAUTHORIZED;
    let title = if is_stranger { "Sign in" } else { problem.status.canonical_reason().unwrap_or("Error") };
    let page = ProblemPage {
        frame: Frame::of_problem(title),
        style: STYLE,
        status: problem.status.as_u16(),
        detail: &problem.detail,
        hint: problem.hint.as_deref().unwrap_or_default(),
        is_stranger,
    };
    let Ok(text) = page.render() else { return response };
    let mut paged = problem_page(problem.status, STYLE, text);
    let (parts, _) = response.into_parts();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            paged.headers_mut().insert(name.clone(), value.clone());
        }
    }
    paged
}
