//! Exports the objects of a backup.

use async_trait::async_trait;
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::{Api, Client};

use super::{Document, Kind, Written};
use crate::call::{CallError, first_page, page_after, within};

/// Jobs are read before their accounts: what a job has spent stands in one of the two until both have seen it, so that
/// it is in a backup once at least. The other way about, an account could be read before it has recorded a grant, and the
/// job after it has forgotten it.
const ORDER: [Kind; 4] = [Kind::VideoJob, Kind::ProviderAccount, Kind::StoragePolicy, Kind::Channel];

/// The memory that a backup may take.
#[async_trait]
pub trait Budget: Send {
    /// Why there is none.
    type Error: From<CallError>;

    /// So many bytes in all.
    async fn grow_to(&mut self, bytes: usize) -> Result<(), Self::Error>;
}

/// All the memory of the process.
struct Boundless;

#[async_trait]
impl Budget for Boundless {
    type Error = CallError;

    async fn grow_to(&mut self, _bytes: usize) -> Result<(), CallError> {
        Ok(())
    }
}

/// A backup of this namespace, or of all, as the API server has it for whoever the client is. What this version does not
/// know of an object is kept too.
pub async fn export(client: &Client, namespace: Option<&str>, now: Timestamp) -> Result<Written, CallError> {
    export_within(client, namespace, now, &mut Boundless).await
}

/// The same within a budget, which is asked after each page of objects.
pub async fn export_within<B: Budget>(
    client: &Client,
    namespace: Option<&str>,
    now: Timestamp,
    budget: &mut B,
) -> Result<Written, B::Error> {
    let mut document = Document::begin(now, namespace);
    for kind in ORDER {
        let resource = kind.resource();
        let (api, whose): (Api<DynamicObject>, String) = match namespace {
            Some(namespace) => {
                (Api::namespaced_with(client.clone(), namespace, &resource), format!(" of {namespace}"))
            }
            None => (Api::all_with(client.clone(), &resource), " of all namespaces".to_owned()),
        };
        let what = format!("list the {}{whose}", resource.plural);
        let mut next = Some(first_page());
        while let Some(params) = next {
            let page = within(&what, api.list(&params)).await?;
            next = page_after(&page.metadata);
            page.items.into_iter().for_each(|object| document.add(kind, object));
            budget.grow_to(document.size()).await?;
        }
    }
    Ok(document.end())
}
