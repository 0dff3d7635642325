//! Reads WAV files of speech. Engines that stream leave the sizes in the header open: what the file really
//! holds counts, not what the header promises.

/// Mono PCM with its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Signed 16-bit samples.
    pub samples: Vec<i16>,
    /// Samples a second.
    pub rate: u32,
}

/// The sound in a 16-bit mono PCM file; of anything else, nothing.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Sound> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut at = 12;
    let mut rate = None;
    loop {
        let kind = bytes.get(at..at + 4)?;
        let size = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let body = bytes.get(at + 8..)?;
        match kind {
            b"fmt " => {
                let field =
                    |from: usize| Some(u16::from_le_bytes(body.get(from..from + 2)?.try_into().ok()?));
                if (field(0)?, field(2)?, field(14)?) != (1, 1, 16) {
                    return None;
                }
                rate = Some(u32::from_le_bytes(body.get(4..8)?.try_into().ok()?));
            }
            b"data" => {
                let data = &body[..size.min(body.len())];
                let samples =
                    data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                return Some(Sound { samples, rate: rate? });
            }
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(size)?.checked_add(size % 2)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Speech, TimingLevel};

    fn speech() -> Speech {
        Speech {
            samples: vec![0, 1, -1, 32_767, -32_768],
            sample_rate: 16_000,
            words: vec![],
            level: TimingLevel::Exact,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let sound = read(&speech().to_wav()).unwrap();
        assert_eq!(sound, Sound { samples: speech().samples, rate: 16_000 });
    }

    #[test]
    fn a_streamed_file_with_an_open_size_is_read_to_its_end() {
        let mut wav = speech().to_wav();
        wav[40..44].copy_from_slice(&0x7fff_f000u32.to_le_bytes());
        assert_eq!(read(&wav).unwrap().samples.len(), 5);
    }

    #[test]
    fn anything_else_is_refused() {
        let mut stereo = speech().to_wav();
        stereo[22] = 2;
        for bytes in [&b""[..], b"RIFF", &speech().to_wav()[..30], &stereo] {
            assert_eq!(read(bytes), None);
        }
    }
}
