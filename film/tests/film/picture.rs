//! What is seen: the sources' colours, and movement without jitter.

use videofactory_film::request::{CheckName, ClipFit, Format, Scene};
use videofactory_pipeline::timeline::{Easing, FrameRate, Motion, Rect};

use super::support::*;

/// Red, green, blue, yellow, grey and skin, in two columns and three rows.
const PATCHES: [[u8; 3]; 6] = [
    [0xE0, 0x40, 0x20],
    [0x20, 0xA0, 0x40],
    [0x30, 0x50, 0xD0],
    [0xE8, 0xC8, 0x30],
    [0x80, 0x80, 0x80],
    [0xD8, 0xA0, 0x88],
];

fn patches(set: &Set) -> std::path::PathBuf {
    let boxes: Vec<String> = PATCHES
        .iter()
        .enumerate()
        .map(|(n, [r, g, b])| {
            let (x, y) = (n % 2 * 90, n / 2 * 108);
            format!("drawbox=x={x}:y={y}:w=90:h=108:c=0x{r:02X}{g:02X}{b:02X}:t=fill")
        })
        .collect();
    let filter = format!("format=gbrp,{},format=rgb24", boxes.join(","));
    set.make(&["-f", "lavfi", "-i", "color=black:s=180x324", "-vf", &filter, "-frames:v", "1", "patches.png"])
}

fn assert_colours(film: &videofactory_film::Film, format: Format, frame: usize, what: &str) {
    let frames = rgb_frames(film, format);
    for (n, wanted) in PATCHES.iter().enumerate() {
        let (x, y) = (n % 2 * 90 + 45, n / 2 * 108 + 54);
        let at = (y * format.width as usize + x) * 3;
        let found = &frames[frame][at..at + 3];
        let worst = found.iter().zip(wanted).map(|(found, wanted)| found.abs_diff(*wanted)).max().unwrap();
        assert!(worst <= 4, "{what}: {found:02X?} where {wanted:02X?} was drawn");
    }
}

#[tokio::test]
async fn colours_stay_within_four_steps_of_every_source() {
    let set = Set::new();
    let png = patches(&set);
    let picture = png.to_str().unwrap().to_owned();
    let video = |name: &str, matrix: &str, range: &str, tag: &[&str]| {
        let filter = format!(
            "scale=out_color_matrix={matrix}:out_range={range}:flags=accurate_rnd+full_chroma_int,format=yuv420p"
        );
        let mut args = vec![
            "-loop",
            "1",
            "-framerate",
            "30",
            "-t",
            "3",
            "-i",
            &picture,
            "-vf",
            &filter,
            "-c:v",
            "libx264",
            "-qp",
            "4",
        ];
        args.extend(tag);
        args.push(name);
        set.make(&args)
    };
    let bt601 = video(
        "bt601.mp4",
        "bt601",
        "tv",
        &[
            "-colorspace",
            "smpte170m",
            "-color_primaries",
            "smpte170m",
            "-color_trc",
            "smpte170m",
            "-color_range",
            "tv",
        ],
    );
    let full = video("full.mp4", "bt709", "pc", &["-colorspace", "bt709", "-color_range", "pc"]);
    let untagged = video("untagged.mp4", "bt601", "tv", &[]);
    let jpeg = set.make(&["-i", &picture, "-q:v", "1", "patches.jpg"]);
    let lasting = |scene: Scene| Scene { min_seconds: 2.0, ..scene };
    let mut request = request(vec![
        lasting(scene("png", still(png.clone(), Motion::still()))),
        lasting(scene("bt601", clip(bt601))),
        lasting(scene("full-range", clip(full))),
        lasting(scene("untagged", clip(untagged))),
        lasting(scene("jpeg", still(jpeg, Motion::still()))),
    ]);
    request.format = Format { width: 180, height: 324, fps: FrameRate::new(30).unwrap() };
    let film = set.film(&request).await;
    for (n, scene) in request.scenes.iter().enumerate() {
        assert_colours(&film, request.format, n * 60 + 36, &scene.id);
    }
}

#[tokio::test]
async fn an_animation_in_place_of_a_picture_shows_its_first_frame() {
    let set = Set::new();
    let grey = "format=gray,format=rgb24";
    for name in ["moving.gif", "moving.mp4", "moving.apng"] {
        // White at first, black after a tenth of a second.
        let fade = format!("geq=lum='if(lt(N,1),235,16)':cb=128:cr=128,{grey}");
        let moving = set.make(&["-f", "lavfi", "-i", "color=white:s=216x384:r=10:d=3", "-vf", &fade, name]);
        let scenes = ["a", "b"].map(|id| Scene {
            min_seconds: 1.0,
            ..scene(id, still(moving.clone(), Motion::for_scene(id, 0.5625)))
        });
        let request = request(scenes.to_vec());
        let film = set.film(&request).await;
        assert_eq!(film.frames, 72, "{name}");
        let seen = brightness(&grey_frames(&film, request.format));
        assert!(seen.iter().all(|mean| *mean > 200.0), "{name}: {seen:.0?}");
    }
}

/// The centre of the light in a frame.
fn centroid(frame: &[u8], width: usize) -> (f64, f64) {
    let (mut sum, mut x_sum, mut y_sum) = (0.0, 0.0, 0.0);
    for (place, value) in frame.iter().enumerate() {
        let light = f64::from(value.saturating_sub(60));
        sum += light;
        x_sum += light * (place % width) as f64;
        y_sum += light * (place / width) as f64;
    }
    (x_sum / sum, y_sum / sum)
}

