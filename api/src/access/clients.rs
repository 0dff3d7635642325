//! Clients of the API server with a caller's own token: what they write, they write as themselves.

use std::collections::HashMap;
use std::time::Duration;

use kube::config::AuthInfo;
use kube::{Client, Config};
use parking_lot::Mutex;
use tokio::time::Instant;
use videofactory_client::connect;
use videofactory_pipeline::Digest;

use crate::problem::Problem;

/// How long an unused client is kept, with its connections.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// Most clients that are kept.
const MAX_KEPT: usize = 64;

/// Makes and keeps them.
pub struct Clients {
    /// The way to the API server, without anybody's credentials.
    config: Config,
    agent: &'static str,
    kept: Mutex<HashMap<Digest, (Client, Instant)>>,
}

impl Clients {
    /// Clients on the way that this configuration describes; its own credentials are left out.
    #[must_use]
    pub fn new(mut config: Config, agent: &'static str) -> Self {
        config.auth_info = AuthInfo::default();
        Self { config, agent, kept: Mutex::new(HashMap::new()) }
    }

    /// A client that shows this token.
    pub fn of_token(&self, token: &str) -> Result<Client, Problem> {
        let digest = Digest::of_bytes(token.as_bytes());
        let mut kept = self.kept.lock();
        kept.retain(|_, (_, used)| used.elapsed() < KEPT_FOR);
        if let Some((client, used)) = kept.get_mut(&digest) {
            *used = Instant::now();
            return Ok(client.clone());
        }
        let mut config = self.config.clone();
        config.auth_info.token = Some(token.to_owned().into());
        let client = connect(config, self.agent)
            .map_err(|error| Problem::internal("the API server cannot be asked in your name", &error))?;
        if kept.len() < MAX_KEPT {
            kept.insert(digest, (client.clone(), Instant::now()));
        }
        Ok(client)
    }
}
