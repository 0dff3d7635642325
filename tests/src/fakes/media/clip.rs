//! Clips of any length: a second of film, looped by its index.
//!
//! The index (`moov`) of a fixture is written again so that each frame is played once a second. The film itself is
//! there once, so that a clip of a quarter of a minute is hardly larger than one of a second.

const FIXTURES: [(&str, &[u8]); 7] = [
    ("16:9", include_bytes!("16x9.mp4")),
    ("9:16", include_bytes!("9x16.mp4")),
    ("1:1", include_bytes!("1x1.mp4")),
    ("4:3", include_bytes!("4x3.mp4")),
    ("3:4", include_bytes!("3x4.mp4")),
    ("3:2", include_bytes!("3x2.mp4")),
    ("2:3", include_bytes!("2x3.mp4")),
];

/// The ratios that there are clips in.
pub(crate) const RATIOS: [&str; 7] = ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"];

/// An MP4 with picture and sound of so many seconds; in 16:9 if there is none in the ratio. `id` is written into it,
/// so that no two clips are equal.
pub(crate) fn clip(seconds: u32, ratio: &str, id: &str) -> Vec<u8> {
    let fixture = FIXTURES.iter().find(|(name, _)| *name == ratio).unwrap_or(&FIXTURES[0]).1;
    let mut film = Vec::with_capacity(fixture.len() * 2);
    for part in boxes(fixture) {
        match &part.kind {
            // The index comes last, so that nothing before it moves.
            b"moov" => film.extend(boxed(*b"moov", &index(part.body, seconds.max(1)))),
            _ => film.extend_from_slice(part.whole),
        }
    }
    film.extend(boxed(*b"free", id.as_bytes()));
    film
}

/// A box of the file: its kind, its content, and both with the head.
struct Part<'a> {
    kind: [u8; 4],
    body: &'a [u8],
    whole: &'a [u8],
}

fn boxes(mut bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while bytes.len() >= 8 {
        let size = (number(bytes, 0) as usize).clamp(8, bytes.len());
        let (whole, rest) = bytes.split_at(size);
        parts.push(Part { kind: [whole[4], whole[5], whole[6], whole[7]], body: &whole[8..], whole });
        bytes = rest;
    }
    parts
}

fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
    [&size.to_be_bytes()[..], &kind, body].concat()
}

/// The 32-bit number at a place; 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The index with each track played so many times, a second each.
fn index(moov: &[u8], times: u32) -> Vec<u8> {
    let film = number(child(moov, *b"mvhd"), TIME_SCALE);
    let mut body = Vec::new();
    for part in boxes(moov) {
        match &part.kind {
            b"mvhd" => body.extend(boxed(part.kind, &lasting(part.body, 16, times * film))),
            b"trak" => {
                let own = number(child(child(part.body, *b"mdia"), *b"mdhd"), TIME_SCALE);
                body.extend(boxed(part.kind, &track(part.body, times, film, own)));
            }
            // Names of tools.
            b"udta" => {}
            _ => body.extend_from_slice(part.whole),
        }
    }
    body
}

/// A track; `film` and `own` are how many units of time a second has in the film's head and in the track's own.
fn track(bytes: &[u8], times: u32, film: u32, own: u32) -> Vec<u8> {
    let mut body = Vec::new();
    for part in boxes(bytes) {
        let changed = match &part.kind {
            b"tkhd" => lasting(part.body, 20, times * film),
            b"mdhd" => lasting(part.body, 16, times * own),
            b"mdia" | b"minf" => track(part.body, times, film, own),
            b"stbl" => Samples::of(part.body, own).table(part.body, times),
            // Edits of one second.
            b"edts" => continue,
            _ => part.body.to_vec(),
        };
        body.extend(boxed(part.kind, &changed));
    }
    body
}

/// Where the heads of a film and of a track's medium hold the units of time in a second.
const TIME_SCALE: usize = 12;

/// The content of the first box of a kind; empty if there is none.
fn child(bytes: &[u8], kind: [u8; 4]) -> &[u8] {
    boxes(bytes).into_iter().find(|part| part.kind == kind).map_or(&[], |part| part.body)
}

/// A head with its duration, which is at this place, replaced.
fn lasting(head: &[u8], at: usize, duration: u32) -> Vec<u8> {
    let mut head = head.to_vec();
    if let Some(place) = head.get_mut(at..at + 4) {
        place.copy_from_slice(&duration.to_be_bytes());
    }
    head
}

/// A track's frames: where each is, how large, how long, and which of them need no other.
struct Samples {
    places: Vec<(u32, u32)>,
    length: u32,
    keys: Vec<u32>,
}

