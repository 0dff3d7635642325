//! Films as assemble-video makes them of what the other steps have made.

use videofactory_pipeline::contract::Brand;

use super::support::*;
use super::*;

#[tokio::test]
async fn another_outro_of_the_channel_makes_the_film_again_and_nothing_else() {
    let studio = Studio::open().await;
    for color in ["red", "blue", "green"] {
        let source = format!("color={color}:s=320x240:r=25:d=1");
        studio.put_media(&source, &format!("assets/{color}.mp4"), &["-pix_fmt", "yuv420p"]).await;
    }
    studio.put_media("color=white:s=64x32", "assets/logo.png", &["-frames:v", "1"]).await;
    let mut film = Production::new(&studio);
    film.brand = Brand {
        intro: "assets/red.mp4".to_owned(),
        outro: "assets/blue.mp4".to_owned(),
        watermark: "assets/logo.png".to_owned(),
        ..Brand::default()
    };
    let first = film.make_up_to(StepName::AssembleVideo).await.artifacts.video.unwrap();
    let before = studio.etags().await;

    film.brand.outro = "assets/green.mp4".to_owned();
    let second = film.make(StepName::AssembleVideo).await.artifacts.video.unwrap();
    assert_ne!(second.key, first.key);
    assert!((second.seconds - first.seconds).abs() < 1e-6, "{} and {} s", first.seconds, second.seconds);
    let after = studio.etags().await;
    assert!(before.iter().all(|(key, etag)| after.get(key) == Some(etag)), "something was written again");
    let new: Vec<&String> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert!(new.iter().all(|key| !key.starts_with("clips/")), "a part was made again: {new:?}");

    film.brand = Brand::default();
    let plain = film.make(StepName::AssembleVideo).await.artifacts.video.unwrap();
    let brought = first.seconds - plain.seconds;
    // Two times 0.6 s, each rounded up to whole frames.
    assert!((1.2..1.4).contains(&brought), "intro and outro of 1 s each, crossfaded, bring {brought:.2} s");
}

#[tokio::test]
async fn captions_of_a_narration_that_is_not_heard_are_left_out() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.settings.audio.source = videofactory_crds::settings::AudioSource::Clips;
    film.settings.captions.mode = videofactory_crds::settings::CaptionMode::Sidecar;
    film.given.scenes.truncate(1);
    film.make_up_to(StepName::AssembleVideo).await;
    let captions = studio.keys("captions/", ".srt").await.remove(0);
    assert_eq!(studio.bucket.get(&captions, 1 << 20).await.unwrap(), "");
}

#[tokio::test]
async fn a_film_that_is_longer_than_it_may_be_is_refused_with_both_lengths() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.settings.length.max = videofactory_crds::units::Duration::from_secs(2);
    film.make_up_to(StepName::AnimateScenes).await;
    let ended = film.run(StepName::AssembleVideo).await;
    refused(&ended, "length.max is 2 s");
    assert!(ended.outcome.message.contains("the film lasts "), "{}", ended.outcome.message);
}

#[tokio::test]
async fn a_voice_of_ones_own_gets_estimated_word_times() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    let samples: Vec<u8> =
        (0..48_000u32).flat_map(|n| (((n * 440 / 48_000) % 2) as i16 * 9000).to_le_bytes()).collect();
    let mut wav =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\xbb\0\0\0\x77\x01\0\x02\0\x10\0data".to_vec();
    wav.extend(u32::try_from(samples.len()).unwrap().to_le_bytes());
    wav.extend(samples);
    studio.bucket.put("assets/me.wav", wav, &PutOptions::of_type("audio/wav")).await.unwrap();
    film.given.overrides =
        serde_json::from_value(json!([{"id": "s1", "assets": {"voice": "assets/me.wav"}}])).unwrap();
    film.make(StepName::WriteScript).await;
    film.make(StepName::NarrateScenes).await;
    let voices: Voices = document(&film, StepName::NarrateScenes, &studio).await;
    assert!((voices.scenes[0].seconds - 1.0).abs() < 0.02, "{}", voices.scenes[0].seconds);
    let words: serde_json::Value = studio.bucket.get_json(&voices.scenes[0].words).await.unwrap().unwrap();
    assert_eq!(words["level"], "Estimated");
    assert_eq!(words["words"].as_array().unwrap().len(), 4, "{words}");
}

