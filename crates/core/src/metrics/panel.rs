//! Several models on the same rows: each resample draws the same rows for all of them, so that any two can be set against
//! each other.

use super::TaskMetrics;
use super::bootstrap::{BootstrapOptions, Estimate, replicate, summary};
use super::judged::{Figures, Judged, judged};
use crate::{Matrix, Task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far apart two models are on the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The figure of the one minus that of the other, with the interval over resamples that both share.
    pub estimate: Estimate,
    /// Two-sided p-value of no difference, by the bootstrap: twice the share of resamples on the rarer side of 0, with one
    /// added to both counts, so that it is never 0 (Davison and Hinkley 1997, section 4.4). It is below 0.05 where the
    /// 95 % interval leaves out 0, up to rounding. `None` where there is no interval.
    pub p: Option<f64>,
}

/// What models reach on one task, on all rows and in each resample.
pub struct Panel {
    counts: TaskMetrics,
    names: &'static [&'static str],
    /// `[model][repeat][figure]`.
    repeats: Vec<Vec<Vec<Option<f64>>>>,
    /// `[resample][model][figure]`, means over repeats.
    resamples: Vec<Vec<Vec<Option<f64>>>>,
    level: f64,
}

/// One panel a task; none without models. `models` holds the predictions of each model: a matrix for each time that it was
/// trained, over which its figures are means.
///
/// Arguments and figures are those of [`super::evaluate`], without figures of single classes. The same seed draws the same
/// resamples as there, for any number of threads.
///
/// # Panics
/// If the number of rows, of labels in a row, of outputs or of groups does not match.
pub fn panels(tasks: &[Task], labels: &[&[f64]], models: &[&[Matrix]], options: &BootstrapOptions<'_>) -> Vec<Panel> {
    let repeats =
        |matrices: &&[Matrix]| matrices.iter().map(|matrix| judged(tasks, labels, matrix).into_iter()).collect();
    let mut models: Vec<Vec<_>> = models.iter().map(repeats).collect();
    let of_task = |_| {
        let next = models.iter_mut().map(|repeats| repeats.iter_mut().filter_map(Iterator::next).collect());
        Panel::new(next.collect(), options)
    };
    tasks.iter().filter_map(of_task).collect()
}

impl Panel {
    fn new(models: Vec<Vec<Judged<'_>>>, options: &BootstrapOptions<'_>) -> Option<Self> {
        let first = models.iter().flatten().next()?;
        let (counts, units) = (first.described(), first.units(options));
        // A model that gives no finite number anywhere has no figures, as in an evaluation.
        let figures = |judged: Judged<'_>| (judged.is_finite(), judged.figures());
        let models: Vec<Vec<(bool, Figures)>> =
            models.into_iter().map(|repeats| repeats.into_iter().map(figures).collect()).collect();
        let names = models.iter().flatten().next()?.1.names;
        let values = |(finite, figures): &(bool, Figures), weights: &[u32]| -> Vec<Option<f64>> {
            if *finite {
                (figures.values)(weights).into_iter().take(names.len()).collect()
            } else {
                vec![None; names.len()]
            }
        };
        let all = vec![1; counts.n];
        let each = |repeats: &Vec<_>| repeats.iter().map(|one| values(one, &all)).collect();
        let resample = |weights: &[u32]| {
            let of_model = |repeats: &Vec<_>| {
                means(&repeats.iter().map(|one| values(one, weights)).collect::<Vec<_>>(), names.len())
            };
            models.iter().map(of_model).collect()
        };
        Some(Self {
            repeats: models.iter().map(each).collect(),
            resamples: replicate(&units, options, resample),
            counts,
            names,
            level: options.level,
        })
    }

    /// Name, kind and rows of the task, without figures.
    pub fn counts(&self) -> &TaskMetrics {
        &self.counts
    }

    /// All figures of a model with their intervals, by name.
    pub fn metrics(&self, model: usize) -> BTreeMap<String, Estimate> {
        let estimate = |name: &&str| ((*name).to_owned(), self.estimate(model, name));
        self.names.iter().map(estimate).collect()
    }

    /// A figure of a model: its mean over the repeats, with the interval over resamples of the rows. Undefined for an
    /// unknown name.
    pub fn estimate(&self, model: usize, metric: &str) -> Estimate {
        let Some(figure) = self.figure(metric) else { return Estimate::default() };
        let drawn = self.resamples.iter().map(|resample| resample[model][figure]);
        summary(self.value(model, figure), drawn, self.level).0
    }

    /// The figure in each repeat of a model, on all rows.
    pub fn repeats(&self, model: usize, metric: &str) -> Vec<Option<f64>> {
        let figure = self.figure(metric);
        self.repeats[model].iter().map(|repeat| repeat[figure?]).collect()
    }

