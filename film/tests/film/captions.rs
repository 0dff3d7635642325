//! Captions: where and when they are drawn, in the scripts that people write.

use std::path::PathBuf;
use std::process::Command;

use videofactory_film::FilmError;
use videofactory_film::captions::safe_area::Area;
use videofactory_film::request::{
    CaptionMode, CaptionPosition, Film, FilmRequest, Format, Scene, Voice, Word, WordLevel,
};
use videofactory_pipeline::timeline::{FrameRate, Motion};

use super::support::*;

/// A film over black, so that all that is bright is a caption.
fn over_black(set: &Set, language: &str, texts: &[&str]) -> FilmRequest {
    let black: PathBuf =
        set.make(&["-f", "lavfi", "-i", "color=black:s=72x128", "-frames:v", "1", "black.png"]);
    let sound = set.babble("voice.wav", 0.5, 3.5, 4.0);
    let scenes = texts.iter().enumerate().map(|(n, text)| Scene {
        voice: voice(sound.clone()),
        caption: (*text).to_owned(),
        ..scene(&format!("s{n}"), still(black.clone(), Motion::still()))
    });
    let mut request = request(scenes.collect());
    language.clone_into(&mut request.language);
    request.captions.mode = CaptionMode::Both;
    request.format = Format { width: 360, height: 640, fps: FrameRate::new(30).unwrap() };
    request
}

/// The pixels that are bright: left, top, right, bottom.
fn drawn(frame: &[u8], width: usize) -> Option<[usize; 4]> {
    let lit = frame
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > 40)
        .map(|(place, _)| (place % width, place / width));
    lit.fold(None, |found: Option<[usize; 4]>, (x, y)| {
        let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
    })
}

fn assert_inside(film: &Film, format: Format) -> Vec<Option<[usize; 4]>> {
    let area = Area::safe(format);
    let boxes: Vec<_> =
        grey_frames(film, format).iter().map(|frame| drawn(frame, format.width as usize)).collect();
    assert!(boxes.iter().any(Option::is_some), "no caption was drawn");
    for (frame, [left, top, right, bottom]) in
        boxes.iter().enumerate().filter_map(|(n, found)| Some((n, (*found)?)))
    {
        let inside = left as f64 >= area.left
            && top as f64 >= area.top
            && right as f64 <= area.right
            && bottom as f64 <= area.bottom;
        assert!(inside, "frame {frame} is drawn on from {left},{top} to {right},{bottom}, outside {area:?}");
    }
    boxes
}

#[tokio::test]
async fn captions_stay_inside_the_safe_area_and_begin_with_the_speech() {
    let set = Set::new();
    let request = over_black(
        &set,
        "en",
        &[
            "Deep below the waves lies a world that no sunlight has ever reached, and nobody owns.",
            "Extraordinarily uncharacteristic misunderstandings.",
            "Yes.",
        ],
    );
    let film = set.film(&request).await;
    assert_passed(&film);
    let boxes = assert_inside(&film, request.format);
    let heard = onsets(&samples(&film), 0.02);
    // A caption appears where there was none.
    let appears: Vec<f64> = (1..boxes.len())
        .filter(|n| boxes[*n].is_some() && boxes[n - 1].is_none())
        .map(|n| n as f64 / 30.0)
        .collect();
    assert_eq!(heard.len(), 3, "speech at {heard:?}");
    for heard in heard {
        let nearest = appears.iter().map(|seen| (seen - heard).abs()).fold(f64::INFINITY, f64::min);
        assert!(nearest <= 0.15, "speech at {heard:.3} s, captions at {appears:?}");
    }
    assert_eq!(film.word_level, Some(WordLevel::Estimated));
}

#[tokio::test]
async fn every_position_and_shape_of_frame_keeps_to_its_safe_area() {
    for (width, height, position) in [
        (360, 640, CaptionPosition::Top),
        (640, 360, CaptionPosition::Bottom),
        (360, 360, CaptionPosition::Middle),
        (640, 360, CaptionPosition::Top),
    ] {
        let set = Set::new();
        let mut request = over_black(
            &set,
            "en",
            &["The quick brown fox jumps over the lazy dog, again and again and again."],
        );
        request.format = Format { width, height, ..request.format };
        request.captions.style.position = position;
        let film = set.film(&request).await;
        assert_passed(&film);
        assert_inside(&film, request.format);
    }
}

