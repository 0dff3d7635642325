//! Files that are read whole, and such that are written whole or not at all, for whoever writes them alone.

use std::io::{self, BufRead, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::exit::Error;

/// The text of a file; of `input`, where `-` names it.
pub fn read(path: &Path, input: &mut dyn BufRead) -> Result<String, Error> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        input.read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|whole| text = whole)
    };
    let cannot = |error: io::Error| {
        Error::new(format!("cannot read {}: {error}", path.display()))
            .hint("name a file of text that you can read; - is standard input")
    };
    read.map(|()| text).map_err(cannot)
}

/// Writes a file that only its owner can read. What was there stays until all of it is written.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    replace(path, content).map_err(|error| {
        Error::new(format!("cannot write {}: {error}", path.display()))
            .hint("name a file in a folder that you can write to, by --file")
    })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A pipe or a device is written to: a file in its place would reach nobody.
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, content);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("films.json");
        std::fs::write(&path, "what was there before").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_no_file_is_written_to_and_stays() {
        write(Path::new("/dev/null"), b"away").unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), b"").unwrap_err();
        assert!(error.message.starts_with("cannot write "), "{error}");
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_that_names_the_file() {
        let error = write(Path::new("/nowhere/at/all.json"), b"").unwrap_err();
        assert!(error.message.starts_with("cannot write /nowhere/at/all.json: "), "{error}");
    }
}
