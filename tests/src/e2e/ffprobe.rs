//! Whether a file is the film that was ordered, as ffprobe sees it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// It has the size that was ordered, a picture and a sound, and lasts so many seconds.
pub async fn check_film(path: &Path, seconds: f64) -> anyhow::Result<()> {
    let output = tokio::process::Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_entries"])
        .arg("stream=codec_name,width,height,avg_frame_rate:format=duration")
        .arg(path)
        .output()
        .await?;
    ensure!(output.status.success(), "ffprobe: {}", String::from_utf8_lossy(&output.stderr));
    let probed: Value = serde_json::from_slice(&output.stdout)?;
    let stream = |codec: &str| {
        let streams = probed["streams"].as_array().into_iter().flatten();
        streams
            .clone()
            .find(|stream| stream["codec_name"] == codec)
            .with_context(|| format!("no {codec} in {probed}"))
    };
    let picture = stream("h264")?;
    ensure!((&picture["width"], &picture["height"]) == (&640.into(), &360.into()), "{picture}");
    ensure!(picture["avg_frame_rate"] == "24/1", "{picture}");
    stream("aac")?;
    let duration: f64 = probed["format"]["duration"].as_str().unwrap_or_default().parse()?;
    ensure!(
        seconds > 2.0 && (duration - seconds).abs() < 0.1,
        "it lasts {duration} s, the status says {seconds}"
    );
    Ok(())
}
