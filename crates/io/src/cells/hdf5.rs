//! HDF5 files with errors for people: datasets by name, checked before they are read.

use crate::error::{Error, Result};
use hdf5_pure::{AttrValue, Dataset, Datatype, File, Group};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Bytes that a dataset may have whatever the size of its file; beyond, deflate's best ratio bounds it.
const SMALL: u64 = 1 << 30;
const BEST_RATIO: u64 = 1032;

/// Filters that are undone here, by their number: deflate, shuffle, Fletcher's checksum, scale and offset, LZF.
const KNOWN: [u16; 5] = [1, 2, 3, 6, 32000];

/// An open file.
pub(super) struct Store {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path).map_err(|cause| Error::io(path, "opened", cause))?.len();
        let file = File::open_streaming(path).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_path_buf(), file, length })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn root(&self) -> Group {
        self.file.root()
    }

    pub(super) fn group(&self, name: &str) -> Option<Group> {
        self.file.group(name).ok()
    }

    pub(super) fn has_dataset(&self, name: &str) -> bool {
        self.file.dataset(name).is_ok()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.has_dataset(name) || self.file.group(name).is_ok()
    }

    /// Names of the groups and datasets in a group, sorted.
    pub(super) fn names(&self, group: &str) -> Result<Vec<String>> {
        let Some(group) = (if group.is_empty() { Some(self.root()) } else { self.group(group) }) else {
            return Ok(Vec::new());
        };
        let mut names = group.groups().map_err(|error| self.failed(&error))?;
        names.extend(group.datasets().map_err(|error| self.failed(&error))?);
        names.sort();
        Ok(names)
    }

    /// The attributes of a group or dataset.
    pub(super) fn attributes(&self, name: &str) -> Result<HashMap<String, AttrValue>> {
        let found = match self.file.dataset(name) {
            Ok(dataset) => dataset.attrs(),
            Err(_) => self.file.group(name).and_then(|group| group.attrs()),
        };
        found.map_err(|error| self.failed(&error).at(name.to_owned()))
    }

    /// A dataset that may be read: its filters are known and its size is possible.
    pub(super) fn dataset(&self, name: &str) -> Result<Dataset> {
        let dataset = self.file.dataset(name).map_err(|_| {
            Error::of(&self.path, format!("expected a dataset {name:?}, found none")).with_hint("is the file complete?")
        })?;
        if let Some(&filter) = dataset.filters().iter().find(|id| !KNOWN.contains(id)) {
            let message = format!("expected data compressed by gzip or lzf, found {}", filter_name(filter));
            return Err(Error::of(&self.path, message)
                .at(name.to_owned())
                .with_hint("write it again: adata.write_h5ad(file, compression=\"gzip\")"));
        }
        let size = dataset.element_size().map_err(|error| self.failed(&error))?;
        let elements = self.shape(&dataset, name)?.iter().try_fold(1u64, |all, &n| all.checked_mul(n));
        let bytes = elements.and_then(|n| n.checked_mul(size));
        match bytes {
            Some(bytes) if bytes <= SMALL.max(self.length.saturating_mul(BEST_RATIO)) => Ok(dataset),
            _ => Err(Error::of(&self.path, "expected a dataset that fits its file, found a size that cannot be")
                .at(name.to_owned())),
        }
    }

    pub(super) fn shape(&self, dataset: &Dataset, name: &str) -> Result<Vec<u64>> {
        dataset.shape().map_err(|error| self.failed(&error).at(name.to_owned()))
    }

    pub(super) fn datatype(&self, dataset: &Dataset, name: &str) -> Result<Datatype> {
        dataset.datatype().map_err(|error| self.failed(&error).at(name.to_owned()))
    }

    /// All numbers of a dataset, as they are read by `read`.
    pub(super) fn all<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Dataset) -> std::result::Result<Vec<T>, hdf5_pure::Error>,
    ) -> Result<Vec<T>> {
        let dataset = self.dataset(name)?;
        read(&dataset).map_err(|error| self.failed(&error).at(name.to_owned()))
    }

    pub(super) fn wholes(&self, name: &str) -> Result<Vec<i64>> {
        self.all(name, Dataset::read_i64)
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.all(name, Dataset::read_string)
    }

    /// Whole numbers from 0 as places: starts of rows.
    pub(super) fn places(&self, name: &str) -> Result<Vec<usize>> {
        let places = self.wholes(name)?;
        places.into_iter().map(|place| usize::try_from(place).map_err(|_| self.negative(name, place))).collect()
    }

    fn negative(&self, name: &str, found: i64) -> Error {
        Error::of(&self.path, format!("expected numbers from 0, found {found}")).at(name.to_owned())
    }

    pub(super) fn failed(&self, error: &hdf5_pure::Error) -> Error {
        failed(&self.path, error)
    }
}

/// An error of the reader of HDF5, about a file.
pub(super) fn failed(path: &Path, error: &hdf5_pure::Error) -> Error {
    if let hdf5_pure::Error::FileLocked(_) | hdf5_pure::Error::FileMarkedInUse(_) = error {
        return Error::of(path, "is open for writing in another program")
            .with_hint("close it there (a notebook that holds it open?), or make a copy of the file");
    }
    if let hdf5_pure::Error::EditUnsupported(why) = error {
        return Error::of(path, format!("expected an HDF5 file to which data can be added, found one with {why}"))
            .with_hint("write it again with anndata: adata.write_h5ad(file)");
    }
    let message = format!("expected a whole HDF5 file: {}", error.to_string().to_lowercase());
    Error::of(path, message).with_hint("it may be truncated: copy or download it again")
}

/// The name of a registered filter.
fn filter_name(filter: u16) -> String {
    let name = match filter {
        4 => "szip",
        5 => "nbit",
        307 => "bzip2",
        32001 => "blosc",
        32004 => "lz4",
        32008 => "bitshuffle",
        32013 => "zfp",
        32015 => "zstd",
        32026 => "blosc2",
        _ => return format!("the filter {filter}"),
    };
    format!("{name} (filter {filter})")
}

/// The text of an attribute.
pub(super) fn text(attributes: &HashMap<String, AttrValue>, name: &str) -> Option<String> {
    attributes.get(name).and_then(AttrValue::as_str).map(str::to_owned)
}
