//! What a picture lets through is the film's ground, never the colour that its file hides there.

use std::path::PathBuf;

use png::{BitDepth, ColorType};
use videofactory_film::request::{Film, Picture, Scene};
use videofactory_pipeline::timeline::Motion;

use super::support::*;

/// Twice the frame, so that the halves lie where the frame's do.
const WIDTH: usize = 180;
const HEIGHT: usize = 320;

/// A PNG whose left half is `hidden`, transparent, and whose right half is `shown`.
fn png(set: &Set, name: &str, color: ColorType, (hidden, shown): (&[u8], &[u8]), trns: &[u8]) -> PathBuf {
    let path = set.path(name);
    let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), WIDTH as u32, HEIGHT as u32);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![255, 0, 255, 40, 200, 80]);
    }
    if !trns.is_empty() {
        encoder.set_trns(trns.to_vec());
    }
    let row = [hidden.repeat(WIDTH / 2), shown.repeat(WIDTH / 2)].concat();
    encoder.write_header().unwrap().write_image_data(&row.repeat(HEIGHT)).unwrap();
    path
}

/// The pixels in the middle of both halves of a picture.
fn halves(rgb: &[u8], width: usize, height: usize) -> [[u8; 3]; 2] {
    [width / 4, width * 3 / 4].map(|x| {
        let at = (height / 2 * width + x) * 3;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    })
}

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 6)
}

async fn film(set: &Set, picture: Picture) -> Film {
    let scene = Scene { min_seconds: 1.0, ..scene("logo", picture) };
    set.film(&request(vec![scene])).await
}

async fn assert_on_black(set: &Set, name: &str, picture: Picture, shown: [u8; 3]) {
    let film = film(set, picture).await;
    assert!(!film.failed(), "{name}: {:?}", film.checks);
    let format = request(Vec::new()).format;
    let (width, height) = (format.width as usize, format.height as usize);
    let frame = halves(&rgb_frames(&film, format)[3], width, height);
    let thumbnail = halves(&decode(&film.thumbnail, &["-f", "rawvideo", "-pix_fmt", "rgb24"]), width, height);
    for (what, [left, right]) in [("film", frame), ("thumbnail", thumbnail)] {
        assert!(near(left, [0, 0, 0]), "{name}: {left:?} shows through in the {what}");
        assert!(near(right, shown), "{name}: {right:?} in the {what} instead of {shown:?}");
    }
}

#[tokio::test]
async fn transparent_pictures_show_the_ground_and_not_their_hidden_colour() {
    let set = Set::new();
    let (green, grey) = ([40, 200, 80], [130, 130, 130]);
    let rgba: (&[u8], &[u8]) = (&[255, 0, 255, 0], &[40, 200, 80, 255]);
    let colours = png(&set, "rgba.png", ColorType::Rgba, rgba, &[]);
    let webp = set.path("rgba.webp");
    set.make(&["-i", colours.to_str().unwrap(), "-lossless", "1", webp.to_str().unwrap()]);
    for (name, path, shown) in [
        ("colours with alpha", colours, green),
        ("WebP", webp, green),
        (
            "grey with alpha",
            png(&set, "ya.png", ColorType::GrayscaleAlpha, (&[255, 0], &[130, 255]), &[]),
            grey,
        ),
        ("a palette", png(&set, "pal.png", ColorType::Indexed, (&[0], &[1]), &[0]), green),
        ("one grey", png(&set, "grey.png", ColorType::Grayscale, (&[200], &[130]), &[0, 200]), grey),
        (
            "one colour",
            png(&set, "rgb.png", ColorType::Rgb, (&[255, 0, 255], &[40, 200, 80]), &[0, 255, 0, 0, 0, 255]),
            green,
        ),
    ] {
        assert_on_black(&set, name, still(path, Motion::still()), shown).await;
    }
}

#[tokio::test]
async fn a_half_transparent_picture_is_half_as_bright() {
    let set = Set::new();
    let pixel: (&[u8], &[u8]) = (&[255, 0, 0, 128], &[255, 0, 0, 128]);
    let path = png(&set, "half.png", ColorType::Rgba, pixel, &[]);
    let film = film(&set, still(path, Motion::still())).await;
    let format = request(Vec::new()).format;
    let [left, _] = halves(&rgb_frames(&film, format)[3], format.width as usize, format.height as usize);
    assert!(near(left, [128, 0, 0]), "{left:?}");
}

#[tokio::test]
async fn a_transparent_clip_shows_the_ground_too() {
    let set = Set::new();
    let rgba: (&[u8], &[u8]) = (&[255, 0, 255, 0], &[40, 200, 80, 255]);
    let picture = png(&set, "rgba.png", ColorType::Rgba, rgba, &[]);
    let moving = set.make(&[
        "-loop",
        "1",
        "-i",
        picture.to_str().unwrap(),
        "-t",
        "2",
        "-r",
        "24",
        "-c:v",
        "png",
        "moving.mov",
    ]);
    assert_on_black(&set, "a clip", clip(moving), [40, 200, 80]).await;
}
