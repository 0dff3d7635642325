//! What a channel adds to its films: an intro, an outro, and a watermark.

use std::path::PathBuf;

use png::{BitDepth, ColorType};
use videofactory_film::FilmError;
use videofactory_film::request::{
    CaptionMode, Corner, FilmRequest, Format, Music, Scene, Watermark, WatermarkLook,
};
use videofactory_pipeline::timeline::{FrameRate, Motion};

use super::support::*;

const WIDTH: usize = 180;
const HEIGHT: usize = 320;
/// The intro's 78 frames, two scenes of 80, the outro's 33, and the last crossfade.
const STORY: usize = 78;
const OUTRO: usize = STORY + 2 * 80;
const FRAMES: usize = OUTRO + 33 + 12;

const GREY: [u8; 3] = [120, 120, 120];
const GREEN: [u8; 3] = [40, 200, 80];

/// 3 s of a white box on red that does not move, in another shape and rate, with a quiet tone.
fn intro(set: &Set) -> PathBuf {
    set.make(&[
        "-f",
        "lavfi",
        "-i",
        "color=red:s=320x240:r=25:d=3,drawbox=x=140:y=100:w=40:h=40:color=white:t=fill",
        "-f",
        "lavfi",
        "-i",
        "aevalsrc='0.02*sin(2*PI*440*t)':s=44100:d=3",
        "-pix_fmt",
        "yuv420p",
        "intro.mp4",
    ])
}

/// 1.5 s of blue in yet another shape and rate, without sound.
fn outro(set: &Set) -> PathBuf {
    set.make(&["-f", "lavfi", "-i", "color=blue:s=128x256:r=50:d=1.5", "-pix_fmt", "yuv420p", "outro.webm"])
}

/// A picture whose left half is transparent magenta, and whose right half is green.
fn logo(set: &Set) -> PathBuf {
    let path = set.path("logo.png");
    let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 200, 100);
    encoder.set_color(ColorType::Rgba);
    encoder.set_depth(BitDepth::Eight);
    let row = [[255, 0, 255, 0].repeat(100), [40, 200, 80, 255].repeat(100)].concat();
    encoder.write_header().unwrap().write_image_data(&row.repeat(100)).unwrap();
    path
}

/// Two scenes on grey with captions and a high tone for music, between intro and outro, under a watermark.
fn request_of_channel(set: &Set) -> FilmRequest {
    let ground = set.make(&["-f", "lavfi", "-i", "color=0x787878:s=216x384", "-frames:v", "1", "grey.png"]);
    let sound = set.babble("voice.wav", 0.2, 1.8, 2.0);
    let spoken = |id: &str| Scene {
        voice: voice(sound.clone()),
        caption: "Far down it is dark.".to_owned(),
        ..scene(id, still(ground.clone(), Motion::still()))
    };
    let scenes = vec![Scene::intro(intro(set)), spoken("s1"), spoken("s2"), Scene::outro(outro(set))];
    let mut request = request(scenes);
    request.format = Format { width: WIDTH as u32, height: HEIGHT as u32, fps: FrameRate::new(30).unwrap() };
    request.captions.mode = CaptionMode::Both;
    request.audio.music = Music::File { path: set.sound("music.wav", "0.2*sin(2*PI*5000*t)", 3.0) };
    let look = WatermarkLook { corner: Corner::BottomRight, opacity: 80, width: 20 };
    request.watermark = Some(Watermark { path: logo(set), look });
    request
}

fn pixel(frame: &[u8], x: usize, y: usize) -> [u8; 3] {
    let at = (y * WIDTH + x) * 3;
    [frame[at], frame[at + 1], frame[at + 2]]
}

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 14)
}

/// Rows of a frame in which a pixel between these columns is like this: the first and the last.
fn rows(
    frame: &[u8],
    columns: std::ops::Range<usize>,
    like: impl Fn([u8; 3]) -> bool,
) -> Option<(usize, usize)> {
    let has = |y: &usize| columns.clone().any(|x| like(pixel(frame, x, *y)));
    Some(((0..HEIGHT).find(has)?, (0..HEIGHT).rev().find(has)?))
}

