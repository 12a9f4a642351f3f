//! `Tree`: the text files of the repository, as the checks see them.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours, wherever they are.
const SKIPPED: &[&str] = &[".git", "target", "corpus", "artifacts", "coverage"];

/// The text files of the repository. Files that are not UTF-8 (test data) are left out.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
    /// Paths of all files, text or not, for links.
    paths: Vec<String>,
}

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Tree {
    /// Reads the repository that this program was built from.
    ///
    /// # Errors
    ///
    /// A folder or file cannot be read.
    pub(crate) fn read() -> Result<Self, String> {
        let mut tree = Self::default();
        let root = root();
        tree.walk(&root, &root)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// All text files, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust files of the crates, and of the fuzz targets.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    /// The Markdown files.
    pub(crate) fn markdown(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".md"))
    }

    /// A text file by its path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.paths
            .iter()
            .any(|known| known == path || known.starts_with(&folder))
    }

    fn walk(&mut self, root: &Path, folder: &Path) -> Result<(), String> {
        let complain = |error| format!("cannot read {}: {error}", folder.display());
        for entry in fs::read_dir(folder).map_err(complain)? {
            let entry = entry.map_err(complain)?;
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    self.walk(root, &path)?;
                }
            } else {
                self.take(root, &path)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, root: &Path, path: &Path) -> Result<(), String> {
        let short = path.strip_prefix(root).unwrap_or(path);
        let short = short.to_string_lossy().replace('\\', "/");
        self.paths.push(short.clone());
        let bytes =
            fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if let Ok(text) = String::from_utf8(bytes) {
            self.files.push(File { path: short, text });
        }
        Ok(())
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

#[cfg(test)]
impl Tree {
    /// A tree of these files, to try a check on.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }
}
