//! The batches that each step sees: rows shifted within their margins, read from either strand, mutated, and recombined.

use super::{TrainConfig, TrainError};
use crate::loss::Target;
use basewise_core::profile::{reverse_labels, shift_unit, shifted_labels};
use basewise_core::random::{Stream, below, stream, uniform};
use basewise_core::source::{ExampleSource, Header, Rows, Survey};
use basewise_core::{Alphabet, Code, SequenceBatch, Split, TaskKind};

/// Rows that become a batch.
pub(super) struct Job {
    /// 0-based.
    pub(super) epoch: usize,
    pub(super) rows: Rows,
    /// The number of each row in its split.
    pub(super) ranks: Vec<u64>,
}

/// What the network sees in a step, or in a part of one.
pub(super) struct Batch {
    pub(super) sequences: SequenceBatch,
    /// Of each row, without margins.
    labels: Vec<Vec<f64>>,
    /// How much each row counts.
    weights: Vec<f64>,
    /// Rows of which others took a stretch.
    loans: Vec<Loan>,
}

/// A stretch that one row took from another.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Loan {
    from: usize,
    to: usize,
    /// Share of the positions, above 0 and below 1.
    share: f64,
}

impl Batch {
    /// The labels that each row is held against: its own, and those of the row that it took a stretch from, by the share
    /// of positions; each counts by the weight of the row whose labels they are.
    pub(super) fn targets(&self) -> Vec<Target<'_>> {
        let own = |row: usize| Target { row, labels: &self.labels[row], weight: self.weights[row] };
        let mut targets: Vec<Target<'_>> = (0..self.labels.len()).map(own).collect();
        for loan in &self.loans {
            targets[loan.to].weight = (1.0 - loan.share) * self.weights[loan.to];
            let weight = loan.share * self.weights[loan.from];
            targets.push(Target { row: loan.to, labels: &self.labels[loan.from], weight });
        }
        targets
    }
}

/// Rows as training sees them in an epoch: shifted, turned and mutated, each a function of seed, epoch and row, and then
/// recombined with others of the batch. Bins of profiles and of the control move and turn with their sequence.
pub(super) fn prepare(job: &Job, header: &Header, config: &TrainConfig) -> Batch {
    let mut sequences = empty(header);
    let mut labels = Vec::with_capacity(job.ranks.len());
    let unit = shift_unit(&header.tasks);
    for (i, &rank) in job.ranks.iter().enumerate() {
        let key = [job.epoch as u64, rank];
        let codes = job.rows.codes(i);
        let shift = shift(codes.len(), header, unit, config.seed, &key);
        sequences.push_codes(match shift {
            Some((start, _)) => &codes[start..start + header.length],
            None => codes,
        });
        let by = shift.map_or(0, |(_, by)| by);
        push_beside(&mut sequences, header, &job.rows, i, by);
        let mut own = shifted_labels(&header.tasks, job.rows.labels(i), header.jitter, by);
        if config.reverse_complement && uniform(&mut stream(config.seed, "strand", &key)) < 0.5 {
            sequences.reverse_complement(i);
            reverse_labels(&header.tasks, &mut own);
        }
        if config.mutation_rate > 0.0 {
            mutate(sequences.sequence_mut(i), config.mutation_rate, &mut stream(config.seed, "mutation", &key));
        }
        labels.push(own);
    }
    let weights = (0..job.rows.len()).map(|row| job.rows.weight(row)).collect();
    let loans = recombine(&mut sequences, job, config);
    Batch { sequences, labels, weights, loans }
}

/// No sequences yet, with what lies beside them.
fn empty(header: &Header) -> SequenceBatch {
    SequenceBatch::new(header.encoding, header.length).with_control(header.control.as_ref())
}

/// Gives the sequence that was pushed last what lies beside row `row`, of the control that of a window shifted by `shift`.
fn push_beside(sequences: &mut SequenceBatch, header: &Header, rows: &Rows, row: usize, shift: isize) {
    sequences.push_covariates(&header.covariates, rows.covariates(row).iter().copied());
    if let Some(control) = &header.control {
        sequences.push_control(control.shifted(rows.control(row), header.jitter, shift));
    }
}

/// Replaces known bases, each with this probability, by one of the other three. Marks stay.
fn mutate(codes: &mut [Code], rate: f64, rng: &mut Stream) {
    for code in codes {
        if uniform(rng) < rate && code.base() < 4 {
            *code = code.with_base((code.base() + 1 + below(rng, 3) as u8) % 4);
        }
    }
}

