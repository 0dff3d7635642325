//! What a Channel adds to each of its films: an intro, an outro and a watermark.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::process::Command;
use videofactory_storage::PutOptions;
use videofactory_tests::e2e::ffprobe::check_film;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

/// Frames are looked at in a tenth of their size, three bytes a pixel.
const WIDTH: usize = 64;
const HEIGHT: usize = 36;
/// A pixel in the middle, and one where the watermark stands.
const MIDDLE: (usize, usize) = (32, 18);
const CORNER: (usize, usize) = (56, 4);

const RED: [u8; 3] = [255, 0, 0];
const YELLOW: [u8; 3] = [255, 255, 0];
const GREEN: [u8; 3] = [40, 200, 80];

/// Frames of the intro and of the outro that no crossfade covers.
const ALONE: usize = 26;

/// Puts what ffmpeg makes of this source into the test's part of the bucket.
async fn put_asset(env: &TestEnv, source: &str, options: &[&str], key: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(key.rsplit('/').next().unwrap_or(key));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", source]).args(options).arg(&path);
    ensure!(ffmpeg.status().await?.success(), "ffmpeg makes nothing of {source}");
    let options = PutOptions::of_type("application/octet-stream");
    env.bucket_view.bucket().put(key, std::fs::read(&path)?, &options).await?;
    Ok(())
}

async fn frames_of(film: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let filter = format!("scale={WIDTH}:{HEIGHT}:flags=area:in_color_matrix=bt709:in_range=tv,format=rgb24");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(film)
        .args(["-vf", &filter, "-f", "rawvideo", "pipe:1"]);
    let decoded = ffmpeg.output().await?;
    ensure!(decoded.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&decoded.stderr));
    Ok(decoded.stdout.chunks_exact(WIDTH * HEIGHT * 3).map(<[u8]>::to_vec).collect())
}

/// Whether a pixel of the frame is of this colour, as far as an encoder keeps it.
fn shows(frame: &[u8], (x, y): (usize, usize), colour: [u8; 3]) -> bool {
    let at = (y * WIDTH + x) * 3;
    frame[at..at + 3].iter().zip(colour).all(|(found, wanted)| found.abs_diff(wanted) <= 40)
}

#[tokio::test]
async fn a_film_has_the_intro_the_outro_and_the_watermark_of_its_channel() {
    in_test_env("intro_outro_watermark", async |env: TestEnv| {
        let clip = ["-pix_fmt", "yuv420p"];
        put_asset(&env, "color=red:s=320x240:r=25:d=1.5", &clip, "assets/intro.mp4").await?;
        put_asset(&env, "color=yellow:s=128x256:r=30:d=1.5", &clip, "assets/outro.mp4").await?;
        put_asset(&env, "color=0x28C850:s=64x32", &["-frames:v", "1"], "assets/logo.png").await?;
        env.put(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "sea"},
            "spec": {
                "introKey": "assets/intro.mp4", "outroKey": "assets/outro.mp4",
                "watermarkKey": "assets/logo.png", "watermark": {"corner": "TopRight", "opacity": 100},
            },
        }))
        .await?;
        let film = env.create_film(NewFilm::of(2).with(json!({"channelRef": {"name": "sea"}}))).await?;
        let video = film.succeeded().await?.artifacts.and_then(|artifacts| artifacts.video);
        let video = video.context("no film")?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("film.mp4");
        env.bucket_view.bucket().get_to_file(&video.key, &path).await?;
        check_film(&path, video.duration.unwrap_or_default()).await?;

        let frames = frames_of(&path).await?;
        let (first, last) = (frames.first().context("no frame")?, frames.last().context("no frame")?);
        for place in [MIDDLE, CORNER] {
            ensure!(shows(first, place, RED), "it does not begin with the intro alone at {place:?}");
            ensure!(shows(last, place, YELLOW), "it does not end with the outro alone at {place:?}");
        }
        let marked: Vec<usize> =
            (0..frames.len()).filter(|place| shows(&frames[*place], CORNER, GREEN)).collect();
        let (from, to) = marked.first().zip(marked.last()).context("no watermark is seen")?;
        ensure!(marked.len() == to - from + 1, "the watermark is not there all the time: {marked:?}");
        let count = frames.len();
        ensure!(
            *from >= ALONE && to + ALONE < count,
            "the watermark is seen from frame {from} to {to} of {count}, over intro or outro"
        );
        Ok(())
    })
    .await;
}
