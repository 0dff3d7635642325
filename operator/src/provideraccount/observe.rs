//! Observe: the one stage that reads. Who asks, from the cache; what has become of the holders of grants, live: a grant
//! is neither freed nor booked on what a cache says.

use futures::{StreamExt, TryStreamExt, stream};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use videofactory_crds::provideraccount::{Grant, Holder};
use videofactory_crds::{ProviderAccount, VideoJob};

use super::closing::{is_begun_elsewhere, needs_a_look};
use super::conditions::Credentials;
use super::credentials::{Keyring, Known, Lacking};
use super::decide::{Health, Observed};
use super::demand::{Claim, Standing, claims, same_attempt, standing};
use super::ledger::is_unopened;
use crate::client::{CallError, within};
use crate::context::Context;

/// Holders that are looked at concurrently.
const AT_ONCE: usize = 8;

/// Grants, and how their holders stand.
type Standings = Vec<(Grant, Standing)>;

/// Reads everything that a decision about this account may know.
pub async fn observe(
    context: &Context,
    keyring: &Keyring,
    account: ProviderAccount,
    health: Health,
) -> Result<Observed, CallError> {
    let known = keyring.of(&context.client, &context.caches, &context.network, &account).await?;
    let twin = twin(context, keyring, &account, known.as_ref()).await?;
    let claims = context.caches.claims.open(&account.namespace().unwrap_or_default(), &account.name_any());
    let (standings, cached) = standings(context, &account).await?;
    Ok(Observed {
        standings,
        cached,
        unknown: unknown(context, &account, &claims).await?,
        claims,
        credentials: match known {
            None => Credentials::NotNeeded,
            Some(Ok(_)) => Credentials::Here,
            Some(Err(Lacking::Key(message))) => Credentials::Incomplete(message),
            Some(Err(Lacking::Secret(message))) => Credentials::Missing(message),
            Some(Err(Lacking::Leave(message))) => Credentials::Forbidden(message),
        },
        twin,
        health,
        account,
    })
}

/// An older account with the same key, the oldest of them.
async fn twin(
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

/// What has become of the holders of open grants: by a live look, where the cache shows neither that they have begun nor
/// that they still may, and wherever a grant is closing; and as the cache shows the others.
async fn standings(
    context: &Context,
    account: &ProviderAccount,
) -> Result<(Standings, Standings), CallError> {
    let name = account.name_any();
    let namespace = account.namespace().unwrap_or_default();
    let (mut looks, mut known) = (Vec::new(), Vec::new());
    for grant in account.status.iter().flat_map(|status| &status.grants) {
        let of = ObjectRef::new(grant.holder.name.as_deref().unwrap_or_default()).within(&namespace);
        let cached = context.caches.videojobs.get(&of);
        let job = cached.as_ref().and_then(|guarded| guarded.0.as_ref().ok());
        let standing = standing(grant, job, &name);
        if needs_a_look(grant, &standing) {
            looks.push(live_standing(context, &namespace, &name, grant.clone()));
        } else {
            known.push((grant.clone(), standing));
        }
    }
    Ok((stream::iter(looks).buffered(AT_ONCE).try_collect().await?, known))
}

async fn live_standing(
    context: &Context,
    namespace: &str,
    account: &str,
    grant: Grant,
) -> Result<(Grant, Standing), CallError> {
    let job = live(context, namespace, &grant.holder).await?;
    let standing = standing(&grant, job.as_ref(), account);
    Ok((grant, standing))
}

/// Attempts that were begun with grants of which the ledger knows nothing. Those that have ended are among them only as long
/// as the ledger was never written: an account of the same name may have been deleted before it had booked them, and
/// their holders wait until this one has.
async fn unknown(
    context: &Context,
    account: &ProviderAccount,
    open: &[Claim],
) -> Result<Vec<Claim>, CallError> {
    let (name, namespace) = (account.name_any(), account.namespace().unwrap_or_default());
    let is_new = account.status.as_ref().is_none_or(is_unopened);
    let settled = if is_new { context.caches.claims.settled(&namespace, &name) } else { Vec::new() };
    let elsewhere = open.iter().chain(&settled).filter(|claim| is_begun_elsewhere(account, claim));
    let looks: Vec<_> =
        elsewhere.map(|claim| live_claim(context, account, &namespace, &claim.demand.holder)).collect();
    let live: Vec<Option<Claim>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    Ok(live.into_iter().flatten().collect())
}

/// The claim of this attempt as the API server has it, if it still is to be taken up.
async fn live_claim(
    context: &Context,
    account: &ProviderAccount,
    namespace: &str,
    holder: &Holder,
) -> Result<Option<Claim>, CallError> {
    let Some(job) = live(context, namespace, holder).await? else { return Ok(None) };
    let mut live = claims(&job, &account.name_any()).into_iter();
    Ok(live.find(|live| same_attempt(&live.demand.holder, holder) && is_begun_elsewhere(account, live)))
}

/// The holder's `VideoJob`, as the API server has it.
async fn live(context: &Context, namespace: &str, holder: &Holder) -> Result<Option<VideoJob>, CallError> {
    let name = holder.name.as_deref().unwrap_or_default();
    let api: Api<VideoJob> = Api::namespaced(context.client.clone(), namespace);
    within(format!("get VideoJob {namespace}/{name}"), api.get_opt(name)).await
}
