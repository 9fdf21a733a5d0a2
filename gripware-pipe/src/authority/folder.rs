use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use super::{Authority, AuthorityError, error::at, issued::Issued};

/// The files of an authority.
impl Authority {
    pub(super) fn issued(&self) -> Result<Vec<Issued>, AuthorityError> {
        let path = self.path("issued");
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let lines = text.lines().enumerate();
        lines
            .map(|(number, line)| {
                Issued::parse(line).ok_or_else(|| AuthorityError::Issued {
                    path: path.clone(),
                    line: number + 1,
                })
            })
            .collect()
    }

    pub(super) fn write_issued(&self, issued: &[Issued]) -> Result<(), AuthorityError> {
        let text: String = issued.iter().map(Issued::line).collect();
        self.write("issued", text.as_bytes(), false)
    }

    /// Keeps other processes out until it is dropped.
    pub(super) fn lock(&self) -> Result<File, AuthorityError> {
        let path = self.path("issued");
        let open = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
        // The file is replaced by whoever has the lock: then it is another one that counts.
        loop {
            let file = open(&path).map_err(at(&path))?;
            file.lock().map_err(at(&path))?;
            let (locked, there) = (file.metadata(), fs::metadata(&path));
            if is_same(&locked.map_err(at(&path))?, &there.map_err(at(&path))?) {
                return Ok(file);
            }
        }
    }

    pub(super) fn read(&self, name: &str) -> Result<String, AuthorityError> {
        let path = self.path(name);
        let mut text = String::new();
        let read = File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(at(&path))?;
        Ok(text)
    }

    pub(super) fn write(
        &self,
        name: &str,
        content: &[u8],
        is_secret: bool,
    ) -> Result<(), AuthorityError> {
        let (path, new) = (self.path(name), self.path(&format!(".{name}.new")));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if is_secret { 0o600 } else { 0o644 });
        }
        #[cfg(not(unix))]
        let _ = is_secret;
        // What is left of a run that was killed may have other rights.
        let _ = fs::remove_file(&new);
        let written = options.open(&new).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        written.map_err(at(&new))?;
        fs::rename(&new, &path).map_err(at(&path))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}
