//! Real data that travels with the binary; see `data/README.md` and `NOTICE` for sources and licences.

use anyhow::{Context, Result};
use basewise_motif::Motif;
use flate2::read::GzDecoder;
use std::io::Read;

/// How the built-in motif database is named in outputs.
pub(crate) const JASPAR_NAME: &str = "JASPAR CORE (built in)";

const DONOR: &[u8] = include_bytes!("../data/donor.tsv.gz");
const ACCEPTOR: &[u8] = include_bytes!("../data/acceptor.tsv.gz");
const CTCF: &[u8] = include_bytes!("../data/ctcf.fa.gz");
const JASPAR: &[u8] = include_bytes!("../data/jaspar.meme.gz");

/// File name under `inputs/` of a quickstart, and contents.
pub(crate) fn files() -> Result<Vec<(&'static str, Vec<u8>)>> {
    [("donor.tsv", DONOR), ("acceptor.tsv", ACCEPTOR), ("ctcf.fa", CTCF), ("jaspar.meme", JASPAR)]
        .into_iter()
        .map(|(name, bytes)| Ok((name, inflate(bytes)?)))
        .collect()
}

/// The motifs of JASPAR CORE.
pub(crate) fn jaspar() -> Result<Vec<Motif>> {
    Ok(basewise_motif::formats::read(inflate(JASPAR)?.as_slice(), JASPAR_NAME)?)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).context("embedded data could not be unpacked")?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_files_unpack_and_hold_what_is_said() {
        let files = files().unwrap();
        let lines = |i: usize| String::from_utf8(files[i].1.clone()).unwrap().lines().count();
        assert_eq!((lines(0), lines(1)), (4209, 4241));
        assert_eq!(files[2].1.iter().filter(|&&b| b == b'>').count(), 500);
        assert!(jaspar().unwrap().iter().any(|m| m.id.starts_with("MA0139") && m.name == "CTCF"));
    }
}
