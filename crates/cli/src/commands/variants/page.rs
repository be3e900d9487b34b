//! The page of `basewise variants --page`: the alleles with the largest effects, ranked, with a picture of each.

use super::ScoreArgs;
use super::plot::Plot;
use super::scorer::Scorer;
use super::top::Ranked;
use crate::commands::command_line;
use crate::report;
use crate::report::variants::{Allele, VariantsReport};
use crate::run_dir::write_text;
use crate::shared_args::output_index;
use anyhow::Result;
use basewise_core::Predict;
use basewise_io::Genome;
use std::path::Path;

/// Alleles that are shown if no number is said.
pub(super) const SHOWN: usize = 10;
/// Bases on each side of a variant.
const FLANK: usize = 40;
/// Letters of an allele that a picture has room for.
const MOST_LETTERS: usize = 2 * FLANK;

/// What the page says.
pub(super) struct Page<'a> {
    pub(super) ranked: &'a [Ranked],
    /// The field that ranks them.
    pub(super) score: &'a str,
    pub(super) account: &'a str,
}

impl Page<'_> {
    /// Draws the alleles and writes the page.
    pub(super) fn write(&self, path: &Path, args: &ScoreArgs, scorer: &Scorer<'_>, genome: &Genome) -> Result<()> {
        let alleles = self.ranked.iter().map(|ranked| self.allele(ranked, args, scorer, genome));
        let page = VariantsReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generated_by: command_line(),
            account: self.account.to_owned(),
            score: self.score.to_owned(),
            alleles: alleles.collect::<Result<_>>()?,
        };
        write_text(path, &report::render_variants(&page))
    }

    fn allele(&self, ranked: &Ranked, args: &ScoreArgs, scorer: &Scorer<'_>, genome: &Genome) -> Result<Allele> {
        let target = output_index(scorer.models.tasks(), args.target.first().map(String::as_str)).ok();
        // In regions, windows and strands are theirs, which a picture around the variant does not have.
        let fits = ranked.reference.len().max(ranked.alternate.len()) <= MOST_LETTERS && args.regions.is_none();
        let name = ranked.name();
        let plot = Plot {
            variant: &name,
            reverse: false,
            flank: FLANK,
            target: target.as_ref().map_or(0, |target| target.0),
            name: target.as_ref().map_or("", |target| &target.1),
            motifs: scorer.motifs.as_ref(),
            fragment: true,
        };
        let model = args.average.over(scorer.models)?;
        // A record whose REF is not the genome's was scored by other rules, and is not drawn.
        let picture = if fits && target.is_some() { plot.draw(genome, &model).ok().map(|(svg, _)| svg) } else { None };
        Ok(Allele { name, cells: ranked.cells(), score: ranked.score, picture })
    }
}
