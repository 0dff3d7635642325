//! The digest of a file's bytes.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use videofactory_pipeline::digest::{Digest, InPieces};

use super::error::FilmError;

/// Files are read in pieces of so many bytes: a clip may be larger than the pod's memory.
const PIECE: usize = 64 * 1024;

/// The digest of a file's bytes; `what` names it in messages.
pub fn digest_of(what: &str, path: &Path) -> Result<String, FilmError> {
    let digest = File::open(path).and_then(in_pieces).map_err(|error| FilmError::ReadInput {
        what: what.to_owned(),
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    Ok(digest.to_string())
}

fn in_pieces(mut file: File) -> std::io::Result<Digest> {
    let mut digest = InPieces::default();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(digest.end()),
            Ok(read) => digest.add(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
