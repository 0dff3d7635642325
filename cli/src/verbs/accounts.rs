//! `accounts`: what is used of each account, who waits, and what is wrong with it.

use clap::Args;
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use videofactory_client::{list, within};
use videofactory_crds::ProviderAccount;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::provideraccount::{ProviderAccountStatus, QuotaStatus};

use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::{Columns, Scope};
use crate::text::{NONE, or_none, span, until};

/// Show accounts: quotas, who waits, health, expiry
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory accounts -A
  kubectl videofactory accounts grok")]
pub struct AccountsArgs {
    /// Name of one ProviderAccount; the jobs that wait for it are shown, too
    #[arg(value_name = "NAME", add = names::accounts(), conflicts_with = "all_namespaces")]
    name: Option<String>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    columns: Columns,
}

/// Shows accounts.
pub async fn run(args: AccountsArgs, context: &mut Context) -> Result<Exit, Error> {
    let accounts = find(&args, context).await?;
    if context.print(&accounts, args.name.is_some(), args.columns.output)? {
        return Ok(Exit::Done);
    }
    if accounts.is_empty() {
        context.notify("There are no accounts here: films are made by the embedded providers, which are offline and free.")?;
        return Ok(Exit::Done);
    }
    let now = context.now();
    let wide = args.columns.are_wide();
    let mut header =
        vec!["NAME", "PROVIDER", "READY", "QUOTA", "USED", "LIMIT", "NEXT", "WAITING", "SPENT", "EXPIRES"];
    if args.scope.all_namespaces {
        header.insert(0, "NAMESPACE");
    }
    if wide {
        header.extend(["HEALTHY", "MESSAGE"]);
    }
    let rows: Vec<Vec<String>> =
        accounts.iter().flat_map(|account| rows(account, args.scope.all_namespaces, wide, now)).collect();
    let mut text = args.columns.table(&header, &rows);
    if args.name.is_some() {
        text += &accounts.iter().map(|account| waiters(account, args.columns, now)).collect::<String>();
    }
    context.data(&text)?;
    Ok(Exit::Done)
}

async fn find(args: &AccountsArgs, context: &Context) -> Result<Vec<ProviderAccount>, Error> {
    let client = context.cluster.client()?;
    if let Some(name) = &args.name {
        let namespace = &context.cluster.namespace;
        let api: Api<ProviderAccount> = Api::namespaced(client, namespace);
        let what = format!("get ProviderAccount {namespace}/{name}");
        return Ok(vec![within(what, api.get(name)).await?]);
    }
    let namespace = context.scope(args.scope.all_namespaces);
    let mut accounts: Vec<ProviderAccount> =
        list(&client, namespace.as_deref(), &ListParams::default()).await?;
    accounts.sort_by_key(|account| (account.namespace(), account.name_any()));
    Ok(accounts)
}

/// A line for each quota of an account, the first with what is the account's own.
fn rows(account: &ProviderAccount, namespaces: bool, wide: bool, now: Timestamp) -> Vec<Vec<String>> {
    let nothing = ProviderAccountStatus::default();
    let status = account.status.as_ref().unwrap_or(&nothing);
    let mut quotas: Vec<Option<&QuotaStatus>> = status.quotas.iter().map(Some).collect();
    if quotas.is_empty() {
        quotas.push(None);
    }
    let row = |(index, quota): (usize, Option<&QuotaStatus>)| {
        let first = |text: String| if index == 0 { text } else { String::new() };
        let mut row = Vec::new();
        if namespaces {
            row.push(first(account.namespace().unwrap_or_default()));
        }
        row.push(first(account.name_any()));
        row.push(first(account.spec.provider.as_str().to_owned()));
        row.push(first(state(status, ConditionType::Ready)));
        row.extend(of_quota(quota, now));
        row.push(first(status.waiting.unwrap_or(0).to_string()));
        row.push(first(spent(account, status)));
        row.push(first(expiry(account, now)));
        if wide {
            row.push(first(health(status)));
            row.push(first(or_none(message(status))));
        }
        row
    };
    quotas.into_iter().enumerate().map(row).collect()
}

fn of_quota(quota: Option<&QuotaStatus>, now: Timestamp) -> [String; 4] {
    let Some(quota) = quota else { return [NONE, NONE, NONE, NONE].map(str::to_owned) };
    let reserved = quota.reserved.filter(|reserved| *reserved > 0).map(|reserved| format!("+{reserved}"));
    let next = quota.blocked_until.as_ref().or(quota.next_unit_at.as_ref()).filter(|at| at.0 > now);
    [
        quota.name.clone(),
        format!("{}{}", quota.used.unwrap_or(0), reserved.unwrap_or_default()),
        or_none(quota.limit.map(|limit| limit.to_string())),
        next.map_or_else(|| NONE.to_owned(), |at| until(at.0, now)),
    ]
}