/// Puts a stretch of another row of the batch in the place of a row's own (CutMix, Yun et al. 2019): its share of the
/// positions is uniform, as that paper has it for images. Its numbers beside the sequence become those of both by the same
/// shares, as its labels do. Rows lend what they were before any was recombined.
fn recombine(sequences: &mut SequenceBatch, job: &Job, config: &TrainConfig) -> Vec<Loan> {
    let (count, length) = (sequences.len(), sequences.length());
    if config.cutmix == 0.0 || count < 2 {
        return Vec::new();
    }
    let whole = sequences.clone();
    let mut loans = Vec::new();
    for (to, &rank) in job.ranks.iter().enumerate() {
        let rng = &mut stream(config.seed, "cutmix", &[job.epoch as u64, rank]);
        if uniform(rng) >= config.cutmix {
            continue;
        }
        let from = (to + 1 + below(rng, count - 1)) % count;
        let width = (uniform(rng) * length as f64).round() as usize;
        let start = below(rng, length - width + 1);
        if width > 0 && width < length {
            let stretch = start..start + width;
            sequences.sequence_mut(to)[stretch.clone()].copy_from_slice(&whole.sequence(from)[stretch]);
            let share = width as f64 / length as f64;
            sequences.blend_side(to, &whole, from, share);
            loans.push(Loan { from, to, share });
        }
    }
    loans
}

/// Where the window begins at a random shift of at most `jitter`, as far as there are bases, and by how much that is
/// beside the middle: a multiple of `unit`. `None` where there is no room.
fn shift(letters: usize, header: &Header, unit: usize, seed: u64, key: &[u64]) -> Option<(usize, isize)> {
    let Header { length, jitter, .. } = *header;
    let room = letters.checked_sub(length).filter(|&room| room > 0 && jitter > 0)?;
    let centre = room / 2;
    let (down, up) = (centre.min(jitter) / unit, (room - centre).min(jitter) / unit);
    let start = centre - down * unit + unit * below(&mut stream(seed, "jitter", key), down + up + 1);
    Some((start, start as isize - centre as isize))
}

/// Rows as they are, for evaluation.
pub(super) fn plain(rows: &Rows, range: std::ops::Range<usize>, header: &Header) -> Batch {
    let mut sequences = empty(header);
    for row in range.clone() {
        sequences.push_codes(rows.codes(row));
        push_beside(&mut sequences, header, rows, row, 0);
    }
    let weights = range.clone().map(|row| rows.weight(row)).collect();
    let labels = range.map(|row| shifted_labels(&header.tasks, rows.labels(row), header.jitter, 0)).collect();
    Batch { sequences, labels, weights, loans: Vec::new() }
}

