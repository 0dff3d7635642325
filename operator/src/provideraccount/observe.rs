//! Observe: the one stage that reads. Who asks, from the cache; what has become of the holders of grants, live: a grant
//! is neither freed nor recorded on what a cache says.

use futures::{StreamExt, TryStreamExt, stream};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use videofactory_crds::{ProviderAccount, VideoJob};

use super::credentials::{Keyring, Known, Lacking};
use super::demand::holder_state;
use super::holders::{Holders, PendingRead, ReadResult};
use super::ledger::is_unopened;
use super::model::{Credentials, Health, Observed};
use crate::context::Context;
use crate::namespaced_name::NamespacedName;
use videofactory_client::call::{CallError, within};

/// Holders that are read concurrently.
const CONCURRENCY: usize = 8;

/// Reads everything that a decision about this account may know.
pub async fn observe(
    context: &Context,
    keyring: &Keyring,
    account: ProviderAccount,
    health: Health,
) -> Result<Observed, CallError> {
    let known = keyring.of(&context.client, &context.caches, &context.network, &account).await?;
    let duplicate = duplicate(context, keyring, &account, known.as_ref()).await?;
    Ok(Observed {
        holders: holders(context, &account).await?,
        credentials: match known {
            None => Credentials::NotNeeded,
            Some(Ok(_)) => Credentials::Here,
            Some(Err(Lacking::Key(message))) => Credentials::Incomplete(message),
            Some(Err(Lacking::Secret(message))) => Credentials::Missing(message),
            Some(Err(Lacking::Leave(message))) => Credentials::Forbidden(message),
        },
        duplicate,
        health,
        account,
    })
}

/// An older account with the same key, the oldest of them.
async fn duplicate(
    context: &Context,
    keyring: &Keyring,
    account: &ProviderAccount,
    known: Option<&Known>,
) -> Result<Option<String>, CallError> {
    let Some(Ok(own)) = known else { return Ok(None) };
    let age = |account: &ProviderAccount| (account.creation_timestamp(), account.uid());
    let mut older = Vec::new();
    for guarded in context.caches.accounts.state() {
        let Ok(other) = &guarded.0 else { continue };
        let comparable = other.namespace() == account.namespace()
            && other.spec.provider == account.spec.provider
            && other.metadata.deletion_timestamp.is_none()
            && age(other) < age(account);
        if comparable
            && matches!(keyring.of(&context.client, &context.caches, &context.network, other).await?, Some(Ok(key)) if key == *own)
        {
            older.push((age(other), other.name_any()));
        }
    }
    Ok(older.into_iter().min().map(|(_, name)| name))
}

/// Who asks, from the cache, and what has become of the holders of grants.
async fn holders(context: &Context, account: &ProviderAccount) -> Result<Holders, CallError> {
    let (name, namespace) = (account.name_any(), account.namespace().unwrap_or_default());
    let index = &context.caches.claims;
    let is_new = account.status.as_ref().is_none_or(is_unopened);
    // The open ones first: what ends in between is then in both lists, and never in neither.
    let key = NamespacedName::of(account);
    let open = index.open(&key);
    let settled = if is_new { index.settled(&key) } else { Vec::new() };
    let (mut holders, doubts) = Holders::of_caches(account, open, &settled, |grant| {
        let of = ObjectRef::new(grant.holder.name.as_deref().unwrap_or_default()).within(&namespace);
        let cached = context.caches.videojobs.get(&of);
        holder_state(grant, cached.as_ref().and_then(|guarded| guarded.0.as_ref().ok()), &name)
    });
    let reads: Vec<_> = doubts
        .into_iter()
        .map(|(job, pending)| resolve(context, account, &namespace, job, pending))
        .collect();
    let mut reads = stream::iter(reads).buffered(CONCURRENCY);
    while let Some(read) = reads.try_next().await? {
        holders.add(read);
    }
    Ok(holders)
}

async fn resolve(
    context: &Context,
    account: &ProviderAccount,
    namespace: &str,
    job: String,
    pending: PendingRead,
) -> Result<ReadResult, CallError> {
    let api: Api<VideoJob> = Api::namespaced(context.client.clone(), namespace);
    let live = within(format!("get VideoJob {namespace}/{job}"), api.get_opt(&job)).await?;
    Ok(pending.resolve(live.as_ref(), account))
}