#[tokio::test]
async fn letters_too_large_for_the_frame_shrink_into_the_safe_area_and_are_reported() {
    for (width, height, size) in [(640, 360, 130), (360, 640, 400), (360, 360, 250)] {
        let set = Set::new();
        let text = "The deep sea is dark and cold and full of life.";
        let mut request = over_black(&set, "en", &[text]);
        request.format = Format { width, height, ..request.format };
        request.captions.style.size = size;
        request.thumbnail.text = text.to_owned();
        let film = set.film(&request).await;
        assert_passed(&film);
        assert_inside(&film, request.format);
        let warning = format!("smaller than {size} px");
        assert!(film.notes.iter().any(|note| note.contains(&warning)), "{:?}", film.notes);
        let thumbnail = decode(&film.thumbnail, &["-vf", "format=gray", "-f", "rawvideo"]);
        let [_, top, _, bottom] = drawn(&thumbnail, width as usize).unwrap();
        assert!(top > 2 && bottom + 2 < height as usize, "the title reaches from {top} to {bottom}");
    }
}

#[tokio::test]
async fn captions_follow_the_words_that_the_voice_reports() {
    let set = Set::new();
    let mut request = over_black(&set, "en", &["First second."]);
    let word = |text: &str, start: f64, end: f64| Word { text: text.to_owned(), start, end };
    let words = vec![word("First", 0.5, 1.0), word("second.", 2.0, 3.5)];
    request.scenes[0].voice = Some(Voice { path: set.path("voice.wav"), words, level: WordLevel::Exact });
    let film = set.film(&request).await;
    assert_eq!(film.word_level, Some(WordLevel::Exact));
    // Yellow has little blue: where that is lies the lit word.
    let lit_centre = |frame: &Vec<u8>| {
        let places: Vec<usize> = frame
            .chunks_exact(3)
            .enumerate()
            .filter(|(_, p)| p[0] > 180 && p[2] < 120)
            .map(|(n, _)| n % 360)
            .collect();
        places.iter().sum::<usize>() as f64 / places.len() as f64
    };
    let frames = rgb_frames(&film, request.format);
    // The voice begins with frame 12: the first word at 0.9 s, the second at 2.4 s.
    let (first, second) = (lit_centre(&frames[28]), lit_centre(&frames[75]));
    assert!(first + 20.0 < second, "the lit word is at {first:.0}, then at {second:.0}");
    let (before, after) = (lit_centre(&frames[71]), lit_centre(&frames[72]));
    assert!(before + 20.0 < after, "the second word is not lit in the frame that it is spoken in");
}