/// That a dot's place has second differences of a tenth of a pixel at most.
async fn assert_moves_without_jitter(from: Rect, to: Rect) {
    let motion = Motion { from, to, easing: Easing::InOut };
    let set = Set::new();
    let dot = set.make(&[
        "-f",
        "lavfi",
        "-i",
        "color=black:s=864x1536",
        "-vf",
        "format=gray,geq=lum='40+200*clip((60-hypot(X-300\\,Y-500))/12\\,0\\,1)'",
        "-frames:v",
        "1",
        "dot.png",
    ]);
    let mut request = request(vec![Scene { min_seconds: 5.0, ..scene("dot", still(dot, motion)) }]);
    request.format = Format { width: 720, height: 1280, fps: FrameRate::new(30).unwrap() };
    let film = set.film(&request).await;
    let places: Vec<(f64, f64)> =
        grey_frames(&film, request.format).iter().map(|frame| centroid(frame, 720)).collect();
    let (first, last) = (places[0], places[places.len() - 1]);
    assert!((first.0 - last.0).hypot(first.1 - last.1) > 15.0, "the dot did not move");
    let second =
        |t: &[(f64, f64)]| (t[2].0 - 2.0 * t[1].0 + t[0].0).abs().max((t[2].1 - 2.0 * t[1].1 + t[0].1).abs());
    let jitter = places.windows(3).map(second).fold(0.0, f64::max);
    assert!(jitter <= 0.1, "the dot jumps by {jitter:.3} px");
}

#[tokio::test]
async fn a_zoom_moves_without_jitter() {
    assert_moves_without_jitter(Rect::placed(0.985, 0.5, 0.5), Rect::placed(0.86, 0.7, 0.6)).await;
}

#[tokio::test]
async fn a_pan_moves_without_jitter() {
    assert_moves_without_jitter(Rect::placed(0.86, 0.3, 0.05), Rect::placed(0.86, 0.3, 0.95)).await;
}

#[tokio::test]
async fn a_clip_that_is_too_short_keeps_moving() {
    let set = Set::new();
    let source = set.detail(1);
    let frozen = set.make(&[
        "-loop",
        "1",
        "-framerate",
        "30",
        "-t",
        "1",
        "-i",
        source.to_str().unwrap(),
        "-pix_fmt",
        "yuv420p",
        "frozen.mp4",
    ]);
    let scenes = vec![Scene { fit: ClipFit::Hold, min_seconds: 6.0, ..scene("short", clip(frozen)) }];
    let request = request(scenes);
    let film = set.film(&request).await;
    assert_passed(&film);
    let frames = grey_frames(&film, request.format);
    let second_apart: Vec<Vec<u8>> = frames.into_iter().skip(45).step_by(30).collect();
    for (second, change) in changes(&second_apart).iter().enumerate() {
        assert!(*change > 0.5, "second {second} after the clip's end changes by {change:.2} only");
    }
}

#[tokio::test]
async fn a_dark_scene_is_not_called_black() {
    let set = Set::new();
    for (name, colour) in [("night", "0x000028"), ("card", "0x121212")] {
        let (source, file) = (format!("color={colour}:s=216x384"), format!("{name}.png"));
        let picture = set.make(&["-f", "lavfi", "-i", &source, "-frames:v", "1", &file]);
        let request = request(vec![scene(name, still(picture, Motion::for_scene(name, 0.5625)))]);
        assert_passed(&set.film(&request).await);
    }
}

#[tokio::test]
async fn a_clip_without_tags_is_shown_as_it_was_rendered() {
    let set = Set::new();
    for colour in ["0x203040", "0xf0f0f0"] {
        // Taken for BT.709 by its size, so that nothing in the graph tags it.
        let source = format!("color={colour}:s=1280x720:r=30:d=2,noise=alls=8:allf=t");
        let untagged =
            set.make(&["-f", "lavfi", "-i", &source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "hd.mp4"]);
        let mut request = request(vec![scene("hd", clip(untagged))]);
        request.format = Format { width: 320, height: 180, fps: FrameRate::new(30).unwrap() };
        assert_passed(&set.film(&request).await);
    }
}

#[tokio::test]
async fn a_picture_that_rests_is_noticed() {
    let set = Set::new();
    let source = set.detail(2);
    let frozen = set.make(&[
        "-loop",
        "1",
        "-framerate",
        "30",
        "-t",
        "5",
        "-i",
        source.to_str().unwrap(),
        "-pix_fmt",
        "yuv420p",
        "frozen.mp4",
    ]);
    let request = request(vec![Scene { min_seconds: 4.0, ..scene("frozen", clip(frozen)) }]);
    let film = set.film(&request).await;
    let freeze = film.checks.iter().find(|check| check.name == CheckName::Freeze).unwrap();
    assert!(freeze.value > 3.5, "{}", freeze.message);
    assert!(!film.failed(), "a warning failed the film");
}

#[tokio::test]
async fn the_thumbnail_has_the_frames_size_and_the_scenes_colours() {
    let set = Set::new();
    let mut request = request(vec![scene("one", still(patches(&set), Motion::still()))]);
    request.format = Format { width: 180, height: 324, fps: FrameRate::new(30).unwrap() };
    let film = set.film(&request).await;
    let pixels = decode(&film.thumbnail, &["-vf", "format=rgb24", "-f", "rawvideo"]);
    assert_eq!(pixels.len(), 180 * 324 * 3);
    let at = (54 * 180 + 45) * 3;
    let worst = pixels[at..at + 3].iter().zip(&PATCHES[0]).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 5, "{:02X?}", &pixels[at..at + 3]);
    request.thumbnail.text = "Six colours".to_owned();
    let film = set.film(&request).await;
    let lettered = decode(&film.thumbnail, &["-vf", "format=rgb24", "-f", "rawvideo"]);
    assert!(lettered != pixels, "no letters on the thumbnail");
}
