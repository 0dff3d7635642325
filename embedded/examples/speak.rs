//! Speaks texts with the embedded voices, to hear and measure them. Standard input has a JSON object a line, with the
//! `language`, the `voice` (empty: the language's own), the `text`, and the `path` of the WAV file to be written:
//! `cargo run --release -p videofactory-embedded --example speak <texts.jsonl`.

use serde_json::Value;
use tokio::task::JoinSet;
use videofactory_embedded::Embedded;
use videofactory_providers::{Model, NarrationRequest, Narrator};

/// Texts at a time: as many as the neural voice speaks at once.
const AT_ONCE: usize = 2;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let texts = std::io::read_to_string(std::io::stdin())?;
    let mut speaking = JoinSet::new();
    for line in texts.lines() {
        if speaking.len() == AT_ONCE
            && let Some(spoken) = speaking.join_next().await
        {
            spoken??;
        }
        speaking.spawn(speak(serde_json::from_str(line)?));
    }
    while let Some(spoken) = speaking.join_next().await {
        spoken??;
    }
    Ok(())
}

async fn speak(wanted: Value) -> Result<(), Failed> {
    let text =
        |name: &str| wanted[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {wanted}"));
    let request = NarrationRequest {
        model: Model::default(),
        texts: vec![text("text")?],
        language: text("language")?,
        voice: text("voice")?,
        speed: 1.0,
    };
    let speech = Embedded.narrate(&request).await?.remove(0);
    Ok(std::fs::write(text("path")?, speech.to_wav())?)
}