#[tokio::test]
async fn a_film_that_fails_its_check_is_kept_until_a_person_accepts_it() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make_up_to(StepName::AnimateScenes).await;
    // Nobody speaks where the storyboard says so: the voices are replaced by silence.
    let voices: Voices = document(&film, StepName::NarrateScenes, &studio).await;
    for voice in &voices.scenes {
        let bytes = studio.bucket.get(&voice.key, 1 << 24).await.unwrap();
        let mut silent = bytes.to_vec();
        silent[44..].fill(0);
        studio.bucket.put(&voice.key, silent, &PutOptions::of_type("audio/wav")).await.unwrap();
    }
    film.settings.audio.music.source = Some(videofactory_crds::settings::MusicSource::None);
    let failed = film.run(StepName::AssembleVideo).await;
    assert_eq!(
        (failed.code, failed.outcome.exit),
        (79, ExitCode::QualityCheck),
        "{}",
        failed.outcome.message
    );
    let video = failed.outcome.artifacts.video.clone().expect("the film is named");
    let stored: Film = document(&film, StepName::AssembleVideo, &studio).await;
    assert!(studio.bucket.head(&video.key).await.unwrap().is_some());
    assert!(stored.checks.iter().any(|check| check.outcome == CheckOutcome::Failed));

    let mut input = film.input(StepName::AssembleVideo);
    input.attempt += 1;
    input.accepted_quality.clone_from(&failed.outcome.output);
    let accepted = Running::start(&input, &film.given, studio.server.keys()).wait().await;
    assert_eq!((accepted.code, &accepted.outcome.output), (0, &failed.outcome.output));
}

/// A film of two sections. Its scenes are silent and over at once: nothing to check but the file.
fn of_two_sections(studio: &Studio) -> Production<'_> {
    let mut film = Production::new(studio);
    film.given.scenes = many_scenes(14);
    for scene in &mut film.given.scenes {
        scene.min_seconds = Some(0.5);
    }
    film.settings.checks.freeze = CheckAction::Off;
    film
}

#[tokio::test]
async fn an_edit_of_a_long_film_renders_only_the_section_that_it_touches() {
    let studio = Studio::open().await;
    let mut film = of_two_sections(&studio);
    film.make_up_to(StepName::AssembleVideo).await;
    let before = studio.keys("clips/", "/sections/").await;
    assert_eq!(before.len(), 2);

    film.given.overrides =
        serde_json::from_value(json!([{"id": "s14", "imagePrompt": "a red crab"}])).unwrap();
    film.make_up_to(StepName::AssembleVideo).await;
    let stored: Film = document(&film, StepName::AssembleVideo, &studio).await;
    let now: Vec<&String> = stored.sections.iter().map(|section| &section.key).collect();
    assert_eq!(now.len(), 2);
    let kept = now.iter().filter(|key| before.contains(key)).count();
    assert_eq!(kept, 1, "{before:?} became {now:?}");
    assert_eq!(studio.keys("clips/", "/sections/").await.len(), 3);
}

#[tokio::test]
async fn an_attempt_that_ends_half_way_keeps_its_sections_and_the_next_renders_only_what_is_missing() {
    let studio = Studio::open().await;
    let mut film = of_two_sections(&studio);
    // The last scene's picture cannot be read, so the second section cannot be rendered.
    let png = PutOptions::of_type("image/png");
    studio.bucket.put("assets/last.png", &b"\x89PNG\r\n\x1a\n but no picture"[..], &png).await.unwrap();
    film.given.overrides =
        serde_json::from_value(json!([{"id": "s14", "assets": {"image": "assets/last.png"}}])).unwrap();
    film.make_up_to(StepName::AnimateScenes).await;
    refused(&film.run(StepName::AssembleVideo).await, "the picture of scene s14");
    let kept = studio.etags().await;
    assert_eq!(studio.keys("clips/", "/sections/").await.len(), 1, "the first section was lost");

    let picture = document::<Images>(&film, StepName::GenerateImages, &studio).await.scenes[0].key.clone();
    let picture = studio.bucket.get(&picture, 1 << 24).await.unwrap();
    studio.bucket.put("assets/last.png", picture, &png).await.unwrap();
    let continued = film.run(StepName::AssembleVideo).await;
    assert_eq!(continued.code, 0, "{}", continued.log);
    assert!(continued.log.contains("\"sections\":2,\"reused\":1"), "{}", continued.log);
    let after = studio.etags().await;
    let again = |(key, etag): (&String, &String)| !key.starts_with("assets/") && after.get(key) != Some(etag);
    assert!(!kept.iter().any(again), "something was written again");
}

#[tokio::test]
async fn pictures_have_room_to_move_in_the_frame() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make_up_to(StepName::GenerateImages).await;
    for scene in document::<Images>(&film, StepName::GenerateImages, &studio).await.scenes {
        let png = studio.bucket.get(&scene.key, 1 << 24).await.unwrap();
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert!(side(16) >= 432 && side(20) >= 432, "{}x{} for a frame of 360", side(16), side(20));
    }
}