/// What the renderer says about fonts while it draws these captions.
fn renderers_complaints(film: &Film) -> (Vec<String>, Vec<String>) {
    let dir = film.path.parent().unwrap();
    let out = Command::new("ffmpeg")
        .args([
            "-v",
            "verbose",
            "-nostdin",
            "-i",
            "film.mp4",
            "-vf",
            "ass=captions.ass:shaping=complex",
            "-f",
            "null",
            "-",
        ])
        .current_dir(dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let chosen = text.lines().filter(|line| line.contains("fontselect:")).map(str::to_owned).collect();
    let complaints = ["not found", "fallback", "Failed to", "failed to"];
    let bad = text.lines().filter(|line| line.contains("ass") && complaints.iter().any(|c| line.contains(c)));
    (chosen, bad.map(str::to_owned).collect())
}

#[tokio::test]
async fn many_scripts_are_drawn_without_a_missing_glyph() {
    for (language, text, font) in [
        ("ja", "深海には、太陽の光がまったく届かない世界が広がっています。YouTubeで見よう！", "CJKjp-Bold"),
        ("ar", "في أعماق المحيط عالم لا يصل إليه ضوء الشمس أبدًا، عام 2026.", "NotoSansArabic-Bold"),
        ("hi", "समुद्र की गहराइयों में एक ऐसी दुनिया है जहाँ सूरज की रोशनी कभी नहीं पहुँचती।", "NotoSansDevanagari-Bold"),
        ("ru", "В глубинах океана лежит мир, куда никогда не доходит солнечный свет.", "NotoSans-Bold"),
        ("th", "ใต้มหาสมุทรลึกมีโลกที่แสงอาทิตย์ส่องไปไม่ถึง", "NotoSansThai-Bold"),
        ("ko", "깊은 바닷속에는 햇빛이 닿지 않는 세계가 있습니다.", "CJKkr-Bold"),
    ] {
        let set = Set::new();
        let request = over_black(&set, language, &[text]);
        let film = set.film(&request).await;
        assert_passed(&film);
        assert_inside(&film, request.format);
        let (chosen, bad) = renderers_complaints(&film);
        assert!(bad.is_empty(), "{language}: {bad:?}");
        assert!(chosen.iter().any(|line| line.contains(font)), "{language} is not set in {font}: {chosen:?}");
        let srt = std::fs::read_to_string(&film.sidecar.unwrap().srt).unwrap();
        let written: String =
            srt.lines().filter(|line| !line.contains("-->") && line.parse::<u32>().is_err()).collect();
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(letters(&written), letters(text));
    }
}

#[tokio::test]
async fn arabic_is_lit_from_right_to_left() {
    let set = Set::new();
    let request = over_black(&set, "ar", &["الأولى الثانية الثالثة"]);
    let film = set.film(&request).await;
    let frames = rgb_frames(&film, request.format);
    let centre = |frame: &Vec<u8>, lit: bool| {
        let yellow = |p: &[u8]| p[0] > 180 && p[2] < 120;
        let white = |p: &[u8]| p[0] > 180 && p[2] > 180;
        let hits = frame.chunks_exact(3).enumerate().filter(|(_, p)| if lit { yellow(p) } else { white(p) });
        let places: Vec<usize> = hits.map(|(n, _)| n % 360).collect();
        places.iter().sum::<usize>() as f64 / places.len() as f64
    };
    // Speech begins with frame 27 and ends with frame 117.
    assert!(
        centre(&frames[32], true) > centre(&frames[32], false) + 20.0,
        "the first word is not at the right"
    );
    assert!(
        centre(&frames[112], true) + 20.0 < centre(&frames[112], false),
        "the last word is not at the left"
    );
}

#[tokio::test]
async fn a_script_without_a_font_is_refused_by_name() {
    let set = Set::new();
    let request = over_black(&set, "sq", &["abc \u{10570}\u{10597}"]);
    let error = set.try_film(&request).await.unwrap_err();
    assert!(matches!(error, FilmError::FindFont { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("Vithkuqi") && text.contains("U+10570"), "{text}");
    assert!(!set.path("out/film.mp4").exists(), "a film was rendered all the same");
}

#[tokio::test]
async fn a_font_that_is_not_installed_is_refused_by_name() {
    let set = Set::new();
    let mut request = over_black(&set, "en", &["Hello"]);
    request.captions.style.font = "No Such Sans".to_owned();
    let error = set.try_film(&request).await.unwrap_err();
    assert!(
        matches!(error, FilmError::FindFontFamily(_)) && error.to_string().contains("No Such Sans"),
        "{error}"
    );
}

#[tokio::test]
async fn signs_that_no_font_has_are_left_out_and_said() {
    let set = Set::new();
    let request = over_black(&set, "en", &["Hello \u{1FAE8} world"]);
    let film = set.film(&request).await;
    assert_passed(&film);
    assert!(film.notes.iter().any(|note| note.contains("U+1FAE8")), "{:?}", film.notes);
}

#[tokio::test]
async fn a_title_of_any_length_and_with_signs_is_drawn_in_the_safe_area() {
    let set = Set::new();
    let mut request = over_black(&set, "en", &["Yes."]);
    request.captions.mode = CaptionMode::None;
    request.thumbnail.text = format!("{} \u{1FAE8}", "The deep ocean and what lives in it ".repeat(5).trim());
    let film = set.film(&request).await;
    assert!(film.notes.iter().any(|note| note.contains("the thumbnail's text")), "{:?}", film.notes);
    let luma = decode(&film.thumbnail, &["-vf", "format=gray", "-f", "rawvideo"]);
    let [left, top, right, bottom] = drawn(&luma, 360).expect("no title was drawn");
    let area = Area::safe(request.format);
    assert!(left as f64 >= area.left && right as f64 <= area.right, "from {left} to {right}");
    assert!(top as f64 >= area.top && bottom as f64 <= area.bottom, "from {top} to {bottom}");
}

#[tokio::test]
async fn sidecars_in_a_script_without_a_font_are_written() {
    let set = Set::new();
    let mut request = over_black(&set, "sq", &["abc \u{10570}\u{10597} \u{1FAE8}"]);
    request.captions.mode = CaptionMode::Sidecar;
    request.captions.style.font = "No Such Sans".to_owned();
    let film = set.film(&request).await;
    assert_passed(&film);
    let srt = std::fs::read_to_string(film.sidecar.unwrap().srt).unwrap();
    assert!(srt.contains("\u{10570}\u{10597} \u{1FAE8}"), "{srt}");
}

#[tokio::test]
async fn sidecars_leave_the_picture_alone() {
    let set = Set::new();
    let mut request = over_black(&set, "en", &["Hello there. Goodbye."]);
    request.captions.mode = CaptionMode::Sidecar;
    let film = set.film(&request).await;
    assert!(grey_frames(&film, request.format).iter().all(|frame| drawn(frame, 360).is_none()));
    let sidecar = film.sidecar.unwrap();
    let srt = std::fs::read_to_string(sidecar.srt).unwrap();
    assert!(srt.starts_with("1\n00:00:00,900 --> "), "{srt}");
    assert!(std::fs::read_to_string(sidecar.vtt).unwrap().starts_with("WEBVTT\n\n00:00:00.900 --> "));
}