    /// A figure of a model minus that of another one.
    pub fn difference(&self, model: usize, other: usize, metric: &str) -> Difference {
        let Some(figure) = self.figure(metric) else { return Difference::default() };
        let minus = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
        let value = minus(self.value(model, figure), self.value(other, figure));
        let drawn = self.resamples.iter().map(|resample| minus(resample[model][figure], resample[other][figure]));
        let (estimate, sorted) = summary(value, drawn, self.level);
        Difference { estimate, p: sorted.map(|sorted| two_sided(&sorted)) }
    }

    fn figure(&self, metric: &str) -> Option<usize> {
        self.names.iter().position(|name| *name == metric)
    }

    fn value(&self, model: usize, figure: usize) -> Option<f64> {
        means(&self.repeats[model], self.names.len())[figure]
    }
}

/// The mean of each figure; undefined where it is in any repeat, or without repeats.
fn means(repeats: &[Vec<Option<f64>>], figures: usize) -> Vec<Option<f64>> {
    let mean = |figure: usize| {
        let sum = repeats.iter().map(|repeat| repeat[figure]).sum::<Option<f64>>()?;
        (!repeats.is_empty()).then(|| sum / repeats.len() as f64)
    };
    (0..figures).map(mean).collect()
}

/// See [`Difference::p`]; `drawn` ascends and is not empty.
fn two_sided(drawn: &[f64]) -> f64 {
    let below = drawn.partition_point(|&d| d <= 0.0);
    let above = drawn.len() - drawn.partition_point(|&d| d < 0.0);
    (2.0 * (below.min(above) + 1) as f64 / (drawn.len() + 1) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskKind;
    use crate::metrics::{compare, evaluate};
    use crate::random::stream;
    use rand::Rng;

    fn binary() -> [Task; 1] {
        [Task { name: "t".into(), kind: TaskKind::Binary }]
    }

    /// Labels, and scores that tell them by so much.
    fn scores(n: usize, seed: u64, effects: &[f32]) -> (Vec<[f64; 1]>, Vec<Matrix>) {
        let mut rng = stream(seed, "panel test", &[]);
        let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
        let labels: Vec<[f64; 1]> = (0..n).map(|_| [f64::from(u8::from(uniform() < 0.5))]).collect();
        let matrix = |&effect: &f32| {
            let score = |label: &[f64; 1]| (uniform() + effect * label[0] as f32) / (1.0 + effect);
            Matrix::new(n, 1, labels.iter().map(score).collect())
        };
        let all = effects.iter().map(matrix).collect();
        (labels, all)
    }

    fn panel(labels: &[[f64; 1]], models: &[&[Matrix]], options: &BootstrapOptions<'_>) -> Panel {
        let views: Vec<&[f64]> = labels.iter().map(|label| &label[..]).collect();
        panels(&binary(), &views, models, options).remove(0)
    }

    #[test]
    fn one_matrix_a_model_gives_what_evaluations_and_pairs_give() {
        let (labels, models) = scores(120, 1, &[0.5, 0.1]);
        let views: Vec<&[f64]> = labels.iter().map(|label| &label[..]).collect();
        let options = BootstrapOptions::default();
        let panel = panel(&labels, &[&models[..1], &models[1..]], &options);
        for (model, predictions) in models.iter().enumerate() {
            let alone = evaluate(&binary(), &views, predictions, &options).remove(0);
            assert_eq!(panel.metrics(model), alone.metrics);
            assert_eq!(panel.counts().positives, alone.positives);
        }
        let pair = compare(&binary(), &views, &models[0], &models[1], &options).remove(0);
        for (name, estimate) in pair.metrics {
            assert_eq!(panel.difference(0, 1, &name).estimate, estimate, "{name}");
        }
        assert_eq!(panel.estimate(0, "nonesuch"), Estimate::default());
        assert_eq!(panel.difference(0, 1, "nonesuch"), Difference::default());
    }

    #[test]
    fn repeats_count_as_their_mean_and_one_that_is_broken_breaks_it() {
        let (labels, models) = scores(80, 2, &[0.4, 0.2, 0.3]);
        let options = BootstrapOptions { replicates: 200, ..BootstrapOptions::default() };
        let several = panel(&labels, &[&models[..2], &models[2..]], &options);
        let each: Vec<f64> = several.repeats(0, "auroc").into_iter().flatten().collect();
        let mean = several.estimate(0, "auroc");
        assert!((mean.value.unwrap() - (each[0] + each[1]) / 2.0).abs() < 1e-15);
        assert!(mean.low < mean.value && mean.value < mean.high);
        // The same matrix twice is the matrix once.
        let twice = panel(&labels, &[&[models[0].clone(), models[0].clone()], &models[..1]], &options);
        assert_eq!(twice.metrics(0), twice.metrics(1));
        let broken = [models[0].clone(), Matrix::new(80, 1, vec![f32::NAN; 80])];
        let broken = panel(&labels, &[&broken, &models[2..]], &options);
        assert_eq!(broken.estimate(0, "auroc"), Estimate::default());
        assert_eq!(broken.difference(1, 0, "auroc"), Difference::default());
        assert!(broken.estimate(1, "auroc").value.is_some());
    }

    #[test]
    fn p_values_agree_with_intervals_and_turn_with_the_sign() {
        let (labels, models) = scores(300, 3, &[1.0, 0.2, 0.21]);
        let each: Vec<&[Matrix]> = models.chunks(1).collect();
        let panel = panel(&labels, &each, &BootstrapOptions::default());
        let far = panel.difference(0, 1, "auroc");
        assert!(far.estimate.low.unwrap() > 0.0 && far.p.unwrap() < 0.01, "{far:?}");
        assert_eq!(panel.difference(1, 0, "auroc").p, far.p);
        let near = panel.difference(1, 2, "auroc");
        assert!(near.estimate.low.unwrap() < 0.0 && near.p.unwrap() > 0.05, "{near:?}");
        let same = panel.difference(0, 0, "auroc");
        assert_eq!((same.estimate.value, same.p), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn without_a_difference_small_p_values_are_as_rare_as_they_say() {
        let small = |seed| {
            let (labels, models) = scores(80, seed, &[0.4, 0.4]);
            let options = BootstrapOptions { replicates: 200, seed, ..BootstrapOptions::default() };
            let panel = panel(&labels, &[&models[..1], &models[1..]], &options);
            panel.difference(0, 1, "auroc").p.unwrap() < 0.1
        };
        let share = (0..400).filter(|&seed| small(seed)).count() as f64 / 400.0;
        assert!((0.06..0.15).contains(&share), "{share}");
    }

    /// Scores that know nothing of the labels, alike within families of six that share their label.
    fn families(seed: u64) -> (Vec<[f64; 1]>, [Matrix; 2], Vec<usize>) {
        let mut rng = stream(seed, "families", &[]);
        let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
        let groups: Vec<usize> = (0..240).map(|row| row / 6).collect();
        let of_family: Vec<[f32; 3]> = (0..40).map(|_| [uniform(), uniform(), uniform()]).collect();
        let labels = groups.iter().map(|&family| [f64::from(u8::from(of_family[family][0] < 0.5))]).collect();
        let mut scores = |column: usize| {
            let all = groups.iter().map(|&family| (of_family[family][column] + 0.1 * uniform()) / 1.1).collect();
            Matrix::new(240, 1, all)
        };
        let both = [scores(1), scores(2)];
        (labels, both, groups)
    }

    #[test]
    fn where_rows_are_relatives_only_groups_give_intervals_that_hold_what_they_say() {
        let (mut held, mut false_alarms) = ([0, 0], [0, 0]);
        for seed in 0..200 {
            let (labels, models, groups) = families(seed);
            let each: Vec<&[Matrix]> = models.chunks(1).collect();
            for (way, groups) in [&groups[..], &[]].into_iter().enumerate() {
                let options = BootstrapOptions { replicates: 200, seed, groups, ..BootstrapOptions::default() };
                let panel = panel(&labels, &each, &options);
                let auroc = panel.estimate(0, "auroc");
                held[way] += usize::from(auroc.low.unwrap() <= 0.5 && auroc.high.unwrap() >= 0.5);
                false_alarms[way] += usize::from(panel.difference(0, 1, "auroc").p.unwrap() < 0.05);
            }
        }
        let share = |counts: [usize; 2]| counts.map(|count| count as f64 / 200.0);
        let ([held, rows_held], [alarms, rows_alarms]) = (share(held), share(false_alarms));
        assert!((0.9..0.99).contains(&held) && alarms < 0.1, "{held} {alarms}");
        assert!(rows_held < 0.7 && rows_alarms > 0.3, "{rows_held} {rows_alarms}");
    }

    #[test]
    fn one_class_no_rows_and_no_resamples_have_no_p_value() {
        let (mut labels, models) = scores(40, 4, &[0.4, 0.1]);
        let each: Vec<&[Matrix]> = models.chunks(1).collect();
        let without = BootstrapOptions { replicates: 0, ..BootstrapOptions::default() };
        let none = panel(&labels, &each, &without).difference(0, 1, "auroc");
        assert!(none.estimate.value.is_some() && none.estimate.low.is_none() && none.p.is_none());
        labels.iter_mut().for_each(|label| label[0] = 1.0);
        let one_class = panel(&labels, &each, &BootstrapOptions::default());
        assert_eq!(one_class.difference(0, 1, "auroc"), Difference::default());
        assert!(one_class.estimate(0, "accuracy").value.is_some());
        let empty = Matrix::new(0, 1, vec![]);
        let empty = panels(&binary(), &[], &[std::slice::from_ref(&empty)], &BootstrapOptions::default());
        assert_eq!(empty[0].estimate(0, "auroc"), Estimate::default());
        assert!(panels(&binary(), &[], &[], &BootstrapOptions::default()).is_empty());
    }
}
