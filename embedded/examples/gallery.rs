//! Draws prompts with the embedded artist, to look at what a change did to its pictures:
//! `cargo run -p videofactory-embedded --example gallery -- FOLDER "a prompt" "another prompt"`.

use std::path::PathBuf;

use videofactory_embedded::Embedded;
use videofactory_providers::{Artist, PictureRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder, then prompts")?);
    std::fs::create_dir_all(&folder)?;
    for (index, prompt) in arguments.enumerate() {
        let request = PictureRequest {
            model: videofactory_providers::Model::default(),
            prompt,
            style: String::new(),
            width: 720,
            height: 1280,
            seed: 7,
            characters: Vec::new(),
        };
        std::fs::write(folder.join(format!("{index:02}.png")), Embedded.draw(&request).await?.bytes)?;
    }
    Ok(())
}
