//! What would stop the film at its end is said by the first step, before anything is paid for.

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::Brand;
use videofactory_pipeline::settings::Settings;

use super::refused;
use super::support::{Production, Studio, settings};

/// What write-script says of these settings, and of this narration.
async fn said(studio: &Studio, values: serde_json::Value, narration: &str) -> super::Ended {
    let mut film = Production::new(studio);
    film.settings = settings(values);
    film.given.scenes[0].narration = Some(narration.to_owned());
    film.run(StepName::WriteScript).await
}

/// A film of one scene in the smallest frame, with these settings and this narration.
fn small<'a>(studio: &'a Studio, mut values: serde_json::Value, narration: &str) -> Production<'a> {
    let mut film = Production::new(studio);
    values["format"] = json!({"aspectRatio": "1:1", "resolution": "360p", "fps": 24});
    film.settings = settings(values);
    film.given.scenes.truncate(1);
    film.given.scenes[0].narration = Some(narration.to_owned());
    film
}

#[tokio::test]
async fn letters_without_a_font_are_refused_before_anything_is_made() {
    let studio = Studio::open().await;
    let ended = said(&studio, json!({}), "Deep \u{10570}\u{10571} sea").await;
    refused(&ended, "Vithkuqi");
    for part in ["U+10570", "scene s1", "captions.mode to Sidecar", "docs/languages.md"] {
        assert!(ended.outcome.message.contains(part), "{}", ended.outcome.message);
    }
    for values in [json!({"captions": {"mode": "Sidecar"}}), json!({"captions": {"mode": "None"}})] {
        let ended = said(&studio, values, "Deep \u{10570}\u{10571} sea").await;
        assert_eq!(ended.code, 0, "{}", ended.outcome.message);
    }
    refused(&said(&studio, json!({"thumbnail": {"text": "\u{10570}"}}), "Deep sea").await, "thumbnail.text");
    let font = json!({"captions": {"style": {"font": "No Such Sans"}}});
    refused(&said(&studio, font, "Deep sea").await, "No Such Sans");
}

#[tokio::test]
async fn georgian_is_written_spoken_and_read() {
    let studio = Studio::open().await;
    let narration = "კავკასიონი მაღალი მთაა.";
    let captions = json!({"mode": "Both"});
    let mut film = small(&studio, json!({"language": "ka", "captions": captions}), narration);
    let made = film.make_up_to(StepName::AssembleVideo).await;
    assert_eq!(made.message, "the film is made", "a check has warned");
    let captions = studio.keys("captions/", ".srt").await.remove(0);
    let captions = studio.bucket.get(&captions, 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&captions).contains("კავკასიონი"), "{captions:?}");
}

#[tokio::test]
async fn a_language_that_nobody_speaks_here_is_refused_without_an_external_account() {
    let studio = Studio::open().await;
    refused(&said(&studio, json!({"language": "tlh"}), "Deep sea").await, "tlh");
    let access = json!({"language": "tlh", "providers": {"narration": {"accountRef": {"name": "voices"}}}});
    let ended = said(&studio, access, "Deep sea").await;
    assert_eq!(ended.code, 0, "{}", ended.outcome.message);
    let voice = json!({"providers": {"narration": {"voice": "Nobody"}}});
    refused(&said(&studio, voice, "Deep sea").await, "Nobody");
}

#[tokio::test]
async fn files_that_only_the_last_step_reads_are_looked_for_by_the_first() {
    let studio = Studio::open().await;
    for (values, key) in [
        (json!({"audio": {"music": {"source": "Asset", "key": "assets/none.mp3"}}}), "assets/none.mp3"),
        (json!({"thumbnail": {"source": "Asset", "key": "assets/none.png"}}), "assets/none.png"),
    ] {
        refused(&said(&studio, values, "Deep sea").await, key);
    }
    for (brand, field) in [
        (Brand { intro: "assets/none.mp4".to_owned(), ..Brand::default() }, "introKey of the Channel"),
        (Brand { outro: "assets/none.mp4".to_owned(), ..Brand::default() }, "outroKey of the Channel"),
        (
            Brand { watermark: "assets/none.png".to_owned(), ..Brand::default() },
            "watermarkKey of the Channel",
        ),
    ] {
        let mut film = Production::new(&studio);
        film.brand = brand;
        refused(&film.run(StepName::WriteScript).await, field);
    }
    let mut film = Production::new(&studio);
    film.given.overrides =
        serde_json::from_value(json!([{"id": "s2", "assets": {"clip": "assets/none.mp4"}}])).unwrap();
    refused(&film.run(StepName::WriteScript).await, "assets/none.mp4");
}

#[tokio::test]
async fn a_draft_of_a_film_with_large_letters_passes_its_checks() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    let values = json!({
        "format": {"aspectRatio": "16:9", "resolution": "1080p", "fps": 24},
        "captions": {"mode": "Burned", "style": {"size": 130, "maxLines": 2}},
    });
    film.settings = Settings::resolve(&serde_json::from_value(values).unwrap(), None, true).unwrap();
    film.given.scenes.truncate(1);
    film.given.scenes[0].narration = Some("The deep sea is dark and cold and full of life.".to_owned());
    film.make_up_to(StepName::AssembleVideo).await;
}

#[tokio::test]
async fn letters_that_were_made_smaller_are_reported_with_the_film() {
    let studio = Studio::open().await;
    let captions = json!({"mode": "Burned", "style": {"size": 250}});
    let narration = "The deep sea is dark and cold and full of life.";
    let mut film = small(&studio, json!({"captions": captions}), narration);
    let reported = film.make_up_to(StepName::AssembleVideo).await.message;
    assert!(
        reported.starts_with("the film is made; ") && reported.contains("smaller than 250 px"),
        "{reported}"
    );
}

#[tokio::test]
async fn an_intro_that_no_film_can_have_is_refused_before_anything_is_made() {
    let studio = Studio::open().await;
    studio.put_media("color=red:s=64x64", "assets/intro.png", &["-frames:v", "1"]).await;
    studio.put_media("color=red:s=64x64:r=25:d=4", "assets/intro.mp4", &["-pix_fmt", "yuv420p"]).await;
    for (key, why) in
        [("assets/intro.png", "a clip is needed"), ("assets/intro.mp4", "intro and outro last 4.0 s")]
    {
        let mut film = small(&studio, json!({"length": {"target": "3s", "max": "4s"}}), "Deep sea");
        film.brand = Brand { intro: key.to_owned(), ..Brand::default() };
        refused(&film.run(StepName::WriteScript).await, why);
    }
}
