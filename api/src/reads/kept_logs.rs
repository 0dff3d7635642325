//! The log that a step's worker has left in the bucket, as chunks in the order of their keys. However long it is, only a
//! piece of it is in memory at a time: the bucket may be its owner's own server, which answers as it likes.

use std::collections::VecDeque;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use videofactory_storage::{Bucket, ByteRange, ObjectInfo, StorageError};

use super::media::of_bucket;
use crate::problem::Problem;

/// Most chunks of an attempt: days of a worker that never stops talking.
const MAX_CHUNKS: usize = 10_000;
/// Most bytes of one chunk: a worker writes it when a quarter of a MiB waits, 4 MiB at the most.
const MAX_CHUNK_BYTES: u64 = 8 * 1024 * 1024;

/// The chunks of the log with this prefix.
pub async fn chunks(bucket: &Bucket, prefix: &str) -> Result<Vec<ObjectInfo>, Problem> {
    let listed: Result<Vec<_>, StorageError> = bucket.list(prefix).take(MAX_CHUNKS + 1).try_collect().await;
    let chunks = listed.map_err(|error| of_bucket(&error))?;
    let is_sound = |chunk: &ObjectInfo| chunk.size <= MAX_CHUNK_BYTES;
    if chunks.len() > MAX_CHUNKS || !chunks.iter().all(is_sound) { Err(not_ours()) } else { Ok(chunks) }
}

fn not_ours() -> Problem {
    Problem::new(
        StatusCode::BAD_GATEWAY,
        "what is in the bucket under the log's name is larger than a worker's log",
    )
    .hint("look into the bucket")
}

/// Where to begin to read: in which chunk, and at which byte of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    chunk: usize,
    byte: u64,
}

/// The log from there on.
pub fn read(
    bucket: Bucket,
    chunks: Vec<ObjectInfo>,
    from: Start,
) -> BoxStream<'static, std::io::Result<Bytes>> {
    let first = from.chunk;
    let chunks = stream::iter(chunks.into_iter().enumerate().skip(first)).then(move |(place, chunk)| {
        let bucket = bucket.clone();
        let range = (place == first && from.byte > 0)
            .then(|| ByteRange::Inclusive(from.byte, chunk.size.saturating_sub(1)));
        async move { bucket.open(&chunk.key, range).await.map(videofactory_storage::Download::into_stream) }
    });
    chunks.try_flatten().map_err(std::io::Error::other).boxed()
}

/// Where the last so many lines begin. No more chunks are read than hold them.
pub async fn start_of_last(bucket: &Bucket, chunks: &[ObjectInfo], lines: usize) -> Result<Start, Problem> {
    let mut wanted = Wanted { lines, is_last: true };
    for (place, chunk) in chunks.iter().enumerate().rev() {
        let download = bucket.open(&chunk.key, None).await.map_err(|error| of_bucket(&error))?;
        let mut pieces = download.into_stream();
        let mut ends = Ends::default();
        while let Some(piece) = pieces.next().await {
            ends.take(&piece.map_err(|error| of_bucket(&error))?, lines);
            if ends.bytes > MAX_CHUNK_BYTES {
                return Err(not_ours());
            }
        }
        if let Some(byte) = wanted.start_in(&ends) {
            let is_behind_it = byte == ends.bytes;
            return Ok(if is_behind_it {
                Start { chunk: place + 1, byte: 0 }
            } else {
                Start { chunk: place, byte }
            });
        }
    }
    Ok(Start::default())
}

/// Where lines end in a chunk.
#[derive(Debug, Default)]
struct Ends {
    /// Its length so far.
    bytes: u64,
    /// Where the byte after each of the last line ends is: one more than are wanted.
    last: VecDeque<u64>,
}

impl Ends {
    fn take(&mut self, piece: &[u8], wanted: usize) {
        for byte in piece {
            self.bytes += 1;
            if *byte == b'\n' {
                self.last.push_back(self.bytes);
                if self.last.len() > wanted + 1 {
                    self.last.pop_front();
                }
            }
        }
    }
}

/// What is still to be found, from the end on.
struct Wanted {
    lines: usize,
    /// Nothing of the log was looked at yet: what ends at its very end begins no line.
    is_last: bool,
}

impl Wanted {
    /// Where the wanted lines begin in the next chunk towards the beginning, if they do there.
    fn start_in(&mut self, Ends { bytes, last }: &Ends) -> Option<u64> {
        let at_the_end = self.is_last && last.back() == Some(bytes);
        self.is_last &= *bytes == 0;
        let ends = last.len() - usize::from(at_the_end);
        let Some(place) = ends.checked_sub(self.lines) else {
            self.lines -= ends;
            return None;
        };
        last.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented;

    /// What the last lines of chunks are, each chunk read byte by byte.
    fn last(chunks: &[&str], lines: usize) -> String {
        let mut wanted = Wanted { lines, is_last: true };
        for (place, chunk) in chunks.iter().enumerate().rev() {
            let mut ends = Ends::default();
            for byte in chunk.bytes() {
                ends.take(&[byte], lines);
            }
            if let Some(byte) = wanted.start_in(&ends) {
                return chunk[usize::try_from(byte).unwrap()..].to_owned() + &chunks[place + 1..].concat();
            }
        }
        chunks.concat()
    }

    #[test]
    fn the_last_lines_are_whole_lines_wherever_chunks_end() {
        for (chunks, lines, expected) in [
            (&["a\nb\nc\n"][..], 2, "b\nc\n"),
            (&["a\nb\nc"], 1, "c"),
            (&["a\nb\n"], 2, "a\nb\n"),
            (&["a\nb\n"], 9, "a\nb\n"),
            (&[""], 1, ""),
            (&["\n\n"], 1, "\n"),
            (&["a\nb\n", "c\n"], 1, "c\n"),
            (&["a\nb\n", "c\n"], 2, "b\nc\n"),
            (&["a\nb", "c\nd"], 2, "bc\nd"),
            (&["a\nb\n", "", "c\n", ""], 2, "b\nc\n"),
            (&["a", "b", "c"], 1, "abc"),
        ] {
            assert_eq!(last(chunks, lines), expected, "{chunks:?} {lines}");
        }
    }

    #[test]
    fn no_more_ends_of_lines_are_remembered_than_are_wanted() {
        let mut ends = Ends::default();
        ends.take(&[b'\n'; 10_000], 3);
        assert_eq!((ends.bytes, ends.last.len()), (10_000, 4));
    }

    #[test]
    fn the_limits_of_a_log_are_documented() {
        let chunks = documented::thousands(MAX_CHUNKS);
        let size = documented::mib(usize::try_from(MAX_CHUNK_BYTES).unwrap());
        documented::limit(&format!("A step's log in the bucket | {chunks} files of {size} |"));
    }
}
