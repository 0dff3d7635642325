//! What a file is, by its first bytes and never by its name: ffmpeg is given the reader to use,
//! because left alone it also takes playlists, lists of files and scripts, which make it open others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::FilmError;

/// Bytes that show the kind of a file; MPEG-TS repeats its mark after 188.
const HEAD: usize = 4096;
const TS_PACKET: usize = 188;

/// What a file is to a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Picture,
    /// Pictures that move, sound, or both.
    Recording,
}

/// A reader of ffmpeg's that opens nothing but the file it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// As `-f` has it.
    pub name: &'static str,
    /// What it reads.
    pub kind: Kind,
}

/// Our own films and their sections.
pub const MP4: Format = Format { name: "mov", kind: Kind::Recording };

/// The format of a file from outside; `what` names it in messages.
pub fn of(what: &str, path: &Path) -> Result<Format, FilmError> {
    let refuse = |why: String| FilmError::ReadInput { what: what.to_owned(), path: path.to_owned(), why };
    let mut head = Vec::with_capacity(HEAD);
    File::open(path)
        .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
        .map_err(|error| refuse(error.to_string()))?;
    of_bytes(&head).ok_or_else(|| {
        refuse(
            "it is none of the files that films are made of: PNG, JPEG, WebP, GIF, BMP and TIFF pictures; MP4, MOV, \
             WebM, Matroska, AVI, FLV, ASF, MPEG and Ogg videos; WAV, FLAC, MP3, AAC, AIFF, CAF and AMR sound"
                .to_owned(),
        )
    })
}

/// The format of a file that begins with these bytes; `None` if it is none that is known to read nothing
/// else.
#[must_use]
pub fn of_bytes(head: &[u8]) -> Option<Format> {
    let picture = |name| Some(Format { name, kind: Kind::Picture });
    let recording = |name| Some(Format { name, kind: Kind::Recording });
    let at = |place: usize, mark: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(mark));
    match head {
        _ if at(0, b"\x89PNG\r\n\x1a\n") => picture("png_pipe"),
        _ if at(0, b"\xff\xd8\xff") => picture("jpeg_pipe"),
        _ if at(0, b"RIFF") && at(8, b"WEBP") => picture("webp_pipe"),
        _ if at(0, b"GIF87a") || at(0, b"GIF89a") => picture("gif"),
        _ if at(0, b"II*\0") || at(0, b"MM\0*") => picture("tiff_pipe"),
        _ if at(0, b"BM") && at(6, b"\0\0\0\0") => picture("bmp_pipe"),
        _ if is_mp4(head) => Some(MP4),
        _ if at(0, b"\x1a\x45\xdf\xa3") => recording("matroska"),
        _ if at(0, b"RIFF") && at(8, b"AVI ") => recording("avi"),
        _ if (at(0, b"RIFF") || at(0, b"RF64")) && at(8, b"WAVE") => recording("wav"),
        _ if at(0, b"OggS\0") => recording("ogg"),
        _ if at(0, b"fLaC") => recording("flac"),
        _ if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => recording("aiff"),
        _ if at(0, b"caff\0\x01") => recording("caf"),
        _ if at(0, b"#!AMR") => recording("amr"),
        _ if at(0, b"FLV\x01") => recording("flv"),
        _ if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") => recording("asf"),
        _ if at(0, b"\0\0\x01\xba") => recording("mpeg"),
        _ if at(0, b"G") && at(TS_PACKET, b"G") && at(2 * TS_PACKET, b"G") => recording("mpegts"),
        _ if at(0, b"ID3") => recording(if is_adts(after_id3(head)) { "aac" } else { "mp3" }),
        _ if is_adts(head) => recording("aac"),
        [0xff, second, ..] if second & 0xe6 == 0xe2 => recording("mp3"),
        _ => None,
    }
}

/// Whether the first box is one that `QuickTime` and MP4 files begin with.
fn is_mp4(head: &[u8]) -> bool {
    let boxes: [&[u8]; 7] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
    head.get(4..8).is_some_and(|name| boxes.contains(&name))
}

fn is_adts(head: &[u8]) -> bool {
    matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

/// What follows the tags, whose length is written in seven bits a byte.
fn after_id3(head: &[u8]) -> &[u8] {
    let Some(size) = head.get(6..10) else { return &[] };
    let size = size.iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
    head.get(10 + size..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_name_other_files_are_of_no_format() {
        for text in [
            "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            "ffconcat version 1.0\nfile /etc/passwd\n",
            "file '/etc/passwd'\n",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"/etc/passwd\"/></svg>",
            "<?xml version=\"1.0\"?><MPD></MPD>",
            "push graphic-context\nimage over 0,0 0,0 '/etc/passwd'",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\n",
            "[Script Info]\nTitle: x\n",
            "%!PS-Adobe-3.0",
            "P6 1 1 255\n",
            "",
        ] {
            assert_eq!(of_bytes(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn tags_before_sound_do_not_hide_what_it_is() {
        let with = |sound: &[u8]| [b"ID3\x04\0\0\0\0\0\x05tags!".as_slice(), sound].concat();
        assert_eq!(of_bytes(&with(b"\xff\xf1\x50")).unwrap().name, "aac");
        assert_eq!(of_bytes(&with(b"\xff\xfb\x50")).unwrap().name, "mp3");
        assert_eq!(of_bytes(b"ID3\x04").unwrap().name, "mp3");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_format_or_none(bytes: Vec<u8>) {
            let _ = of_bytes(&bytes);
            let _ = of_bytes(&[b"ID3\x04\0\0".as_slice(), &bytes].concat());
        }
    }
}
