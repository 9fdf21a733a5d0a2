//! `--setup`: new secrets, in the original's files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use gripware_topics::{Auth, auth::Kind};

use super::Failure;

/// What to make secrets for.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) folder: PathBuf,
    pub(super) to_broadcasters: Kind,
    pub(super) to_subscribers: Kind,
}

impl Setup {
    /// Writes both files, which are the same. What is there is not overwritten.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let auth = Auth::generate(self.to_broadcasters, self.to_subscribers)
            .map_err(|error| Failure::Other(error.to_string()))?;
        let content = auth.to_json() + "\n";
        let files = ["broadcaster", "subscriber"]
            .map(|end| self.folder.join(format!("{end}-secrets.json")));
        let failed =
            |path: &Path, error: io::Error| Failure::Other(format!("{}: {error}", path.display()));
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        if let Some(there) = files.iter().find(|path| path.exists()) {
            return Err(failed(there, io::ErrorKind::AlreadyExists.into()));
        }
        for path in &files {
            create(path, &content).map_err(|error| failed(path, error))?;
        }
        Ok(())
    }
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
