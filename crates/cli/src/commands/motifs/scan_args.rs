//! How motifs are scanned for, in the words of the command line.

use super::sequences::SequenceArgs;
use crate::failure::user;
use anyhow::Result;
use basewise_core::{Alphabet, CasePolicy, Code, Encoding};
use basewise_motif::Motif;
use basewise_motif::scan::ScanOptions;
use clap::Args;
use std::io::BufRead;
use std::path::Path;

#[derive(Args)]
pub(crate) struct ScanSettings {
    /// Report places up to this p-value
    #[arg(long, default_value_t = 1e-4, value_name = "P")]
    pub(crate) p_value: f64,
    /// Base frequencies: uniform, motifs (those of the motif file), sequences (those of the input), or a file of lines such
    /// as "A 0.3"
    #[arg(long, default_value = "uniform", value_name = "WHAT")]
    background: String,
    /// Sites spread as the background that are added to those of each motif
    #[arg(long, default_value_t = 0.1, value_name = "N")]
    pseudocount: f64,
    /// Bits a step of the scores; entries of a matrix are rounded to the nearest
    #[arg(long, default_value_t = 0.01, value_name = "BITS")]
    granularity: f64,
    /// Scan the given strand only; RNA motifs are always scanned so
    #[arg(long)]
    one_strand: bool,
}

impl Default for ScanSettings {
    /// As on the command line.
    fn default() -> Self {
        Self { p_value: 1e-4, background: "uniform".into(), pseudocount: 0.1, granularity: 0.01, one_strand: false }
    }
}

impl ScanSettings {
    /// The settings, with the background counted or read.
    pub(crate) fn options(&self, motifs: &[Motif], sequences: &SequenceArgs) -> Result<ScanOptions> {
        if !(self.p_value > 0.0 && self.p_value <= 1.0) {
            return Err(user(format!("expected --p-value above 0 and up to 1, found {}", self.p_value), None));
        }
        if !(self.pseudocount > 0.0 && self.pseudocount.is_finite()) {
            let hint = "without one, a base that was never seen would rule a place out";
            return Err(user(format!("expected --pseudocount above 0, found {}", self.pseudocount), Some(hint)));
        }
        let alphabet = alphabet(motifs)?;
        let both_strands = !self.one_strand && alphabet == Alphabet::Dna;
        let mut background = match self.background.as_str() {
            "uniform" => [0.25; 4],
            "motifs" => motifs.first().map_or([0.25; 4], |motif| motif.background),
            "sequences" => counted(sequences, alphabet == Alphabet::Rna)?,
            path => read_background(Path::new(path))?,
        };
        if both_strands {
            // A motif and its reverse complement are tried at the same places, so the strands must be alike.
            let [a, c, g, t] = background;
            background = [(a + t) / 2.0, (c + g) / 2.0, (c + g) / 2.0, (a + t) / 2.0];
        }
        Ok(ScanOptions {
            max_p_value: self.p_value,
            background,
            pseudocount: self.pseudocount,
            granularity: self.granularity,
            both_strands,
        })
    }
}

/// The alphabet of all motifs.
pub(crate) fn alphabet(motifs: &[Motif]) -> Result<Alphabet> {
    let first = motifs.first().map_or(Alphabet::Dna, |motif| motif.alphabet);
    match motifs.iter().find(|motif| motif.alphabet != first) {
        Some(odd) => Err(user(
            format!("expected motifs of one alphabet, found DNA and RNA ({} differs from the first)", odd.id),
            None,
        )),
        None => Ok(first),
    }
}

/// Codes of letters of any case; U reads as T.
pub(crate) fn codes(letters: &[u8], name: &str) -> Result<Vec<Code>> {
    let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
    encoding.encode(letters).map_err(|wrong| user(format!("{name}: {wrong}"), None))
}

/// The shares of the bases in the input.
fn counted(sequences: &SequenceArgs, stranded: bool) -> Result<[f64; 4]> {
    if sequences.is_stream() {
        let hint = "write the sequences to a file, which can be read twice";
        return Err(user("expected a file to count --background sequences in, found a stream", Some(hint)));
    }
    let mut counts = [0_u64; 256];
    sequences.visit(stranded, &mut |batch| {
        batch.iter().flat_map(|stretch| &stretch.letters).for_each(|&letter| counts[usize::from(letter)] += 1);
        Ok(())
    })?;
    let of = |letters: &[u8]| letters.iter().map(|&l| counts[usize::from(l)]).sum::<u64>() as f64;
    let bases = [of(b"Aa"), of(b"Cc"), of(b"Gg"), of(b"TtUu")];
    let total: f64 = bases.iter().sum();
    if bases.contains(&0.0) {
        let hint = "use --background uniform";
        return Err(user(format!("{}: expected all four bases, found a missing one", sequences.text()), Some(hint)));
    }
    Ok(bases.map(|count| count / total))
}

/// Lines of a base and its frequency; words of several bases, as in higher-order background files, are passed over.
fn read_background(path: &Path) -> Result<[f64; 4]> {
    let mut found = [None; 4];
    let failed = |line: usize, what: &str| {
        let hint = "a background is uniform, motifs, sequences, or a file of lines such as \"A 0.3\"";
        user(format!("{}: line {line}: expected a base and its frequency, found {what}", path.display()), Some(hint))
    };
    for (number, line) in basewise_io::input::open(path)?.lines().enumerate() {
        let line = line.map_err(|error| failed(number + 1, &error.to_string()))?;
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (letter, text) = match fields.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [word, _] if word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic()) => continue,
            [letter, text] => (*letter, *text),
            _ => return Err(failed(number + 1, &format!("{line:?}"))),
        };
        let base = match letter.to_ascii_uppercase().as_str() {
            "A" => 0,
            "C" => 1,
            "G" => 2,
            "T" | "U" => 3,
            _ => return Err(failed(number + 1, &format!("{letter:?}"))),
        };
        let frequency = text.parse::<f64>().ok().filter(|f| *f > 0.0 && *f <= 1.0);
        found[base] = Some(frequency.ok_or_else(|| failed(number + 1, &format!("the frequency {text:?}")))?);
    }
    let [Some(a), Some(c), Some(g), Some(t)] = found else {
        return Err(user(format!("{}: expected a line for each of A, C, G and T", path.display()), None));
    };
    let total: f64 = a + c + g + t;
    if (total - 1.0).abs() > 0.05 {
        return Err(user(format!("{}: expected frequencies that sum to 1, found {total}", path.display()), None));
    }
    Ok([a, c, g, t].map(|f| f / total))
}
