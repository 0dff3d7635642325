//! A film that is not as it should be is said to have failed, with what and where.

use videofactory_film::request::{
    CaptionMode, CheckName, CheckOutcome, CheckResult, Film, FilmRequest, Scene, Voice, Word, WordLevel,
};
use videofactory_pipeline::timeline::Motion;

use super::support::*;

fn spoken(set: &Set) -> FilmRequest {
    let picture = still(set.detail(0), Motion::for_scene("s1", 0.5625));
    request(vec![Scene { voice: voice(set.babble("v.wav", 0.5, 2.5, 3.0)), ..scene("s1", picture) }])
}

fn find(film: &Film, name: CheckName) -> &CheckResult {
    film.checks.iter().find(|check| check.name == name).unwrap()
}

/// The film of a section that somebody put in the place of the right one.
async fn with_section(set: &Set, source: &str) -> Film {
    let mut request = spoken(set);
    request.section_cache = Some(set.path("cache"));
    let film = set.film(&request).await;
    assert_passed(&film);
    let frames = film.frames.to_string();
    let section = film.sections[0].path.to_str().unwrap();
    set.make(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        &frames,
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        section,
    ]);
    let film = set.film(&request).await;
    assert!(film.sections[0].reused && film.failed());
    film
}

#[tokio::test]
async fn black_frames_fail_the_film_and_name_the_scene() {
    let film =
        with_section(&Set::new(), "testsrc2=s=90x160:r=30,eq=brightness=-1:enable='between(n,30,35)'").await;
    let black = find(&film, CheckName::BlackFrames);
    assert_eq!(black.outcome, CheckOutcome::Failed);
    assert!(
        black.message.starts_with("6 black frames, the first at 1.00 s in scene s1"),
        "{}",
        black.message
    );
}

#[tokio::test]
async fn a_picture_of_the_wrong_size_or_colours_fails_the_film() {
    let film = with_section(&Set::new(), "testsrc2=s=180x320:r=30").await;
    let checked = find(&film, CheckName::File);
    assert_eq!(checked.outcome, CheckOutcome::Failed);
    for fault in ["width is 180, not 90", "height is 320, not 160", "color_space is null, not bt709"] {
        assert!(checked.message.contains(fault), "{}", checked.message);
    }
}

#[tokio::test]
async fn a_loudness_that_the_peaks_forbid_fails_the_film() {
    let set = Set::new();
    let mut request = spoken(&set);
    (request.audio.loudness, request.audio.true_peak) = (-6.0, -12.0);
    let film = set.film(&request).await;
    let loudness = find(&film, CheckName::Loudness);
    assert_eq!(loudness.outcome, CheckOutcome::Failed);
    assert!(loudness.value < -7.0 && film.failed(), "{}", loudness.message);
}

#[tokio::test]
async fn captions_apart_from_the_speech_fail_the_film() {
    let set = Set::new();
    let mut request = spoken(&set);
    request.captions.mode = CaptionMode::Sidecar;
    let words = vec![Word { text: "Late".to_owned(), start: 1.5, end: 2.5 }];
    request.scenes[0].voice = Some(Voice { path: set.path("v.wav"), words, level: WordLevel::Exact });
    let film = set.film(&request).await;
    let captions = find(&film, CheckName::Captions);
    assert_eq!(captions.outcome, CheckOutcome::Failed);
    assert!((captions.value - 1000.0).abs() < 40.0, "{}", captions.message);
}
