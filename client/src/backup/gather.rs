//! Reads what is to stand in a backup.

use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::{Api, Client};

use super::{Document, Kind, Written};
use crate::call::{CallError, list_all};

/// Jobs are read before their accounts: what a job has spent stands in one of the two until both have seen it, so that
/// it is in a backup once at least. The other way about, an account could be read before it has booked a grant, and the
/// job after it has forgotten it.
const ORDER: [Kind; 4] = [Kind::VideoJob, Kind::ProviderAccount, Kind::StoragePolicy, Kind::Channel];

/// A backup of this namespace, or of all, as the API server has it for whoever the client is. What this version does not
/// know of an object is kept too.
pub async fn gather(client: &Client, namespace: Option<&str>, now: Timestamp) -> Result<Written, CallError> {
    let mut document = Document::begin(now, namespace);
    for kind in ORDER {
        let resource = kind.resource();
        let (api, whose): (Api<DynamicObject>, String) = match namespace {
            Some(namespace) => {
                (Api::namespaced_with(client.clone(), namespace, &resource), format!(" of {namespace}"))
            }
            None => (Api::all_with(client.clone(), &resource), " of all namespaces".to_owned()),
        };
        let api = &api;
        let ask = |params| async move { api.list(&params).await };
        list_all(&format!("list the {}{whose}", resource.plural), ask, |object| document.add(kind, object))
            .await?;
    }
    Ok(document.end())
}
