//! The one way to the API server: how the client is made, and how long a call may take.
//!
//! No call outlives [`CALL_TIMEOUT`]: a reconcile that hangs would hold its object's slot for ever.

use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::ListParams;
use kube::client::ClientBuilder;
use kube::core::{ObjectList, Status};
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;

use crate::right::Right;

/// Longest time that one call may take, unless [`limit_calls`] says otherwise; watches are apart.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// What this process says otherwise.
static LIMIT: OnceLock<Duration> = OnceLock::new();
/// Objects of one page of a list: an answer that the API server gives well within a call's time.
const PAGE: u32 = 500;
/// Seconds after which the API server ends a watch, which is then taken up where it ended.
pub const WATCH_SECONDS: u32 = 60;

/// How long is waited before a call is made again that met a busy server, another version, or no answer.
pub(crate) const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A call to the API server that did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The API server refused.
    #[error("failed to {what}: {message}{}", remedy(.status))]
    Refused {
        /// What was tried, on what.
        what: String,
        /// The API server's words.
        message: String,
        status: Box<kube::core::Status>,
    },
    /// It could not be asked, or its answer could not be read.
    #[error("failed to {what}: {source}")]
    Failed {
        /// What was tried, on what.
        what: String,
        /// The API server's answer, or the fault on the way to it.
        source: Arc<kube::Error>,
    },
    /// No answer came.
    #[error("failed to {what}: the API server gave no answer within {} s", call_timeout().as_secs())]
    TimedOut {
        /// What was tried, on what.
        what: String,
    },
}

impl CallError {
    /// What the error of a call means. `what`: what was tried, as for [`within`].
    #[must_use]
    pub fn of(what: impl Into<String>, error: kube::Error) -> Self {
        let what = what.into();
        match error {
            kube::Error::Api(status) => Self::Refused { what, message: status.message.clone(), status },
            other => Self::Failed { what, source: Arc::new(other) },
        }
    }

    /// The text for somebody who asked in their own name: without what the operator's owner would have to do.
    #[must_use]
    pub fn for_people(&self) -> String {
        match self {
            Self::Refused { what, message, .. } => self
                .missing_right()
                .map_or_else(|| format!("failed to {what}: {message}"), |right| right.refusal()),
            Self::Failed { .. } | Self::TimedOut { .. } => self.to_string(),
        }
    }

    /// The object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_not_found())
    }

    /// The object exists already.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_already_exists())
    }

    /// The object was changed meanwhile, or is another one of the same name.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_conflict() && !status.is_already_exists())
    }

    /// It may have been done all the same: no answer came, or one of a server that has not come to its end.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        match self {
            Self::Refused { status, .. } => status.code >= 500,
            Self::Failed { .. } | Self::TimedOut { .. } => true,
        }
    }

    /// The API server has too much to do, and has done nothing.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.code == 429)
    }

    /// Whoever asked has no role that allows it. Other refusals with this code are those of quotas and policies.
    #[must_use]
    pub fn lacks_permission(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if lacks_a_role(status))
    }

    /// The right that whoever asked does not have, if that is why the API server refused and its words say which.
    #[must_use]
    pub fn missing_right(&self) -> Option<Right<'_>> {
        match self {
            Self::Refused { message, .. } if self.lacks_permission() => Right::missed_in(message),
            _ => None,
        }
    }

    /// The API server refuses the object itself: no retry helps before something is changed.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_invalid() || status.is_forbidden())
    }
}

/// Lets calls of this process take so long, from its start on.
pub fn limit_calls(limit: Duration) {
    // Said twice, the first holds.
    let _ = LIMIT.set(limit);
}

fn call_timeout() -> Duration {
    LIMIT.get().copied().unwrap_or(CALL_TIMEOUT)
}

/// What to do about a refusal of which the API server does not say it.
fn remedy(status: &Status) -> &'static str {
    if lacks_a_role(status) {
        "; apply the ClusterRole that belongs to this version of the operator"
    } else {
        ""
    }
}

// Refusals of quotas and policies say themselves what they want.
fn lacks_a_role(status: &Status) -> bool {
    status.code == 403 && status.message.contains(" cannot ")
}

/// Makes the client. Every call of a program goes through it, so that a layer put in here sees them all. `agent`: how
/// the program introduces itself, as `name/version`.
pub fn connect(mut config: Config, agent: &'static str) -> Result<Client, kube::Error> {
    config.connect_timeout = Some(Duration::from_secs(5));
    // Longer than a watch, which may be silent for its whole time.
    let longest_watch = Duration::from_secs(u64::from(WATCH_SECONDS) + 30);
    config.read_timeout = timer(longest_watch.max(call_timeout()));
    config.reset_reader_on_write = true;
    config.write_timeout = timer(call_timeout());
    config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
    // Every caller has its own back-off; a hidden one would hold slots and honour any Retry-After.
    config.default_retry = false;
    Ok(ClientBuilder::try_from(config)?.build())
}

