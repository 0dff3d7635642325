//! Makes a film from a request in a JSON file: `assemble_film REQUEST DIRECTORY`. What came out is
//! written to standard output as JSON. For measuring and for trying things out.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use videofactory_film::{FilmRequest, assemble};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(request), Some(dir)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: assemble_film REQUEST DIRECTORY");
    };
    let text = std::fs::read(&request).with_context(|| format!("failed to read {}", request.display()))?;
    let request: FilmRequest = serde_json::from_slice(&text)
        .with_context(|| format!("failed to understand {}", request.display()))?;
    std::fs::create_dir_all(&dir).with_context(|| format!("failed to make {}", dir.display()))?;
    let film = assemble(&request, &dir, |_| (), |_| ()).await?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&film)?)?;
    Ok(())
}
