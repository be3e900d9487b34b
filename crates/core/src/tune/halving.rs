//! Successive halving: all trials get a few epochs, the better ones more, the best ones all.

use super::Finished;

/// Trials that are trained up to the same number of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Epochs by the end of it, those before included.
    pub epochs: usize,
    /// Trials that take part.
    pub trials: usize,
}

/// Why there is no such ladder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HalvingError {
    /// A ladder that does not narrow.
    #[error("expected to keep one of 2 or more trials at each rung, found one of {0}")]
    Factor(usize),
    /// No first rung.
    #[error("expected a first rung of 1 to {most} epochs, found {least}")]
    Epochs {
        /// As asked.
        least: usize,
        /// Epochs of the last rung.
        most: usize,
    },
}

/// The rungs of successive halving (Jamieson and Talwalkar 2016): the first has all `trials` and `least` epochs; each
/// next one `factor` times the epochs and one in `factor` of the trials, down to one; the last has `most` epochs.
///
/// # Errors
/// See [`HalvingError`].
pub fn rungs(trials: usize, least: usize, most: usize, factor: usize) -> Result<Vec<Rung>, HalvingError> {
    if factor < 2 {
        return Err(HalvingError::Factor(factor));
    }
    if least == 0 || least > most {
        return Err(HalvingError::Epochs { least, most });
    }
    let mut rungs = vec![Rung { epochs: least, trials }];
    while let Some(&Rung { epochs, trials }) = rungs.last().filter(|rung| rung.epochs < most) {
        rungs.push(Rung { epochs: epochs.saturating_mul(factor).min(most), trials: (trials / factor).max(1) });
    }
    Ok(rungs)
}

/// The numbers of the best `keep` of the trials, ascending; of equal ones the earlier. Failed trials are never kept.
pub fn promote(finished: &[Finished], keep: usize) -> Vec<usize> {
    let mut order: Vec<&Finished> = finished.iter().filter(|trial| trial.rank() < f64::INFINITY).collect();
    order.sort_by(|a, b| a.rank().total_cmp(&b.rank()).then(a.trial.cmp(&b.trial)));
    let mut kept: Vec<usize> = order.into_iter().take(keep).map(|trial| trial.trial).collect();
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_grow_by_the_factor_and_end_with_all_epochs() {
        let ladder = |trials, least, most, factor| {
            let rungs = rungs(trials, least, most, factor).unwrap();
            rungs.into_iter().map(|rung| (rung.epochs, rung.trials)).collect::<Vec<_>>()
        };
        assert_eq!(ladder(27, 1, 27, 3), [(1, 27), (3, 9), (9, 3), (27, 1)]);
        assert_eq!(ladder(10, 2, 30, 3), [(2, 10), (6, 3), (18, 1), (30, 1)]);
        assert_eq!(ladder(5, 4, 4, 2), [(4, 5)]);
        assert_eq!(rungs(5, 0, 4, 2), Err(HalvingError::Epochs { least: 0, most: 4 }));
        assert_eq!(rungs(5, 5, 4, 2), Err(HalvingError::Epochs { least: 5, most: 4 }));
        assert_eq!(rungs(5, 1, 4, 1), Err(HalvingError::Factor(1)));
    }

    #[test]
    fn the_best_go_on_and_failed_ones_never_do() {
        let scores = [Some(0.5), None, Some(0.2), Some(0.5), Some(f64::NAN)];
        let finished: Vec<Finished> =
            scores.into_iter().enumerate().map(|(trial, score)| Finished { trial, point: vec![], score }).collect();
        assert_eq!(promote(&finished, 2), [0, 2]);
        assert_eq!(promote(&finished, 9), [0, 2, 3]);
        assert!(promote(&[], 1).is_empty());
    }
}
