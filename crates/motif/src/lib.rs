//! Sequence motifs: read and written, compared, clustered, scanned, tested, drawn, taken from filters, and planted.
//!
//! A [`Motif`] is a matrix of base probabilities, one row a position, in the order A C G T (or U). Everything else here
//! is a function of motifs and sequences; no file is opened, input and output are `impl BufRead` and `impl Write`.
//!
//! | module | turns | into |
//! |---|---|---|
//! | [`formats`] | MEME, JASPAR, TRANSFAC, HOMER text | motifs, and back |
//! | [`matching`] | a motif and a database | p-, E- and q-values of each target (Tomtom) |
//! | [`scan`] | motifs and sequences | scores at each place, the best, and occurrences with p- and q-values |
//! | [`cluster`] | motifs that look alike | groups, and a motif for each |
//! | [`enrich`] | occurrences in two sets of sequences | tests of single motifs, pairs and spacings |
//! | [`discover`] | attributions, or sequences without a model | motifs, and where they stand |
//! | [`filters`] | windows that activate a filter | a motif |
//! | [`logo`] | a motif, or attributions | SVG and PNG |
//! | [`simulate`] | motifs and rules | labelled sequences whose answer is known |
//!
//! ```
//! use basewise_motif::logo::{LogoOptions, motif_svg};
//! use basewise_motif::{formats, matching};
//!
//! let text = "\
//! >MA0004.1\tArnt
//! A  [  4 19  0  0  0  0 ]
//! C  [ 16  0 20  0  0  0 ]
//! G  [  0  1  0 20  0 20 ]
//! T  [  0  0  0  0 20  0 ]
//! ";
//! let motifs = formats::read(text.as_bytes(), "arnt.jaspar")?;
//! assert_eq!(motifs[0].consensus(), "CACGTG");
//!
//! let best = &matching::tomtom(&motifs, &motifs, &Default::default())[0][0];
//! assert_eq!((best.target, best.overlap), (0, 6));
//!
//! let svg = motif_svg(&motifs[0], &LogoOptions::default());
//! assert!(svg.starts_with("<svg") && svg.contains("#bw-C"));
//!
//! let mut meme = Vec::new();
//! formats::write(&motifs, formats::Format::Meme, &mut meme)?;
//! assert!(meme.starts_with(b"MEME version 4"));
//! # Ok::<(), formats::FormatError>(())
//! ```

pub mod cluster;
pub mod discover;
pub mod enrich;
pub mod filters;
pub mod formats;
pub mod logo;
pub mod matching;
mod motif;
pub mod scan;
pub mod simulate;

pub use motif::Motif;