/// One look at all splits and labels, and everything checked that would make training meaningless.
pub(super) fn survey(source: &dyn ExampleSource, config: &TrainConfig) -> Result<Survey, TrainError> {
    let header = source.header();
    if config.reverse_complement && header.encoding.alphabet == Alphabet::Rna {
        return Err(TrainError::Config("reverse_complement: RNA is read from one strand only; switch it off".into()));
    }
    let signal = header.tasks.iter().any(|task| matches!(task.kind, TaskKind::Profile(_)));
    if config.cutmix > 0.0 && (signal || header.control.is_some()) {
        let message = "cutmix: signal along a sequence cannot be recombined by shares; switch it off";
        return Err(TrainError::Config(message.into()));
    }
    let survey = source.survey()?;
    if header.tasks.is_empty() {
        return Err(TrainError::Config("the data set has no task to learn".into()));
    }
    for split in [Split::Train, Split::Valid] {
        if survey.rows(split) == 0 {
            return Err(TrainError::EmptySplit(split));
        }
        if (0..header.tasks.len()).all(|t| survey.known(t, split).count == 0) {
            return Err(TrainError::NoLabels(split));
        }
    }
    Ok(survey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DNA, task};
    use basewise_core::source::Row;

    fn header(length: usize, jitter: usize) -> Header {
        Header {
            encoding: DNA,
            length,
            jitter,
            tasks: vec![task("y", TaskKind::Binary)],
            covariates: vec![],
            control: None,
        }
    }

    fn rows(header: &Header, sequences: &[&str]) -> Rows {
        let mut rows = Rows::new(header);
        sequences.iter().for_each(|s| rows.push(&DNA.encode(s.as_bytes()).unwrap(), &[1.0], &[]));
        rows
    }

    fn bases(batch: &SequenceBatch, i: usize) -> Vec<u8> {
        batch.sequence(i).iter().map(|c| c.base()).collect()
    }

    /// The different ways in which a sequence is seen over some epochs.
    fn seen(header: &Header, sequence: &str, epochs: usize) -> Vec<Vec<u8>> {
        let job = |epoch| Job { epoch, rows: rows(header, &[sequence]), ranks: vec![0] };
        let config = TrainConfig::default();
        let mut seen: Vec<_> =
            (0..epochs).map(|epoch| bases(&prepare(&job(epoch), header, &config).sequences, 0)).collect();
        seen.sort();
        seen.dedup();
        seen
    }

    #[test]
    fn jitter_stays_within_its_margin_and_reaches_both_ends() {
        let header = header(4, 1);
        assert_eq!(seen(&header, "AACGTT", 60), [[0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 3]]);
        assert_eq!(bases(&plain(&rows(&header, &["AACGTT"]), 0..1, &header).sequences, 0), [0, 1, 2, 3]);
        // What lies beyond the margins is never seen.
        assert_eq!(seen(&header, "GGAACGTTGG", 60), seen(&header, "AACGTT", 60));
    }

    #[test]
    fn short_sequences_are_not_shifted_and_an_odd_margin_is_used() {
        assert_eq!(seen(&header(4, 3), "CG", 9), [[4, 1, 2, 4]]);
        assert_eq!(seen(&header(4, 3), "ACGTA", 30), [[0, 1, 2, 3], [1, 2, 3, 0]]);
    }

    #[test]
    fn bins_of_profiles_move_and_turn_with_their_sequence() {
        use basewise_core::{ControlSignal, Profile};
        let tracks = ["plus", "minus"].map(str::to_owned).to_vec();
        // The control is given the same numbers.
        let control = ControlSignal { tracks: tracks.clone(), bins: 3, bin_size: 2, strand_pairs: vec![[0, 1]] };
        let profile = Profile { tracks, bins: 3, bin_size: 2, strand_pairs: vec![[0, 1]], count_weight: 1.0 };
        let tasks = vec![task("p", TaskKind::Profile(profile))];
        let header = Header { encoding: DNA, length: 10, jitter: 4, tasks, covariates: vec![], control: Some(control) };
        // Each base is a code, and each bin of the plus strand names the place of its first base; minus is 100 more.
        let letters: String = (0..18).map(|i| ["A", "C", "G", "T"][i % 4]).collect();
        let bins = |offset: f64| (0..7).map(move |bin| offset + f64::from(2 + 2 * bin));
        let labels: Vec<f64> = bins(0.0).chain(bins(100.0)).collect();
        let mut rows = Rows::new(&header);
        let codes = DNA.encode(letters.as_bytes()).unwrap();
        rows.push_row(Row { codes: &codes, labels: &labels, covariates: &[], control: &labels, weight: 1.0 });
        let beside = |batch: &Batch| batch.sequences.side().iter().map(|&bin| f64::from(bin)).collect::<Vec<f64>>();
        let config = TrainConfig { reverse_complement: true, ..TrainConfig::default() };
        let mut starts = std::collections::BTreeSet::new();
        for epoch in 0..200 {
            let job = Job { epoch, rows: rows.clone(), ranks: vec![0] };
            let batch = prepare(&job, &header, &config);
            let mut own = batch.labels[0].clone();
            assert_eq!(beside(&batch), own);
            let turned = own[0] >= 100.0;
            if turned {
                own = [&own[3..], &own[..3]].concat().chunks(3).flat_map(|bins| bins.iter().rev().copied()).collect();
            }
            // The output window begins 2 bases into the window.
            let start = own[0] as usize - 2;
            assert_eq!(own, [0., 2., 4., 100., 102., 104.].map(|bin| bin + (start + 2) as f64));
            let mut expected: Vec<Code> = rows.codes(0)[start..start + 10].to_vec();
            if turned {
                expected = expected.into_iter().rev().map(Code::complement).collect();
            }
            assert_eq!(batch.sequences.sequence(0), expected, "epoch {epoch}");
            starts.insert((start, turned));
        }
        let expected = [0, 2, 4, 6, 8].into_iter().flat_map(|start| [(start, false), (start, true)]);
        assert_eq!(starts, expected.collect());
        let plain = plain(&rows, 0..1, &header);
        assert_eq!(plain.labels[0], [6., 8., 10., 106., 108., 110.]);
        assert_eq!(beside(&plain), plain.labels[0]);
    }

    #[test]
    fn bases_mutate_at_their_rate_into_all_others_and_unknown_ones_do_not() {
        let header = header(1000, 0);
        let config = TrainConfig { mutation_rate: 0.1, ..TrainConfig::default() };
        let sequence = "A".repeat(900) + &"N".repeat(100);
        let view = |epoch, config: &TrainConfig| {
            let job = Job { epoch, rows: rows(&header, &[&sequence]), ranks: vec![0] };
            bases(&prepare(&job, &header, config).sequences, 0)
        };
        let seen = view(0, &config);
        let count = |base: u8| seen.iter().filter(|&&found| found == base).count();
        assert_eq!(count(4), 100);
        assert!((1..=3).all(|base| (15..50).contains(&count(base))), "{seen:?}");
        assert_ne!(seen, view(1, &config));
        assert_eq!(view(0, &TrainConfig::default())[..900], [0; 900]);
    }

    #[test]
    fn recombined_rows_are_made_of_two_and_labelled_by_their_shares() {
        let header = header(10, 0);
        let mut given = Rows::new(&header);
        for (letter, label) in ["A", "C", "G"].iter().zip([0.0, 1.0, f64::NAN]) {
            given.push(&DNA.encode(letter.repeat(10).as_bytes()).unwrap(), &[label], &[]);
        }
        let job = |epoch| Job { epoch, rows: given.clone(), ranks: vec![0, 1, 2] };
        let config = TrainConfig { cutmix: 1.0, ..TrainConfig::default() };
        let mut mixed = 0;
        for epoch in 0..40 {
            let batch = prepare(&job(epoch), &header, &config);
            let targets = batch.targets();
            for row in 0..3 {
                let own: Vec<&Target> = targets.iter().filter(|target| target.row == row).collect();
                assert!((own.iter().map(|target| target.weight).sum::<f64>() - 1.0).abs() < 1e-12);
                let [first, second] = own[..] else { continue };
                mixed += 1;
                let from =
                    (0..3u8).find(|&other| second.labels[0].to_bits() == given.labels(other.into())[0].to_bits());
                let bases = bases(&batch.sequences, row);
                let borrowed: Vec<usize> = (0..10).filter(|&at| Some(bases[at]) == from).collect();
                assert!((borrowed.len() as f64 - 10.0 * second.weight).abs() < 1e-9);
                assert_eq!(borrowed.len() - 1, borrowed[borrowed.len() - 1] - borrowed[0]);
                assert_eq!(bases.iter().filter(|&&base| usize::from(base) == row).count(), 10 - borrowed.len());
                assert_eq!(first.labels[0].to_bits(), given.labels(row)[0].to_bits());
            }
        }
        assert!(mixed > 90, "{mixed}");
        assert!(prepare(&job(0), &header, &TrainConfig::default()).loans.is_empty());
    }

    #[test]
    fn rows_keep_their_weights_and_lend_them_with_their_labels() {
        let header = header(10, 0);
        let mut given = Rows::new(&header);
        for (letter, weight) in ["A", "C", "G"].iter().zip([0.0, 2.0, 5.0]) {
            let codes = DNA.encode(letter.repeat(10).as_bytes()).unwrap();
            given.push_row(Row { codes: &codes, labels: &[weight], covariates: &[], control: &[], weight });
        }
        let weights = |batch: &Batch| batch.targets().iter().map(|target| target.weight).collect::<Vec<f64>>();
        assert_eq!(weights(&plain(&given, 1..3, &header)), [2.0, 5.0]);
        let job = |epoch| Job { epoch, rows: given.clone(), ranks: vec![0, 1, 2] };
        assert_eq!(weights(&prepare(&job(0), &header, &TrainConfig::default())), [0.0, 2.0, 5.0]);
        let batch = prepare(&job(1), &header, &TrainConfig { cutmix: 1.0, ..TrainConfig::default() });
        let loans: Vec<Loan> = batch.loans.clone();
        assert!(!loans.is_empty());
        for (loan, target) in loans.iter().zip(&batch.targets()[3..]) {
            // The label says whose it is, and so what it weighs.
            assert_eq!(target.weight, loan.share * target.labels[0]);
        }
    }

    #[test]
    fn both_strands_are_read_and_neither_depends_on_the_batch() {
        let header = header(4, 0);
        let config = TrainConfig { reverse_complement: true, ..TrainConfig::default() };
        let view = |epoch, ranks: &[u64]| {
            let job = Job { epoch, rows: rows(&header, &vec!["AACC"; ranks.len()]), ranks: ranks.to_vec() };
            bases(&prepare(&job, &header, &config).sequences, ranks.len() - 1)
        };
        let runs: Vec<Vec<u8>> = (0..40).map(|epoch| view(epoch, &[1])).collect();
        let reverse = runs.iter().filter(|run| **run == [2, 2, 3, 3]).count();
        assert!((8..32).contains(&reverse), "{reverse}");
        for (epoch, run) in runs.iter().enumerate() {
            assert_eq!(*run, view(epoch, &[0, 1]));
        }
    }
}