fn state(status: &ProviderAccountStatus, kind: ConditionType) -> String {
    or_none(condition::get(&status.conditions, kind).map(|condition| condition.status.clone()))
}

fn message(status: &ProviderAccountStatus) -> Option<String> {
    condition::get(&status.conditions, ConditionType::Ready).map(|ready| ready.message.clone())
}

fn health(status: &ProviderAccountStatus) -> String {
    let latency = status.health.as_ref().and_then(|health| health.latency_milliseconds);
    let state = state(status, ConditionType::Healthy);
    latency.map_or_else(|| state.clone(), |latency| format!("{state} ({latency} ms)"))
}

fn spent(account: &ProviderAccount, status: &ProviderAccountStatus) -> String {
    let used = status.spend.as_ref().and_then(|spend| spend.used);
    match (used, &account.spec.spend) {
        (None, None) => NONE.to_owned(),
        (used, Some(limit)) => format!("{}/{} in {}", used.unwrap_or_default(), limit.limit, limit.period),
        (Some(used), None) => used.to_string(),
    }
}

fn expiry(account: &ProviderAccount, now: Timestamp) -> String {
    match &account.spec.credentials_expire_at {
        None => NONE.to_owned(),
        Some(at) if at.0 <= now => format!("{} ago", span(now.as_second() - at.0.as_second())),
        Some(at) => until(at.0, now),
    }
}

fn waiters(account: &ProviderAccount, columns: Columns, now: Timestamp) -> String {
    let waiters = account.status.as_ref().map(|status| status.waiters.as_slice()).unwrap_or_default();
    if waiters.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = waiters
        .iter()
        .map(|waiter| {
            let units = waiter.units.iter().map(|(quota, units)| format!("{quota} {units}"));
            let since = waiter.since.as_ref().map(|since| span(now.as_second() - since.0.as_second()));
            vec![
                waiter.name.clone(),
                or_none(waiter.step.map(|step| step.to_string())),
                or_none(Some(units.collect::<Vec<_>>().join(", "))),
                or_none(since),
            ]
        })
        .collect();
    format!("\n{}", columns.table(&["WAITS", "STEP", "UNITS", "FOR"], &rows))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Fake, list_of, path, run};

    fn grok() -> Value {
        json!({
            "metadata": {"name": "grok", "namespace": "films"},
            "spec": {
                "provider": "XAI", "secretRef": {"name": "grok"}, "spend": {"limit": "100", "period": "30d"},
                "credentialsExpireAt": "2026-12-30T18:00:00Z",
            },
            "status": {
                "quotas": [
                    {"name": "generations", "limit": 25, "used": 20, "reserved": 5, "nextUnitAt": "2026-12-24T19:12:00Z"},
                    {"name": "seconds", "limit": 600, "used": 3},
                ],
                "waiting": 1, "spend": {"used": "3.20"},
                "waiters": [{"name": "ocean", "step": "animate-scenes", "units": {"generations": 7}, "since": "2026-12-24T17:30:00Z"}],
                "health": {"healthy": true, "latencyMilliseconds": 120},
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "Available", "message": "the key is taken", "lastTransitionTime": "2026-12-24T17:30:00Z"},
                    {"type": "Healthy", "status": "True", "reason": "Available", "message": "", "lastTransitionTime": "2026-12-24T17:30:00Z"},
                ],
            },
        })
    }

    fn fake() -> Fake {
        let embedded =
            json!({"metadata": {"name": "free", "namespace": "films"}, "spec": {"provider": "Embedded"}});
        Fake::default()
            .on(&format!("GET {}", path("films", "provideraccounts", "")), list_of(&[grok(), embedded]))
            .on(&format!("GET {}", path("films", "provideraccounts", "grok")), grok())
    }

    #[tokio::test]
    async fn each_quota_has_a_line() {
        let ended = run(&fake(), "accounts", None).await;
        assert_eq!(
            ended.out,
            "\
NAME   PROVIDER   READY   QUOTA         USED   LIMIT   NEXT     WAITING   SPENT                EXPIRES
free   Embedded   -       -             -      -       -        0         -                    -
grok   XAI        True    generations   20+5   25      in 72m   1         3.20/100.00 in 30d   in 6d
                          seconds       3      600     -
"
        );
    }

    #[tokio::test]
    async fn one_account_shows_who_waits() {
        let ended = run(&fake(), "accounts grok -o wide", None).await;
        let lines: Vec<&str> = ended.out.lines().collect();
        assert!(lines[1].ends_with("True (120 ms)   the key is taken"), "{}", ended.out);
        assert_eq!(lines[4], "WAITS   STEP             UNITS           FOR");
        assert_eq!(lines[5], "ocean   animate-scenes   generations 7   30m");
    }
}
