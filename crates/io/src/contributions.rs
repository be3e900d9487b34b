//! Contributions of bases as Parquet, a row a position, in bounded memory.
//!
//! | column | type | |
//! |---|---|---|
//! | `id` | text | the sequence |
//! | `position` | int64 | 0-based in the window, in reading direction |
//! | `chrom`, `start`, `strand` | text, int64, text | the base's place: contig, 0-based position, `+` or `-` as it is read; null where it has none |
//! | `base` | text | the letter that is read there: A, C, G, T (or U), N |
//! | `output` | text | what the contributions are to |
//! | `contribution` | float32 | of that base, in units of the output's raw score; 0 at N |

use crate::columnar::{Chunk, Field, GroupWriter, Kind};
use crate::error::Result;
use crate::output::NewFile;
use basewise_core::Strand;
use std::path::Path;

/// Rows of a row group, which memory holds.
const GROUP: usize = 65_536;

/// Where a base lies on a genome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The contig.
    pub chrom: &'a str,
    /// The base, 0-based.
    pub start: u64,
    /// The strand that is read.
    pub strand: Strand,
}

/// One position of a sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution<'a> {
    /// The sequence.
    pub id: &'a str,
    /// 0-based in the window, in reading direction.
    pub position: usize,
    /// Where the base lies, if it lies on a genome.
    pub place: Option<Place<'a>>,
    /// Its letter.
    pub base: u8,
    /// What it contributes to the raw score.
    pub value: f32,
}

/// A file of contributions that is being written; it appears when it is [finished](ContributionWriter::finish).
pub struct ContributionWriter {
    writer: GroupWriter<NewFile>,
    output: String,
    group: Group,
}

/// Rows that are not written yet. Names are kept once a sequence, and not once a row.
#[derive(Default)]
struct Group {
    sequences: Vec<Sequence>,
    rows: Vec<Row>,
}

struct Sequence {
    id: String,
    chrom: Option<String>,
}

struct Row {
    sequence: usize,
    position: usize,
    place: Option<(u64, Strand)>,
    base: u8,
    value: f32,
}

impl ContributionWriter {
    /// Begins a file of contributions to `output`.
    ///
    /// # Errors
    /// A place that cannot be written to.
    pub fn create(path: &Path, output: &str) -> Result<Self> {
        let fields = [
            Field::required("id", Kind::Text),
            Field::required("position", Kind::Whole),
            Field::new("chrom", Kind::Text),
            Field::new("start", Kind::Whole),
            Field::new("strand", Kind::Text),
            Field::required("base", Kind::Text),
            Field::required("output", Kind::Text),
            Field::required("contribution", Kind::Single),
        ];
        let writer = GroupWriter::new(path, NewFile::create(path)?, &fields)?;
        Ok(Self { writer, output: output.to_owned(), group: Group::default() })
    }

    /// Writes a position; those of one sequence come one after the other.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&mut self, own: &Contribution<'_>) -> Result<()> {
        self.group.add(own);
        if self.group.rows.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let Group { sequences, rows } = std::mem::take(&mut self.group);
        let text = |of: &dyn Fn(&Row) -> Option<&'static [u8]>| Chunk::Text(rows.iter().map(of).collect());
        self.writer.write(|column| match column {
            0 => Chunk::Text(rows.iter().map(|row| Some(sequences[row.sequence].id.as_bytes())).collect()),
            1 => Chunk::Whole(rows.iter().map(|row| i64::try_from(row.position).ok()).collect()),
            2 => {
                let chrom = |row: &Row| sequences[row.sequence].chrom.as_deref().filter(|_| row.place.is_some());
                Chunk::Text(rows.iter().map(|row| chrom(row).map(str::as_bytes)).collect())
            }
            3 => Chunk::Whole(rows.iter().map(|row| row.place.and_then(|place| i64::try_from(place.0).ok())).collect()),
            4 => text(&|row| row.place.map(|place| if place.1 == Strand::Forward { &b"+"[..] } else { b"-" })),
            5 => Chunk::Text(rows.iter().map(|row| Some(std::slice::from_ref(&row.base))).collect()),
            6 => Chunk::Text(rows.iter().map(|_| Some(self.output.as_bytes())).collect()),
            _ => Chunk::Single(rows.iter().map(|row| Some(row.value)).collect()),
        })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// A full disk, or a place that cannot be written to.
    pub fn finish(mut self) -> Result<()> {
        if !self.group.rows.is_empty() {
            self.flush()?;
        }
        self.writer.finish()?.finish()
    }
}

