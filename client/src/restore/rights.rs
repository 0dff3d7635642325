//! What a restore does, asked for before the first write: who may make objects and not write their statuses would leave
//! them held, for nobody to release.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use videofactory_crds::GROUP;

use super::plan::Plan;
use super::work::Work;
use crate::access::{RequireError, require};
use crate::right::Right;

/// Rights that are asked for at once.
const CONCURRENCY: usize = 16;

/// A verb, a resource, and the namespace of both.
type Needed<'w> = (&'static str, String, &'w str);

/// Fails with the first right that is missing.
pub(super) async fn check(client: &Client, works: &[Work<'_>]) -> Result<(), RequireError> {
    let asked: Vec<_> = needed(works).into_iter().map(|right| ask(client, right)).collect();
    stream::iter(asked).buffered(CONCURRENCY).try_collect().await
}

async fn ask(client: &Client, (verb, resource, namespace): Needed<'_>) -> Result<(), RequireError> {
    require(client, Right { verb, group: GROUP, resource: &resource, namespace: Some(namespace) }).await
}

fn needed<'w>(works: &'w [Work<'_>]) -> BTreeSet<Needed<'w>> {
    let ours = works.iter().filter(|work| work.is_ours());
    ours.flat_map(|work| {
        let plural = work.item.kind.resource().plural;
        let create = (work.plan == Plan::Create).then(|| ("create", plural.clone()));
        let held = work.item.kind.has_status().then(|| {
            [("get", plural.clone()), ("update", format!("{plural}/status")), ("patch", plural.clone())]
        });
        let rights = create.into_iter().chain(held.into_iter().flatten());
        rights.map(move |(verb, resource)| (verb, resource, work.item.namespace.as_str()))
    })
    .collect()
}
