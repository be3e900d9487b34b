//! Parts of a run for several machines, and how they become one file again.

use super::parts::{beside, hex};
use super::status::Account;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{not_the_input, read_json, write_json};
use crate::table::count;
use anyhow::{Context, Result};
use basewise_io::variants::{Format, VariantReader, VariantWriter};
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which part of the records: `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shard {
    /// From 1.
    number: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a part such as 1/4, found {text:?}");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let (Ok(number), Ok(of)) = (number.parse(), of.parse()) else { return Err(wrong()) };
        if number == 0 || number > of { Err(wrong()) } else { Ok(Self { number, of }) }
    }
}

impl Shard {
    /// All records.
    pub(super) const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether a block of records, by its number from 0, is in this part. Blocks are dealt in turn, so that each part has
    /// its share of every stretch of the file.
    pub(super) fn has(self, block: usize) -> bool {
        block % self.of == self.number - 1
    }
}

/// What a part of a run is, beside its file as `FILE.shard.json`; written last, so that without it a part is not complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format_version: u32,
    pub(super) version: String,
    pub(super) shard: Shard,
    /// Digest of models, genome and settings.
    pub(super) identity: String,
    /// Digest of all records that were read, of every part.
    pub(super) records_sha256: String,
    pub(super) records_read: usize,
    pub(super) block_records: usize,
    /// Length of the genome's longest contig.
    pub(super) longest: u64,
    /// Digest of the file beside it.
    pub(super) file_sha256: String,
    pub(super) account: Account,
}

impl Manifest {
    pub(super) fn path(file: &Path) -> PathBuf {
        beside(file, ".shard.json")
    }

    /// Writes it beside a file that is complete.
    pub(super) fn write(self, file: &Path) -> Result<()> {
        let file_sha256 = basewise_io::input::digest(file)?;
        write_json(&Self::path(file), &Self { file_sha256, ..self })
    }

    fn read(file: &Path) -> Result<Self> {
        let path = Self::path(file);
        if !path.is_file() {
            return Err(user(
                format!(
                    "{}: expected a complete part of a run with {} beside it, found none",
                    file.display(),
                    path.display()
                ),
                Some("parts are written by `basewise variants RUN --shard I/N`; finish this one with --resume"),
            ));
        }
        let manifest: Self = read_json(&path)?;
        let found = basewise_io::input::digest(file)?;
        if manifest.file_sha256 != found {
            return Err(user(
                format!("{}: expected the file that {} describes, found another one", file.display(), path.display()),
                Some("run this part again"),
            ));
        }
        Ok(manifest)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf 'chrom\\tpos\\tref\\talt\\nchr11:190037-190237\\t100\\tT\\tC\\n' > variants.tsv
  $ basewise variants quickstart/donor/run --vcf variants.tsv --genome quickstart/inputs/ctcf.fa --shard 1/2 -o part1.vcf.gz
  $ basewise variants quickstart/donor/run --vcf variants.tsv --genome quickstart/inputs/ctcf.fa --shard 2/2 -o part2.vcf.gz
  $ basewise variants merge part1.vcf.gz part2.vcf.gz -o scored.vcf.gz

The parts of `basewise variants RUN --shard I/N`, in any order. The result is, byte by byte, what one run would have written.")]
pub(crate) struct MergeArgs {
    /// All parts of a run
    #[arg(required = true)]
    parts: Vec<PathBuf>,
    /// .vcf, .vcf.gz or .bcf; - is stdout as VCF
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn merge(args: &MergeArgs, printer: &Printer) -> Result<Outcome> {
    if !Format::of(&args.output)?.has_records() {
        return Err(user(format!("{}: expected a .vcf, .vcf.gz or .bcf to merge into", args.output.display()), None));
    }
    let mut parts = Vec::new();
    for path in &args.parts {
        not_the_input(&args.output, path)?;
        parts.push((Manifest::read(path)?, path.as_path()));
    }
    parts.sort_by_key(|(manifest, _)| manifest.shard.number);
    check(&parts)?;
    let (manifest, _) = &parts[0];
    let mut readers =
        parts.iter().map(|(_, path)| VariantReader::open(path)).collect::<basewise_io::Result<Vec<_>>>()?;
    let header = readers[0].header().clone();
    if let Some(other) = readers.iter().position(|reader| *reader.header() != header) {
        return Err(differ(&parts, other, "header"));
    }
    let mut writer = VariantWriter::create(&args.output, &header, &[], manifest.longest)?;
    let (mut records, mut part) = (0, 0);
    while records < manifest.records_read {
        let upto = (records + manifest.block_records).min(manifest.records_read);
        for _ in records..upto {
            let path = parts[part].1.display();
            let record = readers[part]
                .next_record()?
                .with_context(|| format!("{path}: it ends before the last of its records"))?;
            writer.write(&record, &[])?;
        }
        records = upto;
        part = (part + 1) % parts.len();
    }
    writer.finish()?.iter().for_each(|note| printer.talk(note));
    let mut account = Account::default();
    parts.iter().for_each(|(manifest, _)| account.merge(&manifest.account));
    printer.talk(&format!("{} parts: {}", count(parts.len()), account.text()));
    Ok(Outcome::Done)
}

/// Refuses parts that are not one run, once each.
fn check(parts: &[(Manifest, &Path)]) -> Result<()> {
    let (first, _) = &parts[0];
    for (i, (manifest, path)) in parts.iter().enumerate() {
        let same = [
            (
                manifest.format_version == first.format_version && manifest.version == first.version,
                "version of basewise",
            ),
            (manifest.identity == first.identity, "models, genome or settings"),
            (manifest.shard.of == first.shard.of, "number of parts"),
            (manifest.records_sha256 == first.records_sha256 && manifest.records_read == first.records_read, "records"),
            (manifest.block_records == first.block_records, "size of blocks"),
        ];
        if let Some((_, what)) = same.into_iter().find(|(same, _)| !same) {
            return Err(differ(parts, i, what));
        }
        let expected = i + 1;
        if manifest.shard.number < expected {
            return Err(user(
                format!(
                    "{}: expected each part once, found {} of {} twice",
                    path.display(),
                    manifest.shard.number,
                    first.shard.of
                ),
                None,
            ));
        }
        if manifest.shard.number > expected {
            return Err(missing(expected, first.shard.of));
        }
    }
    if parts.len() < first.shard.of { Err(missing(parts.len() + 1, first.shard.of)) } else { Ok(()) }
}

fn missing(number: usize, of: usize) -> anyhow::Error {
    user(format!("expected all {of} parts of the run, found none that is {number}/{of}"), Some("name all of them"))
}

fn differ(parts: &[(Manifest, &Path)], other: usize, what: &str) -> anyhow::Error {
    let (first, other) = (parts[0].1.display(), parts[other].1.display());
    user(format!("{other}: expected a part of the same run as {first}, found one with another {what}"), None)
}

/// The digest of what makes a run: models, genome, settings.
pub(super) fn identity(parts: &impl Serialize) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_vec(parts)?);
    Ok(hex(hasher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_one_of_some() {
        let shard = |text: &str| text.parse::<Shard>();
        assert_eq!(shard("2/4"), Ok(Shard { number: 2, of: 4 }));
        for wrong in ["0/4", "5/4", "4", "a/b", "/", "1/0"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
        let third = shard("3/4").unwrap();
        assert_eq!((0..9).filter(|&block| third.has(block)).collect::<Vec<_>>(), [2, 6]);
        assert!((0..9).all(|block| Shard::WHOLE.has(block)));
    }

    #[test]
    fn only_the_parts_of_one_run_merge() {
        let manifest = |number, of| Manifest {
            format_version: 1,
            version: "1".into(),
            shard: Shard { number, of },
            identity: "i".into(),
            records_sha256: "r".into(),
            records_read: 9,
            block_records: 2,
            longest: 1,
            file_sha256: String::new(),
            account: Account::default(),
        };
        let said = |manifests: Vec<Manifest>| {
            let path = Path::new("p");
            let parts: Vec<(Manifest, &Path)> = manifests.into_iter().map(|manifest| (manifest, path)).collect();
            check(&parts).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(said(vec![manifest(1, 2), manifest(2, 2)]), "");
        assert!(said(vec![manifest(1, 2)]).contains("2/2"));
        assert!(said(vec![manifest(2, 2)]).contains("1/2"));
        assert!(said(vec![manifest(1, 3), manifest(3, 3)]).contains("2/3"));
        assert!(said(vec![manifest(1, 2), manifest(1, 2)]).contains("twice"));
        let other = Manifest { identity: "j".into(), ..manifest(2, 2) };
        assert!(said(vec![manifest(1, 2), other]).contains("another models, genome or settings"));
        let other = Manifest { records_sha256: "s".into(), ..manifest(2, 2) };
        assert!(said(vec![manifest(1, 2), other]).contains("another records"));
    }
}
