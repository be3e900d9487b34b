//! The names of contigs in one file for those in another: `1` for `chr1`, `MT` for `chrM`.

use crate::Genome;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Finds the genome's contigs by the names that a variant file has for them.
///
/// A name that the genome does not have is taken for one with or without `chr`, or with the other name of the mitochondrial
/// contig, if just one of those is there, and no other name of the file means the same contig.
pub struct ContigNames<'g> {
    genome: &'g Genome,
    /// By the file's name.
    known: BTreeMap<String, Option<String>>,
    /// Of contigs that were found, the file's name.
    taken: BTreeMap<String, String>,
    said: usize,
}

impl<'g> ContigNames<'g> {
    /// No name is known yet.
    pub fn new(genome: &'g Genome) -> Self {
        Self { genome, known: BTreeMap::new(), taken: BTreeMap::new(), said: 0 }
    }

    /// The genome's name for a contig of the file; `None` if it has none.
    ///
    /// # Errors
    /// Another name of the file means the same contig.
    pub fn find(&mut self, name: &str) -> Result<Option<&str>> {
        if !self.known.contains_key(name) {
            let found = self.look_up(name);
            if let Some(contig) = &found
                && let Some(other) = self.taken.insert(contig.clone(), name.to_owned())
            {
                let message = format!("expected one name for each contig, found {other:?} and {name:?} for {contig:?}");
                return Err(Error::of(self.genome.path(), message)
                    .with_hint("rename the contigs of the variants: bcftools annotate --rename-chrs"));
            }
            self.known.insert(name.to_owned(), found);
        }
        Ok(self.known.get(name).and_then(Option::as_deref))
    }

    fn look_up(&self, name: &str) -> Option<String> {
        let has = |name: &str| self.genome.length(name).is_ok();
        if has(name) {
            return Some(name.to_owned());
        }
        let mut fitting = aliases(name).into_iter().filter(|alias| has(alias));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// The error for a name that the genome does not have; its hint names those that it has.
    pub fn unknown(&self, name: &str) -> Error {
        self.genome.length(name).err().unwrap_or_else(|| Error::of(self.genome.path(), format!("{name:?} is there")))
    }

    /// What was mapped since this was asked last, for the user: the file's name and the genome's.
    pub fn news(&mut self) -> Vec<(String, String)> {
        let mapped = |(name, contig): (&String, &Option<String>)| {
            contig.as_ref().filter(|contig| *contig != name).map(|contig| (name.clone(), contig.clone()))
        };
        let all: Vec<(String, String)> = self.known.iter().filter_map(mapped).collect();
        let news = if all.len() > self.said { all.clone() } else { Vec::new() };
        self.said = all.len();
        news
    }

    /// The name that records have for a contig of the genome, judged by those that were found so far.
    pub fn inverse(&self, contig: &str) -> String {
        if let Some(name) = self.taken.get(contig) {
            return name.clone();
        }
        let mapped = || self.taken.iter().filter(|(contig, name)| contig != name);
        if mapped().any(|(contig, name)| contig.strip_prefix("chr") == Some(name)) {
            return match contig {
                "chrM" => "MT".to_owned(),
                other => other.strip_prefix("chr").unwrap_or(other).to_owned(),
            };
        }
        if mapped().any(|(contig, name)| name.strip_prefix("chr") == Some(contig)) {
            return if contig == "MT" { "chrM".to_owned() } else { format!("chr{contig}") };
        }
        contig.to_owned()
    }
}

/// Other names that a contig may have.
fn aliases(name: &str) -> Vec<String> {
    let bare = name.strip_prefix("chr").unwrap_or(name);
    let mut aliases: Vec<String> = if ["M", "MT"].contains(&bare) {
        ["M", "MT", "chrM", "chrMT"].map(str::to_owned).to_vec()
    } else {
        vec![bare.to_owned(), format!("chr{bare}")]
    };
    aliases.retain(|alias| alias != name);
    aliases
}
