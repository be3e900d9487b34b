//! Genome file formats, tables and data sets on disk: everything of basewise that touches a file.
//!
//! | module | reads or writes |
//! |---|---|
//! | [`input`], [`output`] | any text, plain, gzip or bgzip, `-` for the standard streams; files that appear whole or not at all |
//! | [`fasta`], [`bed`], [`table`] | sequences; places (BED, narrowPeak, broadPeak); TSV and CSV |
//! | [`genome`] | a reference genome at random places |
//! | [`signal`], [`mod@bigwig`] | numbers along a genome: bigWig (also written), bedGraph, wiggle |
//! | [`variants`] | VCF, BCF and tables of variants, and scores written into them |
//! | [`graph`] | edges, and features and labels of nodes |
//! | [`build`] | data sets out of those |
//! | [`dataset`], [`predictions`], [`contributions`], [`arrays`] | data sets, predictions and what bases contribute as Parquet, arrays for numpy |
//! | [`cells`] | matrices of cells by genes: 10x (mtx, h5), h5ad (also written), tables |
//! | [`keras`] | weights that Keras saved |
//! | [`modisco`] | patterns in the layout of TF-MoDISco (written) |
//! | [`state_dict`] | weights that PyTorch saved |
//!
//! Errors say what was expected, what was found, in which file and line, and what to do about it ([`Error::hint`]).
//! Nothing here prints, and no input makes it panic.
//!
//! ```
//! use basewise_core::{Alphabet, CasePolicy, Encoding, Split};
//! use basewise_io::build::{self, Negatives, SequencesInput, SequencesSpec, TableColumns};
//! use basewise_io::{dataset, output};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let table = folder.join("sites.tsv");
//! output::write_file(&table, |sink| {
//!     sink.write_all(b"sequence\tlabel\tsplit\nACGTAC\t1\ttrain\nTTGCAA\t0\ttrain\nACGTAA\t1\tvalid\nGGCCAA\t0\ttest\n")
//! })?;
//! let built = build::sequences(&SequencesSpec {
//!     input: SequencesInput::Table { files: vec![table.into()], columns: TableColumns::default() },
//!     encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
//!     length: None,
//!     split: None,
//!     negatives: Negatives::None,
//!     seed: 1,
//!     command: "an example".to_owned(),
//! })?;
//! assert_eq!((built.account.read, built.account.used), (4, 4));
//!
//! dataset::save(&folder.join("sites"), &built.dataset, &built.provenance, &[], false)?;
//! let (sites, _) = dataset::load(&folder.join("sites"))?;
//! assert_eq!(sites.rows_of(Split::Train), [0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arrays;
pub mod bed;
pub mod bigwig;
pub mod build;
pub mod cells;
mod columnar;
pub mod contributions;
pub mod dataset;
mod error;
pub mod fasta;
pub mod genome;
pub mod graph;
pub mod input;
pub mod keras;
pub mod modisco;
pub mod output;
pub mod predictions;
pub mod signal;
pub mod state_dict;
pub mod table;
pub mod variants;
mod zip;

pub use error::{Error, Result};
pub use genome::Genome;
