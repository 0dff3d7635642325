//! What every film's file is: its codecs, size, constant rate and length, and that it can be played
//! before it is wholly loaded, and that it shows what was rendered.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::{Finding, Plan, black_and_frozen};
use crate::error::FilmError;
use crate::ffmpeg::probe;
use crate::sniff::MP4;
use crate::watch::Watch;

pub(super) async fn check(plan: &Plan<'_>, path: &Path, seen: &Watch) -> Result<Finding, FilmError> {
    let entries = "stream=codec_type,codec_name,profile,width,height,pix_fmt,color_space,color_range,sample_rate,\
                   channels,start_time,duration:packet=codec_type,pts,flags";
    let found = probe(&["-show_entries", entries], MP4, path).await?;
    let of_kind = |kind: &str| {
        let streams = found["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
        streams.iter().find(|stream| stream["codec_type"] == kind).unwrap_or(&Value::Null)
    };
    let (video, audio) = (of_kind("video"), of_kind("audio"));
    let mut faults = Vec::new();
    for (stream, name, wanted) in [
        (video, "codec_name", "h264"),
        (video, "profile", "High"),
        (video, "pix_fmt", "yuv420p"),
        (video, "color_space", "bt709"),
        (video, "color_range", "tv"),
        (audio, "codec_name", "aac"),
        (audio, "sample_rate", "48000"),
    ] {
        if stream[name] != wanted {
            faults.push(format!("{name} is {}, not {wanted}", stream[name]));
        }
    }
    let format = plan.request.format;
    for (stream, name, wanted) in
        [(video, "width", format.width), (video, "height", format.height), (audio, "channels", 2)]
    {
        if stream[name] != wanted {
            faults.push(format!("{name} is {}, not {wanted}", stream[name]));
        }
    }
    let frames = frames(&found["packets"]);
    faults.extend(uneven(&frames, plan.timeline.frames().0));
    let keys: Vec<usize> = (0..frames.len()).filter(|frame| frames[*frame].1).collect();
    faults.extend(black_and_frozen::unlike(plan, seen, path, &keys).await?);
    let apart = (number(video, "duration") - number(audio, "duration")).abs();
    let frame = 1.0 / f64::from(format.fps.per_second());
    if apart > frame {
        faults.push(format!("picture and sound differ by {apart:.3} s"));
    }
    if number(video, "start_time") != 0.0 || number(audio, "start_time") != 0.0 {
        faults.push("it does not start at 0".to_owned());
    }
    if !index_first(path).map_err(FilmError::file("read", path))? {
        faults.push("its index lies at the end".to_owned());
    }
    let sizes = format!(
        "{}x{}, {} frames at {} a second, picture and sound {:.1} ms apart",
        format.width,
        format.height,
        plan.timeline.frames().0,
        format.fps.per_second(),
        apart * 1000.0
    );
    let good = faults.is_empty();
    Ok(Finding { good, value: apart, message: if good { sizes } else { faults.join("; ") } })
}

/// When each frame is shown, and whether it is a key frame; in the order of showing.
fn frames(packets: &Value) -> Vec<(i64, bool)> {
    let packets = packets.as_array().map(Vec::as_slice).unwrap_or_default();
    let of_picture = packets.iter().filter(|packet| packet["codec_type"] == "video");
    let is_key = |packet: &Value| packet["flags"].as_str().is_some_and(|flags| flags.starts_with('K'));
    let mut frames: Vec<(i64, bool)> =
        of_picture.filter_map(|packet| Some((packet["pts"].as_i64()?, is_key(packet)))).collect();
    frames.sort_unstable();
    frames
}

/// What is wrong with the frames' times: each follows the one before at one distance.
fn uneven(shown: &[(i64, bool)], frames: u64) -> Option<String> {
    let times: Vec<i64> = shown.iter().map(|(time, _)| *time).collect();
    if times.len() as u64 != frames {
        return Some(format!("it has {} frames, not {frames}", times.len()));
    }
    let step = times.get(1).map_or(0, |second| second - times[0]);
    let uneven = times.windows(2).position(|pair| pair[1] - pair[0] != step)?;
    Some(format!("frame {} is not {step} units after the one before", uneven + 1))
}

fn number(stream: &Value, name: &str) -> f64 {
    stream[name].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// Whether `moov` comes before `mdat`.
fn index_first(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut header = [0; 16];
    while file.read_exact(&mut header[..8]).is_ok() {
        let kind = &header[4..8];
        if kind == b"moov" || kind == b"mdat" {
            return Ok(kind == b"moov");
        }
        let short = u64::from(u32::from_be_bytes([header[0], header[1], header[2], header[3]]));
        let length = if short == 1 {
            file.read_exact(&mut header[8..])?;
            u64::from_be_bytes([
                header[8], header[9], header[10], header[11], header[12], header[13], header[14], header[15],
            ]) - 8
        } else {
            short
        };
        let rest = i64::try_from(length.saturating_sub(8)).unwrap_or(i64::MAX);
        file.seek(SeekFrom::Current(rest))?;
    }
    Ok(false)
}
