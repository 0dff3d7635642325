//! Asks the cluster, and gives what it says to the checks.

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client};
use videofactory_client::{CallError, JobFilter, Right, bulk, list, may, within};
use videofactory_crds::labels::OPERATOR_NAME as LEASE;
use videofactory_crds::{GROUP, ProviderAccount, VERSION, generate};

use super::rights::{IN_NAMESPACE_OF_OPERATOR, Missing, Need, OF_VERBS};
use super::{Check, installation, objects};
use crate::cluster::Cluster;
use crate::operator::{LABELS, Operator, namespace_of};
use crate::policies as policy;

/// The API server, and its version.
pub async fn cluster(client: &Client) -> Vec<Check> {
    let asked = within("get the API server's version", client.apiserver_version()).await;
    vec![match asked {
        Ok(version) => installation::version(&version.major, &version.minor, &version.git_version),
        Err(error) => installation::unreachable(error),
    }]
}

/// The definitions of our kinds.
pub async fn definitions(client: &Client) -> Vec<Check> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let ours = generate::all();
    let mut found = Vec::new();
    for definition in &ours {
        let name = definition.metadata.name.clone().unwrap_or_default();
        match within(format!("get CustomResourceDefinition {name}"), api.get_opt(&name)).await {
            Ok(there) => found.push(there),
            // Whoever may not read them may ask which kinds are served.
            Err(error) if error.is_rejected() => return served(client, &ours).await,
            Err(error) => return vec![Check::unseen("definitions", error)],
        }
    }
    vec![installation::definitions(&ours, &found)]
}

async fn served(client: &Client, ours: &[CustomResourceDefinition]) -> Vec<Check> {
    let version = format!("{GROUP}/{VERSION}");
    let asked = client.list_api_group_resources(&version);
    match within(format!("ask which kinds {version} has"), asked).await {
        Ok(list) => {
            let names: Vec<String> = list.resources.into_iter().map(|kind| kind.name).collect();
            vec![installation::served(ours, &names)]
        }
        Err(error) if error.is_not_found() => vec![installation::served(ours, &[])],
        Err(error) => vec![Check::unseen("definitions", error)],
    }
}

/// The operator's pods, who leads, and whether its routes can be reached.
pub async fn operator(cluster: &Cluster, client: &Client, now: Timestamp) -> Vec<Check> {
    let namespace = match namespace_of(cluster).await {
        Ok(namespace) => namespace,
        Err(error) => return vec![Check::unseen("operator pods", error)],
    };
    let way = match missing(client, &IN_NAMESPACE_OF_OPERATOR, Some(&namespace)).await {
        Ok(missing) => super::rights::way(&missing, &namespace),
        Err(error) => Check::unseen("way to the operator", error),
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let params = ListParams::default().labels(LABELS);
    let pods = within(format!("list the pods of {namespace}"), pods.list(&params)).await;
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    let lease = within(format!("get Lease {namespace}/{LEASE}"), leases.get_opt(LEASE)).await;
    let mut found = vec![
        match pods {
            Ok(pods) => installation::pods(&pods.items, &namespace),
            Err(error) => Check::unseen("operator pods", error),
        },
        match lease {
            Ok(lease) => installation::lease(lease.as_ref(), now, &namespace),
            Err(error) => Check::unseen("operator lead", error),
        },
        way,
    ];
    found.extend(routes(cluster).await);
    found
}

async fn routes(cluster: &Cluster) -> Vec<Check> {
    let name = "operator routes";
    let operator = match Operator::find(cluster).await {
        Ok(operator) => operator,
        Err(error) => return vec![Check::unseen(name, error)],
    };
    match operator.look("/health/full").await {
        Ok((status, body)) => installation::health(status, &body),
        Err(error) => vec![Check::unseen(name, error)],
    }
}

/// What the person may do.
pub async fn rights(client: &Client, namespace: Option<&str>) -> Vec<Check> {
    vec![match missing(client, &OF_VERBS, namespace).await {
        Ok(missing) => super::rights::rights(&missing, namespace),
        Err(error) => Check::unseen("your rights", error),
    }]
}

/// What of these a person may not do.
async fn missing(
    client: &Client,
    needs: &'static [Need],
    namespace: Option<&str>,
) -> Result<Vec<Missing<'static>>, CallError> {
    let ask = |need: &'static Need| {
        let (verb, group, resource, what) = *need;
        async move {
            let may = may(client, Right { verb, group, resource, namespace }).await?;
            Ok::<_, CallError>((!may).then_some(Missing { verb, group, resource, what }))
        }
    };
    Ok(try_join_all(needs.iter().map(ask)).await?.into_iter().flatten().collect())
}

/// The buckets.
pub async fn policies(client: &Client, namespace: Option<&str>) -> Vec<Check> {
    match policy::find(client.clone(), namespace, None).await {
        Ok(policies) => objects::policies(&policies, namespace),
        Err(error) => vec![Check::unseen("buckets", error)],
    }
}

pub async fn accounts(client: &Client, namespace: Option<&str>, now: Timestamp) -> Vec<Check> {
    match list::<ProviderAccount>(client, namespace, &ListParams::default()).await {
        Ok(accounts) => accounts.iter().map(|account| objects::account(account, now)).collect(),
        Err(error) => vec![Check::unseen("accounts", error)],
    }
}

/// The jobs that do not continue automatically.
pub async fn films(client: &Client, namespace: Option<&str>) -> Vec<Check> {
    let filter = JobFilter { namespace: namespace.map(str::to_owned), ..JobFilter::default() };
    match bulk::list_whole(client, &filter).await {
        Ok(jobs) => objects::films(&jobs, namespace),
        Err(error) => vec![Check::unseen("jobs", error)],
    }
}
