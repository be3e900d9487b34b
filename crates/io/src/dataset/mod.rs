//! Data sets on disk: `dataset.json` and `examples.parquet` in a directory.
//!
//! | column of `examples.parquet` | type | holds |
//! |---|---|---|
//! | `id` | string | unique name |
//! | `chrom`, `start`, `end`, `strand` | string, int64, int64, string | 0-based half-open place, null if there is none |
//! | `split` | string | `train`, `valid` or `test` |
//! | `sequence` | string | letters as they came |
//! | `label:TASK` | float64, or string for classes | the label, null if unknown; a class by its name |
//! | `label:TASK` of a profile | list of float32 | bins of the first track, then of the second, ..., margins included; NaN if unknown |
//! | `control` | list of float32 | control signal, bins as those of a profile; NaN if unknown |
//! | `covariate:NAME` | float64 | a number beside the sequence as it came, null if unknown |
//!
//! The same data set gives the same bytes: there are no dates in the files.

mod description;
mod rows;
mod stream;

pub use description::{FORMAT_VERSION, Provenance, Source};
pub use stream::StoredDataset;

use crate::error::{Error, Result};
use crate::output::{write_dir, write_file, write_with};
use basewise_core::Dataset;
use description::Description;
use std::path::Path;

/// Name of the description in a data set's directory.
pub const DESCRIPTION: &str = "dataset.json";
/// Name of the table of examples in a data set's directory.
pub const EXAMPLES: &str = "examples.parquet";

/// Writes a data set as a directory, whole or not at all; `extra` are further files, by name.
///
/// # Errors
/// A directory in the way (see [`write_dir`]), a full disk, and a data set that contradicts itself: labels that do not
/// fit the tasks, ids that repeat.
pub fn save(
    directory: &Path,
    dataset: &Dataset,
    provenance: &Provenance,
    extra: &[(&str, &[u8])],
    overwrite: bool,
) -> Result<()> {
    rows::check(dataset).map_err(|message| Error::of(directory, message))?;
    write_dir(directory, overwrite, |aside| {
        let examples = aside.join(EXAMPLES);
        write_with(&examples, |sink| rows::write(&examples, sink, dataset))?;
        let sha256 = crate::input::digest(&examples)?;
        let text = Description::new(dataset, provenance, sha256).to_json()?;
        write_file(&aside.join(DESCRIPTION), |sink| sink.write_all(text.as_bytes()))?;
        extra.iter().try_for_each(|(name, bytes)| write_file(&aside.join(name), |sink| sink.write_all(bytes)))
    })
}

/// Reads a data set and where it came from.
///
/// # Errors
/// A directory that is not a data set; a format newer than this program; a table of examples that is not the one that
/// was written with the description (cut off, damaged, edited), or that does not fit it.
pub fn load(directory: &Path) -> Result<(Dataset, Provenance)> {
    let description = describe(directory)?;
    let path = directory.join(EXAMPLES);
    verify(&path, &description)?;
    let dataset = rows::read(&path, &description)?;
    Ok((dataset, description.provenance))
}

/// SHA-256 of a data set's table of examples, in hex, as its description has it: the name of what [`load`] would read.
///
/// # Errors
/// A directory that is not a data set; a format newer than this program.
pub fn digest(directory: &Path) -> Result<String> {
    Ok(describe(directory)?.examples.sha256)
}

/// Opens a data set to read it a block at a time, and says where it came from. Memory does not grow with its rows.
///
/// # Errors
/// Those of [`load`], but for what only a look at all sequences and ids would show: that comes when they are read.
pub fn open(directory: &Path) -> Result<(StoredDataset, Provenance)> {
    let description = describe(directory)?;
    let path = directory.join(EXAMPLES);
    verify(&path, &description)?;
    let stored = StoredDataset::open(&path, &description)?;
    Ok((stored, description.provenance))
}

/// Whether the examples are those that were written with the description.
fn verify(path: &Path, description: &Description) -> Result<()> {
    let found = crate::input::digest(path)?;
    if found != description.examples.sha256 {
        let message = format!(
            "expected the file that was written with {DESCRIPTION} (SHA-256 {}), found another, a truncated or a damaged one (SHA-256 {})",
            short(&description.examples.sha256),
            short(&found),
        );
        return Err(Error::of(path, message).with_hint(
            "build or copy the data set again; to change rows, write them to a TSV and run `basewise dataset sequences`",
        ));
    }
    Ok(())
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

fn describe(directory: &Path) -> Result<Description> {
    let path = directory.join(DESCRIPTION);
    if !path.is_file() {
        let error = if directory.is_dir() {
            Error::of(directory, format!("expected a data set, found a directory without {DESCRIPTION}"))
        } else if directory.exists() {
            Error::of(directory, "expected the directory of a data set, found a file")
        } else {
            Error::of(directory, "expected the directory of a data set, found nothing of that name")
        };
        return Err(
            error.with_hint("make a data set with `basewise dataset sequences` or `basewise dataset intervals`")
        );
    }
    Description::read(&path)
}
