use std::{
    fs,
    path::{Path, PathBuf},
};

use gripware_interop::Place;

/// Files that an application serves, removed at the end.
#[derive(Debug)]
pub struct Files(Place);

impl Files {
    /// Writes them.
    ///
    /// # Panics
    /// Where that fails.
    #[must_use]
    pub fn new() -> Self {
        let files = Self(Place::new());
        let _ = files.0.write("secret.txt", "not served");
        let large: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 253) as u8).collect();
        let page = "<p>a page</p>\n".repeat(1000);
        fs::create_dir_all(files.public().join("folder")).expect("a folder");
        for (name, content) in [
            ("page.html", page.as_bytes()),
            ("large.bin", &large),
            ("a \u{e9}.txt", b"a name"),
            ("folder/index.html", b"an index"),
        ] {
            fs::write(files.public().join(name), content).expect("a file");
        }
        files
    }

    /// The folder above the one that is served.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.0.directory()
    }

    /// The folder that is served, `files`.
    #[must_use]
    pub fn public(&self) -> PathBuf {
        self.root().join("files")
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}
