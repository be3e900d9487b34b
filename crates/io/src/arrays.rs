//! Arrays for numpy: `.npz` archives of `.npy` arrays.
//!
//! The two formats are small and fixed, so they are written here: a zip archive whose members are stored as they are
//! (numpy's own `savez` does so too), each with a header that names type and shape.

mod npy;

use crate::error::{Error, Result};
use crate::input::open_file;
use crate::output::write_file;
use crate::zip;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions; their product is the number of values.
    pub shape: Vec<usize>,
    /// The values.
    pub values: ArrayValues,
}

/// The values of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayValues {
    /// `float32`.
    F32(Vec<f32>),
    /// `float64`.
    F64(Vec<f64>),
    /// `int64`.
    I64(Vec<i64>),
    /// Unicode strings (`<U...`); zero characters at their ends are lost, as numpy pads with them.
    Text(Vec<String>),
}

impl ArrayValues {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// An array of `float32`.
    pub fn f32(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        Self { shape: shape.into(), values: ArrayValues::F32(values) }
    }

    /// An array of `float64`.
    pub fn f64(shape: impl Into<Vec<usize>>, values: Vec<f64>) -> Self {
        Self { shape: shape.into(), values: ArrayValues::F64(values) }
    }

    /// An array of `int64`.
    pub fn i64(shape: impl Into<Vec<usize>>, values: Vec<i64>) -> Self {
        Self { shape: shape.into(), values: ArrayValues::I64(values) }
    }

    /// A list of strings.
    pub fn text(values: Vec<String>) -> Self {
        Self { shape: vec![values.len()], values: ArrayValues::Text(values) }
    }

    /// The values of an array of `float32`, in row-major order.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.values {
            ArrayValues::F32(values) => Some(values),
            _ => None,
        }
    }

    fn is_whole(&self) -> bool {
        let product = self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        product == Some(self.values.len())
    }
}

/// Writes named arrays as an archive that `numpy.load` reads. The same arrays are the same bytes.
///
/// # Errors
/// A shape that does not fit its values, a name that repeats; what [`write_file`] reports.
pub fn write_npz(path: &Path, arrays: &[(&str, Array)]) -> Result<()> {
    check_arrays(path, arrays)?;
    write_file(path, |sink| archive(sink, arrays))
}

/// The bytes that [`write_npz`] would write, for an output that goes into place with others; `name` is for errors.
///
/// # Errors
/// A shape that does not fit its values, a name that repeats.
pub fn npz_bytes(name: &str, arrays: &[(&str, Array)]) -> Result<Vec<u8>> {
    let path = Path::new(name);
    check_arrays(path, arrays)?;
    let mut bytes = Vec::new();
    archive(&mut bytes, arrays).map_err(|cause| Error::io(path, "written", cause))?;
    Ok(bytes)
}

fn check_arrays(path: &Path, arrays: &[(&str, Array)]) -> Result<()> {
    for (i, (name, array)) in arrays.iter().enumerate() {
        if !array.is_whole() {
            let message = format!("expected {:?} values in array {name:?}, found {}", array.shape, array.values.len());
            return Err(Error::of(path, message));
        }
        if name.is_empty() || arrays[..i].iter().any(|(other, _)| other == name) {
            return Err(Error::of(path, format!("expected different names of arrays, found {name:?} again")));
        }
    }
    Ok(())
}

fn archive(sink: &mut dyn Write, arrays: &[(&str, Array)]) -> std::io::Result<()> {
    let mut archive = zip::Writer::new(sink);
    arrays.iter().try_for_each(|(name, array)| archive.member(&format!("{name}.npy"), &npy::to_bytes(array)))?;
    archive.finish()
}

/// Reads the arrays of an archive that [`write_npz`] or numpy wrote (`savez` and `savez_compressed`).
///
/// # Errors
/// A file that is no archive, truncated or damaged; an array of another type than [`ArrayValues`] holds, or in
/// column-major order.
pub fn read_npz(path: &Path) -> Result<BTreeMap<String, Array>> {
    let mut bytes = Vec::new();
    open_file(path)?.read_to_end(&mut bytes).map_err(|cause| Error::io(path, "read", cause))?;
    if bytes.is_empty() {
        return Err(Error::of(path, "is empty"));
    }
    parse(&bytes).map_err(|(name, message)| {
        let error = Error::of(path, message);
        if name.is_empty() { error } else { error.at(format!("array {name:?}")) }
    })
}

/// The message of an error, after the name of the member that it is about.
type Wrong = (String, String);

fn parse(bytes: &[u8]) -> std::result::Result<BTreeMap<String, Array>, Wrong> {
    let mut arrays = BTreeMap::new();
    for member in zip::members(bytes).map_err(|message| (String::new(), message))? {
        let name = member.name.strip_suffix(".npy").unwrap_or(&member.name).to_owned();
        let content = zip::content(bytes, &member).map_err(|message| (name.clone(), message))?;
        let array = npy::parse(&content).map_err(|message| (name.clone(), message))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}
