//! What no film can be made of is refused with a sentence that says which, and what to do.

use videofactory_film::FilmError;
use videofactory_film::request::{FilmRequest, Music, Picture, Scene, ThumbnailSource};
use videofactory_pipeline::timeline::Motion;

use super::support::*;

/// The refusal of a good request that was changed for the worse.
async fn refusal(change: impl FnOnce(&Set, &mut FilmRequest)) -> FilmError {
    let set = Set::new();
    let good = Scene {
        voice: voice(set.babble("v.wav", 0.1, 0.9, 1.0)),
        ..scene("s1", still(set.detail(0), Motion::still()))
    };
    let mut request = request(vec![good]);
    change(&set, &mut request);
    let error = set.try_film(&request).await.unwrap_err();
    assert!(!set.path("out/film.mp4").exists(), "a film was made all the same");
    error
}

fn rubbish(set: &Set, name: &str) -> std::path::PathBuf {
    std::fs::write(set.path(name), "this is no media file at all").unwrap();
    set.path(name)
}

#[tokio::test]
async fn a_picture_that_is_none_is_refused_with_its_scene() {
    let error =
        refusal(|set, request| request.scenes[0].picture = still(rubbish(set, "x.png"), Motion::still()))
            .await;
    assert!(
        matches!(error, FilmError::ReadInput { .. }) && error.to_string().contains("the picture of scene s1"),
        "{error}"
    );
    let error = refusal(|set, request| request.scenes[0].picture = clip(rubbish(set, "x.mp4"))).await;
    assert!(matches!(error, FilmError::ReadInput { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_names_others_is_refused_whatever_it_claims_to_be() {
    let playlist = |set: &Set| {
        let secret = set.make(&["-f", "lavfi", "-i", "testsrc2=s=96x64:d=1", "secret.mp4"]);
        let secret = secret.display();
        [
            ("list.mp4", format!("ffconcat version 1.0\nfile '{secret}'\n")),
            ("stream.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n")),
            (
                "drawing.png",
                format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"{secret}\"/></svg>"),
            ),
        ]
    };
    for place in 0..3 {
        for way in ["still", "clip", "voice", "music", "thumbnail"] {
            let error = refusal(|set, request| {
                let (name, text) = &playlist(set)[place];
                std::fs::write(set.path(name), text).unwrap();
                let path = set.path(name);
                match way {
                    "still" => request.scenes[0].picture = still(path, Motion::still()),
                    "clip" => request.scenes[0].picture = clip(path),
                    "voice" => request.scenes[0].voice = voice(path),
                    "music" => request.audio.music = Music::File { path },
                    _ => request.thumbnail.source = ThumbnailSource::Image(path),
                }
            })
            .await
            .to_string();
            assert!(error.contains("none of the files that films are made of"), "{way}: {error}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_refused_with_its_path() {
    let error =
        refusal(|set, request| request.scenes[0].picture = Picture::Clip { path: set.path("gone.mp4") })
            .await;
    assert!(error.to_string().contains("gone.mp4"), "{error}");
}

#[tokio::test]
async fn a_voice_without_sound_is_refused_with_its_scene() {
    let error = refusal(|set, request| request.scenes[0].voice = voice(set.detail(1))).await;
    assert!(
        error.to_string().contains("the voice of scene s1") && error.to_string().contains("no sound"),
        "{error}"
    );
}

#[tokio::test]
async fn a_clip_in_hdr_is_refused() {
    let error = refusal(|set, request| {
        let hdr = set.make(&[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=96x64:d=1",
            "-pix_fmt",
            "yuv420p",
            "-colorspace",
            "bt2020nc",
            "-color_trc",
            "smpte2084",
            "-color_primaries",
            "bt2020",
            "hdr.mp4",
        ]);
        request.scenes[0].picture = clip(hdr);
    })
    .await;
    assert!(error.to_string().contains("HDR"), "{error}");
}

#[tokio::test]
async fn a_title_without_a_font_is_refused_before_anything_is_rendered() {
    let error = refusal(|_, request| request.thumbnail.text = "\u{10570}".to_owned()).await;
    assert!(error.to_string().contains("thumbnail.text"), "{error}");
}

#[tokio::test]
async fn settings_beyond_sense_are_refused() {
    for (change, word) in [
        ((|request: &mut FilmRequest| request.format.width = 91) as fn(&mut FilmRequest), "91x160"),
        (|request| request.audio.loudness = 3.0, "LUFS"),
        (|request| request.audio.duck = -1.0, "ducked"),
        (|request| request.scenes.clear(), "no scene"),
        (|request| request.transition.seconds = 9.0, "transition"),
        (|request| request.scenes[0].min_seconds = f64::NAN, "least length"),
        (|request| request.most_seconds = 1.0, "length.max is 1 s"),
    ] {
        let error = refusal(|_, request| change(request)).await;
        assert!(error.to_string().contains(word), "{error}");
    }
    let colour = refusal(|_, request| {
        request.captions.mode = videofactory_film::request::CaptionMode::Burned;
        request.captions.style.color = "red".to_owned();
    })
    .await;
    assert!(colour.to_string().contains("#RRGGBB"), "{colour}");
}