#[tokio::test]
async fn intro_and_outro_of_any_kind_are_around_the_story_and_the_watermark_over_it() {
    let set = Set::new();
    let request = request_of_channel(&set);
    let film = set.film(&request).await;
    assert_passed(&film);
    let frames = rgb_frames(&film, request.format);
    assert_eq!(frames.len(), FRAMES);

    // Each is shown whole, fills the frame, and has no watermark.
    for (place, wanted) in
        [(0, [254, 0, 0]), (STORY - 4, [254, 0, 0]), (OUTRO + 20, [0, 0, 254]), (FRAMES - 1, [0, 0, 254])]
    {
        for (x, y) in [(3, 3), (141, 200), (176, 316)] {
            let found = pixel(&frames[place], x, y);
            assert!(near(found, wanted), "frame {place}, {x}, {y}: {found:?} instead of {wanted:?}");
        }
    }
    assert!(near(pixel(&frames[30], 90, 160), [255, 255, 255]), "the intro's middle is not in the middle");

    // 36 pixels wide, and its right edge is that of the safe area: 84 % of the width.
    let spoken = &frames[STORY + 40];
    let greenish = |[r, g, b]: [u8; 3]| g > r.saturating_add(30) && g > b.saturating_add(30);
    let (top, bottom) = rows(spoken, 139..143, greenish).unwrap();
    assert!((15..=20).contains(&(bottom - top)), "rows {top} to {bottom}");
    let middle = usize::midpoint(top, bottom);
    let mixed = [0, 1, 2].map(|n| (f64::from(GREEN[n]) * 0.8 + f64::from(GREY[n]) * 0.2) as u8);
    for (x, wanted) in [(141, mixed), (123, GREY), (156, GREY), (106, GREY)] {
        let found = pixel(spoken, x, middle);
        assert!(near(found, wanted), "{x}, {middle}: {found:?} instead of {wanted:?}");
    }
    // In a lower corner it gives way to the captions below it.
    let (captions, _) = rows(spoken, 20..110, |[r, g, _]| r.min(g) > 165).unwrap();
    assert!(bottom < captions, "the watermark ends in row {bottom}, captions begin in row {captions}");
    assert!(rows(&frames[STORY + 2], 139..143, greenish).is_none(), "it is there before the intro has gone");
}

#[tokio::test]
async fn intro_and_outro_are_heard_like_the_story_and_shift_it() {
    let set = Set::new();
    let film = set.film(&request_of_channel(&set)).await;
    let sound = samples(&film);
    let begins = STORY as f64 / 30.0;
    // The voice is heard from 0.6 s after its scene has begun, the crossfade in between.
    let (brought, spoken) = (level(&sound, 0.3, 2.2), level(&sound, begins + 0.7, begins + 2.1));
    assert!((brought - spoken).abs() < 6.0, "the intro has {brought:.1} dBFS, the voice {spoken:.1}");
    let first = onsets(&sound, 0.01)[0];
    assert!(first < 0.03, "the intro's sound fades in until {first:.2} s");

    // An intro that brings sound has no music under it, an outro that brings none has.
    let music = above(&film, 2500);
    let (under, after) =
        (level(&music, 0.3, 2.2), level(&music, OUTRO as f64 / 30.0 + 0.4, OUTRO as f64 / 30.0 + 0.7));
    assert!(after > under + 20.0, "music at {under:.0} dBFS under the intro, and {after:.0} with the outro");

    let srt = std::fs::read_to_string(film.sidecar.as_ref().unwrap().srt.clone()).unwrap();
    assert!(srt.starts_with("1\n00:00:03,"), "{srt}");
    let thumbnail = decode(&film.thumbnail, &["-f", "rawvideo", "-pix_fmt", "rgb24"]);
    assert!(near(pixel(&thumbnail, 90, 160), GREY), "the thumbnail is the intro's");
}

#[tokio::test]
async fn an_intro_shorter_than_a_crossfade_is_shown_too() {
    let set = Set::new();
    let mut request = request_of_channel(&set);
    let short =
        set.make(&["-f", "lavfi", "-i", "color=red:s=64x64:r=24:d=0.2", "-pix_fmt", "yuv420p", "short.mp4"]);
    request.scenes[0] = Scene::intro(short);
    let film = set.film(&request).await;
    assert_passed(&film);
    assert!(near(pixel(&rgb_frames(&film, request.format)[2], 90, 160), [254, 0, 0]));
}

#[tokio::test]
async fn another_outro_renders_its_section_alone() {
    let set = Set::new();
    let mut request = request_of_channel(&set);
    let spoken = request.scenes[1].clone();
    for n in 0..12 {
        request.scenes.insert(2, Scene { id: format!("t{n}"), ..spoken.clone() });
    }
    request.section_cache = Some(set.path("sections"));
    set.film(&request).await;
    let last = request.scenes.len() - 1;
    request.scenes[last] = Scene::outro(intro(&set));
    let film = set.film(&request).await;
    assert_passed(&film);
    let reused: Vec<bool> = film.sections.iter().map(|section| section.reused).collect();
    assert_eq!(reused, [true, false]);
}

type Change = fn(&Set, &mut FilmRequest);

#[tokio::test]
async fn what_no_channel_can_have_is_refused_by_its_name() {
    let set = Set::new();
    let refusal = async |change: Change| -> FilmError {
        let mut request = request_of_channel(&set);
        change(&set, &mut request);
        set.try_film(&request).await.unwrap_err()
    };
    let cases: [(Change, &str); 4] = [
        (|set, request| request.scenes[0] = Scene::intro(logo(set)), "the intro"),
        (|set, request| request.watermark.as_mut().unwrap().path = set.path("voice.wav"), "the watermark"),
        (|_, request| request.watermark.as_mut().unwrap().look.width = 90, "watermark.width"),
        (|_, request| request.scenes.swap(0, 1), "put the intro first"),
    ];
    for (change, reported) in cases {
        let error = refusal(change).await.to_string();
        assert!(error.contains(reported), "{error}");
    }
}
