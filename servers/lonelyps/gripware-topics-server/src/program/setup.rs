//! `--setup`: new secrets, in the original's files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use gripware_program::Failure;
use gripware_topics::Auth;

use super::options::SetupOptions;

/// Writes both files, which are the same. What is there is not overwritten.
pub(super) fn write(folder: &Path, options: &SetupOptions) -> Result<(), Failure> {
    let auth = Auth::generate(options.to_broadcasters_auth, options.to_subscribers_auth)
        .map_err(Failure::other)?;
    let content = auth.to_json() + "\n";
    let files = ["broadcaster", "subscriber"].map(|end| folder.join(format!("{end}-secrets.json")));
    let failed =
        |path: &Path, error: io::Error| Failure::other(format_args!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    if let Some(there) = files.iter().find(|path| path.exists()) {
        return Err(failed(there, io::ErrorKind::AlreadyExists.into()));
    }
    for path in &files {
        create(path, &content).map_err(|error| failed(path, error))?;
    }
    Ok(())
}

/// Readable by its owner alone.
fn create(path: &Path, content: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}
