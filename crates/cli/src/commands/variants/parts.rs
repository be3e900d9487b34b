//! Finished blocks, kept beside the output until it is complete, so that a killed run can go on.

use crate::failure::user;
use crate::run_dir::{read_json, write_json};
use anyhow::Result;
use basewise_io::variants::{Record, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file that says what run the blocks belong to.
const MARKER: &str = "blocks.json";

/// A folder of finished blocks.
pub(super) struct Parts {
    folder: PathBuf,
    /// Blocks that are there.
    blocks: std::cell::Cell<usize>,
}

/// What the values of a block depend on: models, genome and settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    identity: String,
}

/// The values of a block of records.
#[derive(Serialize, Deserialize)]
struct Block {
    /// SHA-256 of its records' lines.
    records_sha256: String,
    values: Vec<Vec<Vec<Value>>>,
}

/// Whether this is a folder, and all in it are files of a run, finished ones or not.
fn holds_blocks_alone(folder: &Path) -> Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_block = |name: &str| name == MARKER || (name.starts_with("block-") && name.ends_with(".json"));
        // What is being written is called `.NAME.PROCESS-NUMBER.tmp`.
        let unfinished = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp")?.rsplit_once('.'));
        if !is_block(unfinished.map_or(name.as_str(), |(name, _)| name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Parts {
    /// The folder beside an output. With `resume` blocks of an earlier run with the same identity are kept; otherwise they
    /// are removed.
    pub(super) fn open(output: &Path, identity: &str, resume: bool) -> Result<Self> {
        let folder = beside(output, ".parts");
        let identity = Identity { identity: identity.to_owned() };
        let marker = folder.join(MARKER);
        let earlier: Option<Identity> = if marker.is_file() { Some(read_json(&marker)?) } else { None };
        match &earlier {
            // A run that was killed before it had its marker, or while it removed the folder.
            None if holds_blocks_alone(&folder)? => fs_err::remove_dir_all(&folder)?,
            None if folder.exists() => {
                return Err(user(
                    format!(
                        "{}: expected no folder of that name, or blocks of an interrupted run, found something else",
                        folder.display()
                    ),
                    Some("move it away, or choose another output"),
                ));
            }
            Some(earlier) if resume && *earlier != identity => {
                return Err(user(
                    format!(
                        "{}: expected blocks of the same models, genome and settings, found those of another run",
                        folder.display()
                    ),
                    Some("leave out --resume to begin anew"),
                ));
            }
            Some(_) if !resume => fs_err::remove_dir_all(&folder)?,
            _ => {}
        }
        if resume {
            remove_unfinished(output)?;
        }
        fs_err::create_dir_all(&folder)?;
        write_json(&marker, &identity)?;
        let blocks = fs_err::read_dir(&folder)?.count().saturating_sub(1);
        Ok(Self { folder, blocks: blocks.into() })
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.join(format!("block-{number:06}.json"))
    }

    /// The values of a block, if they are there and of these records.
    pub(super) fn get(&self, number: usize, records: &[Record]) -> Option<Vec<Vec<Vec<Value>>>> {
        let block: Block = read_json(&self.file(number)).ok()?;
        (block.records_sha256 == digest(records) && block.values.len() == records.len()).then_some(block.values)
    }

    /// Keeps the values of a block.
    pub(super) fn put(&self, number: usize, records: &[Record], values: &[Vec<Vec<Value>>]) -> Result<()> {
        let block = Block { records_sha256: digest(records), values: values.to_vec() };
        let text = serde_json::to_vec(&block)?;
        basewise_io::output::write_file(&self.file(number), |sink| sink.write_all(&text))?;
        self.blocks.set(self.blocks.get() + 1);
        Ok(())
    }

    /// What is said when the run failed: how to go on, if there is something to go on from. An empty folder is removed.
    pub(super) fn after_failure(self) -> Option<String> {
        if self.blocks.get() == 0 {
            // The failure itself is what matters.
            let _ = fs_err::remove_dir_all(&self.folder);
            return None;
        }
        Some(format!(
            "finished blocks are kept in {}: once the cause is mended, the same command with --resume goes on",
            self.folder.display()
        ))
    }

    /// Removes the folder: the output is complete.
    pub(super) fn remove(self) -> Result<()> {
        Ok(fs_err::remove_dir_all(&self.folder)?)
    }
}

/// SHA-256 of the lines of records.
fn digest(records: &[Record]) -> String {
    let mut hasher = Sha256::new();
    add_lines(&mut hasher, records);
    hex(hasher)
}

/// Adds the lines of records to a digest.
pub(super) fn add_lines(hasher: &mut Sha256, records: &[Record]) {
    for record in records {
        hasher.update(record.line());
        hasher.update(b"\n");
    }
}

pub(super) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes what a killed run left of an output that it was writing.
fn remove_unfinished(output: &Path) -> Result<()> {
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let middle = own.strip_prefix(&format!(".{name}.")).and_then(|rest| rest.strip_suffix(".tmp"));
        if middle.is_some_and(|middle| middle.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')) {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_runs_that_were_killed_early_or_late_do_not_stand_in_the_way() {
        let around = tempfile::tempdir().unwrap();
        let output = around.path().join("out.vcf");
        let folder = around.path().join("out.vcf.parts");
        let files: [&[&str]; 4] = [
            &[],
            &[".blocks.json.77-0.tmp"],
            &["block-000002.json"],
            &[".block-000001.json.7-3.tmp", "block-000000.json"],
        ];
        for names in files {
            for resume in [false, true] {
                fs_err::create_dir_all(&folder).unwrap();
                names.iter().for_each(|name| fs_err::write(folder.join(name), "{}").unwrap());
                let parts = Parts::open(&output, "one", resume).unwrap();
                assert_eq!((parts.blocks.get(), fs_err::read_dir(&folder).unwrap().count()), (0, 1), "{names:?}");
                parts.remove().unwrap();
            }
        }
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("notes.txt"), "mine").unwrap();
        let refused = Parts::open(&output, "one", true).err().unwrap().to_string();
        assert!(refused.contains("found something else"), "{refused}");
        assert!(folder.join("notes.txt").is_file());
    }
}
