//! What operator and workers may call for others, and how: which addresses (a user's endpoint must not lead to a
//! cloud's metadata), which hosts a key may be sent to, through which proxy, and who vouches for servers. And
//! what keys begin with, for whoever shows texts in which one may stand.
//!
//! The rules are pure and stand in tables; [`Network`] puts them together for the clients of services and buckets,
//! which ask it at the moment of connecting: a name cannot change its mind in between.

mod address;
mod destinations;
mod hosts;
mod key_prefixes;
mod network;
mod proxy;
mod resolve;
mod trust;

pub use address::{Kind, kind};
pub use destinations::{CLUSTER_SERVICES, Destinations, Refused};
pub use hosts::{ALLOWED_HOSTS_ANNOTATION, AllowedHosts, is_service_name};
pub use key_prefixes::KEY_PREFIXES;
pub use network::{Network, variables};
pub use proxy::{PROXY_VARIABLES, Proxies};
pub use resolve::{Found, Lookup, ResolveError, Resolver};
pub use trust::{Authority, with_advice};