impl Group {
    fn add(&mut self, own: &Contribution<'_>) {
        let chrom = own.place.map(|place| place.chrom);
        let is_same = self.sequences.last().is_some_and(|last| {
            last.id == own.id && (chrom.is_none() || last.chrom.is_none() || last.chrom.as_deref() == chrom)
        });
        if !is_same {
            self.sequences.push(Sequence { id: own.id.to_owned(), chrom: None });
        }
        if let (Some(last), Some(chrom)) = (self.sequences.last_mut(), chrom) {
            last.chrom.get_or_insert_with(|| chrom.to_owned());
        }
        self.rows.push(Row {
            sequence: self.sequences.len() - 1,
            position: own.position,
            place: own.place.map(|place| (place.start, place.strand)),
            base: own.base,
            value: own.value,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::{Groups, Values, read};

    #[test]
    fn positions_come_back_in_their_groups_with_and_without_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        let length = GROUP + 3;
        let place = |chrom, start, strand| Some(Place { chrom, start, strand });
        // A sequence over two row groups, whose first base lies before the contig; one without a place; one on each strand.
        let mut all: Vec<Contribution<'_>> = (0..length)
            .map(|position| Contribution {
                id: "long",
                position,
                place: if position == 0 { None } else { place("chr1", position as u64 - 1, Strand::Forward) },
                base: b"ACGT"[position % 4],
                value: position as f32 / 8.0,
            })
            .collect();
        let short = |id, place, base, value| Contribution { id, position: 0, place, base, value };
        all.push(short("none", None, b'N', 0.0));
        all.push(short("twice", place("chr2", 7, Strand::Reverse), b'U', -1.5));
        all.push(short("twice", place("chr3", 9, Strand::Forward), b'G', 2.0));
        let mut writer = ContributionWriter::create(&path, "site:yes").unwrap();
        all.iter().for_each(|own| writer.write(own).unwrap());
        assert!(!path.exists());
        writer.finish().unwrap();
        assert_eq!(Groups::open(&path).unwrap().rows(), [GROUP, 6]);
        let columns = read(&path).unwrap();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["id", "position", "chrom", "start", "strand", "base", "output", "contribution"]);
        let text =
            |values: Vec<Option<String>>| Values::Text(values.into_iter().map(|v| v.map(String::into_bytes)).collect());
        let texts = |of: &dyn Fn(&Contribution<'_>) -> Option<String>| text(all.iter().map(of).collect());
        let wholes = |of: &dyn Fn(&Contribution<'_>) -> Option<i64>| Values::Whole(all.iter().map(of).collect());
        let expected = [
            texts(&|own| Some(own.id.to_owned())),
            wholes(&|own| Some(own.position as i64)),
            texts(&|own| own.place.map(|place| place.chrom.to_owned())),
            wholes(&|own| own.place.map(|place| place.start as i64)),
            texts(&|own| own.place.map(|place| if place.strand == Strand::Forward { "+" } else { "-" }.to_owned())),
            texts(&|own| Some((own.base as char).to_string())),
            texts(&|_| Some("site:yes".to_owned())),
            Values::Double(all.iter().map(|own| Some(f64::from(own.value))).collect()),
        ];
        for ((name, found), expected) in columns.iter().zip(&expected) {
            assert!(found == expected, "{name}");
        }
    }

    #[test]
    fn no_sequence_is_a_file_without_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        ContributionWriter::create(&path, "t").unwrap().finish().unwrap();
        assert_eq!(read(&path).unwrap()[0], ("id".to_owned(), Values::Text(vec![])));
    }
}
