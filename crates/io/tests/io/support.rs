//! Files to test with.

use basewise_io::{Error, Result};
use flate2::{Compression, GzBuilder};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        #[allow(clippy::disallowed_methods)]
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Names of everything in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    #[allow(clippy::disallowed_methods)]
    std::fs::read(path).unwrap()
}

pub(crate) fn text(path: &Path) -> String {
    String::from_utf8(bytes(path)).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bytes as bgzip would write them, with blocks of `size` bytes and the closing block.
pub(crate) fn bgzip(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for part in bytes.chunks(size).chain([&[][..]]) {
        let packed = gzip(part);
        // The deflated part without header and footer, behind a header with the BC field.
        let deflated = &packed[10..packed.len() - 8];
        let total = 18 + deflated.len() + 8;
        file.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0]);
        file.extend(u16::try_from(total - 1).unwrap().to_le_bytes());
        file.extend(deflated);
        file.extend(&packed[packed.len() - 8..]);
    }
    file
}

pub(crate) fn fails<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error,
    }
}

/// Checks that an error names the file and says all of `parts`, in itself or in its hint.
#[track_caller]
pub(crate) fn says<T>(result: Result<T>, file: &Path, parts: &[&str]) {
    let error = fails(result);
    let told = format!("{error}\n{}", error.hint().unwrap_or_default());
    assert!(told.contains(&file.display().to_string()), "{told:?} does not name {}", file.display());
    for part in parts {
        assert!(told.contains(part), "{told:?} does not say {part:?}");
    }
}
