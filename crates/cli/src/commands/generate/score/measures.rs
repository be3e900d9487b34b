//! What is measured of a set of sequences.

use super::Set;
use super::spacing::Spacing;
use crate::commands::evaluate::batch_of;
use crate::commands::generate::examples::letters;
use crate::report::generated::{Measured, Near, Predicted};
use crate::shared_args::output_index;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::realism::{
    Distance, Words, duplicates, earth_movers, gc_share, jensen_shannon, mean_difference, nearest,
};
use basewise_core::{Code, Encoding, Predict, probabilities};
use basewise_learn::discriminate::{View, discriminate};

/// The longest words that are compared.
pub(super) const LONGEST_WORD: usize = 6;
/// The longest words that the discriminator sees.
const DISCRIMINATOR_WORD: usize = 4;
/// Pairs whose differences are averaged.
const PAIRS: usize = 10_000;
/// Sequences that are predicted together.
const AT_ONCE: usize = 256;

/// The model whose predictions are compared.
pub(super) struct Predictor {
    model: Ensemble<TrainedModel>,
    output: usize,
    name: String,
}

impl Predictor {
    pub(super) fn new(model: Ensemble<TrainedModel>, target: Option<&str>) -> Result<Self> {
        let (output, name) = output_index(model.tasks(), target)?;
        Ok(Self { model, output, name })
    }

    fn predict(&self, sequences: &[&[Code]], encoding: Encoding) -> Result<Predicted> {
        let mut scores = Vec::with_capacity(sequences.len());
        for part in sequences.chunks(AT_ONCE) {
            let text: Vec<Vec<u8>> = part.iter().map(|sequence| letters(sequence, encoding)).collect();
            let batch = batch_of(&self.model, text.iter().map(Vec::as_slice))?;
            let mut found = self.model.predict(&batch)?;
            probabilities(self.model.tasks(), &mut found);
            scores.extend((0..found.rows()).map(|row| f64::from(found.row(row)[self.output])));
        }
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        scores.sort_by(f64::total_cmp);
        Ok(Predicted {
            output: self.name.clone(),
            mean,
            median: scores.get(scores.len() / 2).copied().unwrap_or(f64::NAN),
        })
    }
}

/// What sets are compared with.
pub(super) struct Judge<'a> {
    pub(super) encoding: Encoding,
    pub(super) held: Vec<&'a [Code]>,
    pub(super) train: Vec<&'a [Code]>,
    pub(super) nearest: usize,
    pub(super) seed: u64,
    pub(super) predictor: Option<Predictor>,
    pub(super) spacing: Option<Spacing>,
}

impl Judge<'_> {
    pub(super) fn measure(&self, set: &Set) -> Result<Measured> {
        let own: Vec<&[Code]> = set.sequences.iter().map(Vec::as_slice).collect();
        let words = |k: usize| {
            let [a, b] = [&own, &self.held].map(|set| Words::count(k, set.iter().copied()));
            jensen_shannon(a.counts(), b.counts())
        };
        let [gc, held_gc]: [Vec<f64>; 2] =
            [&own, &self.held].map(|set| set.iter().filter_map(|sequence| gc_share(sequence)).collect());
        // Training sequences are their own nearest ones; what is held out says how near real ones are to each other.
        let sought = if set.name == "real" { &self.held } else { &own };
        let sought = &sought[..sought.len().min(self.nearest)];
        let near = |distance| near(nearest(distance, sought, &self.train, false));
        let apart = |view| discriminate([&own, &self.held], self.encoding, view, self.seed);
        let predictor = self.predictor.as_ref().map(|predictor| predictor.predict(&own, self.encoding));
        let spacing = self.spacing.as_ref().map(|spacing| spacing.compare(&own, &self.held));
        Ok(Measured {
            set: set.name.to_owned(),
            sequences: own.len(),
            word_divergence: (1..=LONGEST_WORD).map(words).collect(),
            gc: (!gc.is_empty()).then(|| gc.iter().sum::<f64>() / gc.len() as f64),
            gc_distance: earth_movers(&gc, &held_gc),
            difference: mean_difference(&own, PAIRS, self.seed),
            duplicates: duplicates(&own),
            hamming: near(Distance::Hamming),
            edit: near(Distance::Edit),
            auroc_words: apart(View::Words(DISCRIMINATOR_WORD))?,
            auroc_positions: apart(View::Positions)?,
            spacing_divergence: spacing.and_then(|(divergence, _)| divergence),
            motifs: spacing.map(|(_, motifs)| motifs),
            prediction: predictor.transpose()?,
        })
    }
}

fn near(distances: Vec<Option<usize>>) -> Option<Near> {
    let mut known: Vec<usize> = distances.into_iter().flatten().collect();
    known.sort_unstable();
    let smallest = *known.first()?;
    Some(Near { smallest, fifth_percentile: known[known.len() / 20], median: known[known.len() / 2] })
}
