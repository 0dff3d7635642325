//! Server-sent events of the HTTP API, as somebody reads them who follows the jobs.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::wait::TIMEOUT;

/// Events as they come.
pub struct Events {
    answer: reqwest::Response,
    /// What has come and was not read yet.
    text: String,
}

impl Events {
    /// The events of an answer.
    #[must_use]
    pub fn of(answer: reqwest::Response) -> Self {
        Self { answer, text: String::new() }
    }

    /// The name and the data of the next event; `None` at the end.
    pub async fn next(&mut self) -> anyhow::Result<Option<(String, Value)>> {
        loop {
            while let Some((piece, rest)) = self.text.split_once("\n\n") {
                let event = read(piece)?;
                self.text = rest.into();
                if event.is_some() {
                    return Ok(event);
                }
            }
            match self.answer.chunk().await.context("the stream broke off")? {
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk)?),
                None => return Ok(None),
            }
        }
    }

    /// Reads on until an event satisfies `so`, and gives what it made of it; fails at the end of the stream.
    pub async fn until<T>(
        &mut self,
        what: &str,
        mut so: impl FnMut(&str, &Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut last = Value::Null;
        let reading = async {
            while let Some((event, data)) = self.next().await? {
                if let Some(found) = so(&event, &data) {
                    return Ok(found);
                }
                last = data;
            }
            bail!("the stream ended")
        };
        match tokio::time::timeout(TIMEOUT, reading).await {
            Ok(found) => found.with_context(|| format!("while {what} was awaited, after {last}")),
            Err(_) => bail!("{what}: not within {} s, after {last}", TIMEOUT.as_secs()),
        }
    }
}

/// The name and the data of an event; `None` of a comment.
fn read(piece: &str) -> anyhow::Result<Option<(String, Value)>> {
    let field = |name: &str| piece.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (Some(event), Some(data)) = (field("event:"), field("data:")) else { return Ok(None) };
    let data = serde_json::from_str(data).with_context(|| format!("{data:?} is no JSON"))?;
    Ok(Some((event.to_owned(), data)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_are_no_events() {
        assert_eq!(read(":").unwrap(), None);
        let event = read("event: synced\ndata: {\"jobs\":0}").unwrap();
        assert_eq!(event, Some(("synced".to_owned(), json!({"jobs": 0}))));
        assert!(read("event: job\ndata: {").is_err());
    }
}
