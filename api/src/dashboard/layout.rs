//! What all pages share: their frame, and how they show what cannot be read.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use kube::{Resource, ResourceExt};

use super::assets;
use crate::problem::Problem;
use crate::security_headers;
use crate::state::Guarded;

/// The parts of the dashboard, as the navigation names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Jobs,
    New,
    Storage,
    Accounts,
    Health,
}

const PLACES: [(Place, &str, &str); 5] = [
    (Place::Jobs, "Jobs", "/dashboard"),
    (Place::New, "New film", "/dashboard/new"),
    (Place::Storage, "Storage", "/dashboard/storage"),
    (Place::Accounts, "Accounts", "/dashboard/accounts"),
    (Place::Health, "Health", "/dashboard/health"),
];

/// What stands around a page.
#[derive(Clone, Debug)]
pub struct Frame {
    pub title: String,
    /// Who looks at it, as the cluster knows them; empty: nobody was let in.
    pub user: String,
    /// Where events come from that name fragments to fetch again; empty: nothing of it changes by itself.
    pub stream: String,
    here: Option<Place>,
}

/// A link of the navigation.
pub struct Link {
    pub label: &'static str,
    pub href: &'static str,
    pub is_here: bool,
}

impl Frame {
    /// Around a page of this part.
    pub fn new(title: impl Into<String>, here: Place, user: &str) -> Self {
        Self { title: title.into(), user: user.to_owned(), stream: String::new(), here: Some(here) }
    }

    /// Around a page that says why there is no other.
    pub fn of_problem(title: &str) -> Self {
        Self { title: title.to_owned(), user: String::new(), stream: String::new(), here: None }
    }

    /// The same for a page that changes: events come from this address.
    pub fn following(self, stream: String) -> Self {
        Self { stream, ..self }
    }

    pub fn links(&self) -> impl Iterator<Item = Link> + '_ {
        PLACES.into_iter().map(move |(place, label, href)| Link {
            label,
            href,
            is_here: self.here == Some(place),
        })
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub fn style(&self) -> &'static str {
        assets::style_address()
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub fn scripts(&self) -> &'static [String] {
        assets::script_addresses()
    }
}

/// An object that is there and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub id: String,
    /// Why, and what to do.
    pub why: String,
}

/// Those of these objects that cannot be read, in the order of their names.
pub fn unreadable<K: Resource>(listed: &[Arc<Guarded<K>>]) -> Vec<Unreadable> {
    let mut found: Vec<Unreadable> = listed
        .iter()
        .filter_map(|object| {
            let error = object.0.as_ref().err()?;
            Some(Unreadable {
                id: format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()),
                why: format!(
                    "The operator cannot read it, as if it were not there: {}. Correct it, or apply the definitions of the \
                     operator's release.",
                    error.error
                ),
            })
        })
        .collect();
    found.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    found
}

/// The page as an answer.
pub fn html(page: &impl Template) -> Result<Response, Problem> {
    let text = page.render().map_err(|error| Problem::internal("the page cannot be made", &error))?;
    Ok(security_headers::dashboard_page(text))
}