impl Samples {
    /// Those of the first second, of so many units.
    fn of(table: &[u8], second: u32) -> Self {
        let part = |kind| child(table, kind);
        let (sizes, offsets, runs) = (part(*b"stsz"), part(*b"stco"), part(*b"stsc"));
        let length = number(part(*b"stts"), 12);
        let frames = (second / length.max(1)).min(number(sizes, 8));
        let mut places = Vec::new();
        for chunk in 0..number(offsets, 4) {
            let mut offset = number(offsets, 8 + 4 * chunk as usize);
            for _ in 0..frames_in(runs, chunk + 1) {
                let size = number(sizes, 12 + 4 * places.len());
                places.push((offset, size));
                offset += size;
            }
        }
        places.truncate(frames as usize);
        let keys = part(*b"stss");
        let keys = (0..number(keys, 4)).map(|key| number(keys, 8 + 4 * key as usize)).collect();
        Self { places, length, keys }
    }

    fn table(&self, old: &[u8], times: u32) -> Vec<u8> {
        let frames = u32::try_from(self.places.len()).unwrap_or(0);
        let all = || (0..times).flat_map(|_| self.places.iter());
        let mut body = Vec::new();
        for part in boxes(old) {
            let numbers: Vec<u32> = match &part.kind {
                b"stts" => vec![0, 1, frames * times, self.length],
                b"stss" => {
                    let keys =
                        (0..times).flat_map(|round| self.keys.iter().map(move |key| key + round * frames));
                    [0, u32::try_from(self.keys.len()).unwrap_or(0) * times].into_iter().chain(keys).collect()
                }
                // One frame a chunk.
                b"stsc" => vec![0, 1, 1, 1, 1],
                b"stsz" => [0, 0, frames * times].into_iter().chain(all().map(|place| place.1)).collect(),
                b"stco" => [0, frames * times].into_iter().chain(all().map(|place| place.0)).collect(),
                b"sgpd" | b"sbgp" => continue,
                _ => {
                    body.extend_from_slice(part.whole);
                    continue;
                }
            };
            let bytes: Vec<u8> = numbers.into_iter().flat_map(u32::to_be_bytes).collect();
            body.extend(boxed(part.kind, &bytes));
        }
        body
    }
}

/// How many frames a chunk has; chunks are numbered from 1.
fn frames_in(runs: &[u8], chunk: u32) -> u32 {
    let run = |at: u32| 8 + 12 * at as usize;
    let mine = (0..number(runs, 4)).take_while(|at| number(runs, run(*at)) <= chunk).last();
    mine.map_or(0, |at| number(runs, run(at) + 4))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What ffprobe says of the streams, having decoded every frame.
    fn probed(clip: &[u8]) -> serde_json::Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), clip).unwrap();
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-of", "json", "-show_entries"])
            .arg("format=duration:stream=codec_type,nb_read_frames,width,height,duration")
            .arg(file.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&probe.stderr), "");
        serde_json::from_slice(&probe.stdout).unwrap()
    }

    fn seconds(value: &serde_json::Value) -> f64 {
        value["duration"].as_str().unwrap().parse().unwrap()
    }

    #[test]
    fn a_clip_has_its_length_in_picture_and_sound() {
        for length in [1, 4, 15] {
            let probed = probed(&clip(length, "9:16", "a"));
            let [picture, sound] = probed["streams"].as_array().unwrap().as_slice() else {
                panic!("{probed}")
            };
            assert_eq!(picture["nb_read_frames"], (24 * length).to_string());
            assert_eq!((&picture["width"], &picture["height"]), (&144.into(), &256.into()));
            for stream in [picture, sound, &probed["format"]] {
                assert!((seconds(stream) - f64::from(length)).abs() < 0.05, "{probed}");
            }
        }
    }

    #[test]
    fn every_ratio_has_a_clip_of_that_shape() {
        for ratio in RATIOS {
            let probed = probed(&clip(2, ratio, "a"));
            let (w, h) = ratio.split_once(':').unwrap();
            let side = |name: &str| probed["streams"][0][name].as_f64().unwrap();
            let wanted = w.parse::<f64>().unwrap() / h.parse::<f64>().unwrap();
            assert!((side("width") / side("height") - wanted).abs() < 0.01, "{ratio}: {probed}");
        }
    }

    #[test]
    fn no_two_clips_are_equal_and_none_is_large() {
        assert_ne!(clip(5, "16:9", "a"), clip(5, "16:9", "b"));
        assert!(clip(15, "16:9", "a").len() < 40_000);
    }
}