/// A time-out of the connection; none for a time that is meant as for ever, since it is added to the present time there,
/// which has an end.
fn timer(limit: Duration) -> Option<Duration> {
    const FOR_EVER: Duration = Duration::from_hours(30 * 24);
    (limit < FOR_EVER).then_some(limit)
}

/// Makes a call, within the time that one may take. `what` reads like `create Job films/ocean-write-script-1`.
pub async fn within<T>(
    what: impl Into<String>,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(call_timeout(), call).await {
        Ok(answer) => answer.map_err(|error| CallError::of(what, error)),
        Err(_) => Err(CallError::TimedOut { what: what.into() }),
    }
}

/// All objects of a kind in a namespace, or in all. `which`: the labels and fields by which they are chosen.
pub async fn list<K>(
    client: &Client,
    namespace: Option<&str>,
    which: &ListParams,
) -> Result<Vec<K>, CallError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut objects = Vec::new();
    list_each(client, namespace, which, |object| objects.push(object)).await?;
    Ok(objects)
}

/// The same one by one, for whoever need not keep all of each.
pub async fn list_each<K>(
    client: &Client,
    namespace: Option<&str>,
    which: &ListParams,
    take: impl FnMut(K),
) -> Result<(), CallError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let ask = |page: ListParams| {
        let api = api.clone();
        let page = ListParams {
            label_selector: which.label_selector.clone(),
            field_selector: which.field_selector.clone(),
            ..page
        };
        async move { api.list(&page).await }
    };
    let what = format!("list the {} of {}", K::plural(&()), namespace.unwrap_or("all namespaces"));
    list_all(&what, ask, take).await
}

/// Gives `take` all objects of a list, which is asked for page by page, each within [`CALL_TIMEOUT`].
pub async fn list_all<K: Clone, F>(
    what: &str,
    ask: impl Fn(ListParams) -> F,
    mut take: impl FnMut(K),
) -> Result<(), CallError>
where
    F: Future<Output = Result<ObjectList<K>, kube::Error>>,
{
    let mut next = Some(first_page());
    while let Some(params) = next {
        let page = within(what, ask(params)).await?;
        next = page_after(&page.metadata);
        page.items.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// What to ask for to get the first page of a list.
pub(crate) fn first_page() -> ListParams {
    ListParams::default().limit(PAGE)
}

/// What to ask for to get the page after this one, if there is one.
pub(crate) fn page_after(page: &ListMeta) -> Option<ListParams> {
    let token = page.continue_.as_ref().filter(|token| !token.is_empty())?;
    Some(first_page().continue_token(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, reason: &str) -> CallError {
        let status = Status::failure("no", reason).with_code(code);
        CallError::of("create Job a/b", kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn the_two_kinds_of_409_are_distinguished() {
        assert!(refused(409, "AlreadyExists").is_already_exists());
        assert!(!refused(409, "AlreadyExists").is_conflict());
        assert!(refused(409, "Conflict").is_conflict());
        assert!(!refused(409, "Conflict").is_already_exists());
    }

    #[test]
    fn what_a_server_broke_off_may_have_been_done() {
        assert!(refused(504, "Timeout").is_inconclusive() && refused(500, "InternalError").is_inconclusive());
        assert!(
            !refused(403, "Forbidden").is_inconclusive()
                && !refused(429, "TooManyRequests").is_inconclusive()
        );
        assert!(refused(429, "TooManyRequests").is_throttled() && !refused(500, "").is_throttled());
        assert!(CallError::TimedOut { what: "create Job a/b".to_owned() }.is_inconclusive());
    }

    #[test]
    fn a_refusal_reads_as_a_sentence() {
        assert_eq!(refused(404, "NotFound").to_string(), "failed to create Job a/b: no");
    }

    #[test]
    fn a_permission_that_is_missing_says_what_to_apply() {
        let error_of = |message: &str| {
            let status = Status::failure(message, "Forbidden").with_code(403);
            CallError::of("get Secret a/b", kube::Error::Api(Box::new(status)))
        };
        let refused = error_of("secrets \"b\" is forbidden: User \"u\" cannot get resource \"secrets\"");
        let (role, person) = (refused.to_string(), refused.for_people());
        assert!(
            role.ends_with("; apply the ClusterRole that belongs to this version of the operator"),
            "{role}"
        );
        assert!(person.ends_with("cannot get resource \"secrets\""), "{person}");
        let whole = error_of(
            "secrets \"b\" is forbidden: User \"u\" cannot get resource \"secrets\" in API group \"\" in the namespace \"a\"",
        );
        assert_eq!(whole.for_people(), "you may not get secrets in namespace a");
        let quota = error_of("pods \"b\" is forbidden: exceeded quota: few").to_string();
        assert!(quota.ends_with("exceeded quota: few"), "{quota}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends() {
        let ended = within("get Lease a/b", std::future::pending::<Result<(), kube::Error>>()).await;
        assert!(matches!(ended, Err(CallError::TimedOut { .. })));
    }
}
