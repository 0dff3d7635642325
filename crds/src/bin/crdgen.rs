//! Writes `manifests/crds/*.yaml`; with `--check` writes nothing and fails where a file differs.

use std::path::PathBuf;
use std::process::ExitCode;

use videofactory_crds::generate;

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("unknown argument {other:?}: give none to write manifests/crds, or --check to compare");
            return ExitCode::from(64);
        }
    };
    match run(check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool) -> Result<(), String> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/crds"));
    for manifest in generate::manifests().map_err(|error| error.to_string())? {
        let path = folder.join(&manifest.file);
        if check {
            let present = std::fs::read_to_string(&path).unwrap_or_default();
            if present != manifest.yaml {
                return Err(format!("{} differs from the types: run `make generate`", path.display()));
            }
        } else {
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::write(&path, &manifest.yaml))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
    }
    Ok(())
}
