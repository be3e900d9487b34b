//! Motifs as text for other programs.

use super::FormatError;
use crate::Motif;
use basewise_core::Alphabet;
use std::fmt;
use std::io::Write;
use std::str::FromStr;

/// Counts are written as if this many sites were seen where the number is unknown.
const STAND_IN_SITES: f64 = 100.0;

/// A format that motifs can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Minimal MEME, version 4: probabilities with six decimals.
    Meme,
    /// JASPAR: counts in brackets, a row a base.
    Jaspar,
    /// TRANSFAC: counts, a row a position.
    Transfac,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Meme, Self::Jaspar, Self::Transfac];

    /// `meme`, `jaspar` or `transfac`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meme => "meme",
            Self::Jaspar => "jaspar",
            Self::Transfac => "transfac",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "meme" => Ok(Self::Meme),
            "jaspar" | "pfm" => Ok(Self::Jaspar),
            "transfac" => Ok(Self::Transfac),
            _ => Err(format!("expected meme, jaspar or transfac, found {text:?}")),
        }
    }
}

/// Writes motifs, which must share one alphabet.
///
/// JASPAR and TRANSFAC hold counts: a motif's own, or its probabilities times its number of sites (100 where that is
/// unknown). MEME has one background a file: the first motif's. White space in ids becomes `_`.
///
/// # Errors
/// Motifs of two alphabets, or an output that fails.
pub fn write(motifs: &[Motif], format: Format, out: &mut impl Write) -> Result<(), FormatError> {
    if let Some(odd) = motifs.iter().find(|motif| motif.alphabet != motifs[0].alphabet) {
        return Err(FormatError::MixedAlphabets { id: odd.id.clone() });
    }
    if format == Format::Meme {
        write_meme_header(motifs.first(), out)?;
    }
    for motif in motifs {
        match format {
            Format::Meme => write_meme(motif, out)?,
            Format::Jaspar => write_jaspar(motif, out)?,
            Format::Transfac => write_transfac(motif, out)?,
        }
    }
    Ok(())
}

fn write_meme_header(first: Option<&Motif>, out: &mut impl Write) -> std::io::Result<()> {
    let alphabet = first.map_or(Alphabet::Dna, |motif| motif.alphabet);
    let background = first.map_or([0.25; 4], |motif| motif.background);
    let letters = alphabet.letters().map(char::from);
    writeln!(out, "MEME version 4\n\nALPHABET= {}\n", letters.iter().collect::<String>())?;
    if alphabet == Alphabet::Dna {
        writeln!(out, "strands: + -\n")?;
    }
    let pairs: Vec<String> = letters.iter().zip(background).map(|(letter, b)| format!("{letter} {b:.5}")).collect();
    writeln!(out, "Background letter frequencies\n{}", pairs.join(" "))
}

fn write_meme(motif: &Motif, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\n{}", ["MOTIF", &word(&motif.id), &line(&motif.name)].join(" ").trim_end())?;
    let sites = if motif.sites > 0.0 { format!(" nsites= {}", number(motif.sites)) } else { String::new() };
    writeln!(out, "letter-probability matrix: alength= 4 w= {}{sites} E= 0", motif.len())?;
    for [a, c, g, t] in &motif.probabilities {
        writeln!(out, " {a:.6}  {c:.6}  {g:.6}  {t:.6}")?;
    }
    Ok(())
}

fn write_jaspar(motif: &Motif, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{}", format!(">{}\t{}", word(&motif.id), line(&motif.name)).trim_end())?;
    let counts = counts(motif);
    let cells: Vec<[String; 4]> = counts.iter().map(|row| row.map(number)).collect();
    let width = cells.iter().flatten().map(String::len).max().unwrap_or(1);
    for (base, letter) in motif.alphabet.letters().into_iter().enumerate() {
        let row: Vec<String> = cells.iter().map(|cell| format!("{:>width$}", cell[base])).collect();
        writeln!(out, "{}  [ {} ]", letter as char, row.join(" "))?;
    }
    Ok(())
}

fn write_transfac(motif: &Motif, out: &mut impl Write) -> std::io::Result<()> {
    let name = if motif.name.is_empty() { word(&motif.id) } else { line(&motif.name) };
    writeln!(out, "AC  {}\nXX\nID  {name}\nXX", word(&motif.id))?;
    let letters = motif.alphabet.letters().map(|letter| format!(" {:>9}", letter as char));
    writeln!(out, "P0  {}", letters.concat())?;
    let consensus = motif.consensus();
    for (i, (row, letter)) in counts(motif).iter().zip(consensus.chars()).enumerate() {
        let cells = row.map(|count| format!(" {:>9}", number(count)));
        writeln!(out, "{:02}  {}      {letter}", i + 1, cells.concat())?;
    }
    writeln!(out, "XX\n//")
}

fn counts(motif: &Motif) -> Vec<[f64; 4]> {
    let sites = if motif.sites > 0.0 { motif.sites } else { STAND_IN_SITES };
    match &motif.counts {
        Some(counts) => counts.clone(),
        None => motif.probabilities.iter().map(|row| row.map(|p| p * sites)).collect(),
    }
}

/// At most four decimals, and none where they would be zeros.
fn number(x: f64) -> String {
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One word: what readers split at white space.
fn word(text: &str) -> String {
    let word = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|part| !part.is_empty());
    let word = word.collect::<Vec<_>>().join("_");
    if word.is_empty() { "motif".into() } else { word }
}

/// One line.
fn line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
