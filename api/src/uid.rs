//! Paths that name a job by its UID, as `/jobs/<uid>/…`, lead where `/jobs/<namespace>/<name>/…` does.

use std::str::FromStr;

use axum::extract::Request;
use axum::http::Uri;
use videofactory_client::JobRef;
use videofactory_client::job_ref::is_uid;

/// The UID in a path, if a job is named by it there.
#[must_use]
pub fn of_path(path: &str) -> Option<&str> {
    let first = path.strip_prefix("/jobs/")?.split('/').next()?;
    is_uid(first).then_some(first)
}

/// The request to the path of this job instead of its UID's.
#[must_use]
pub fn rewrite(mut request: Request, uid: &str, job: &JobRef) -> Request {
    let (from, to) = (format!("/jobs/{uid}"), format!("/jobs/{job}"));
    let path = request.uri().path().replacen(&from, &to, 1);
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = request.uri().clone().into_parts();
    // A path that was one stays one: a name is of letters, digits and hyphens.
    if let Ok(target) = Uri::from_str(&format!("{path}{query}")) {
        parts.path_and_query = target.into_parts().path_and_query;
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const UID: &str = "0c5e9a3b-24c3-4a11-9d59-7c1f8b2d6e00";

    #[test]
    fn a_uid_in_a_path_becomes_namespace_and_name() {
        let path = format!("/jobs/{UID}/retry?dry_run=true");
        let request = Request::post(&path).body(Body::empty()).unwrap();
        let uid = of_path(request.uri().path()).unwrap().to_owned();
        let request = rewrite(request, &uid, &"films/ocean".parse().unwrap());
        assert_eq!(request.uri(), "/jobs/films/ocean/retry?dry_run=true");
        for path in ["/jobs", "/jobs/", "/jobs/films/ocean", "/jobs/actions", &format!("/accounts/{UID}")] {
            assert_eq!(of_path(path), None, "{path}");
        }
    }
}
