//! Why there is no autoencoder.

/// What was wrong with settings, values or training.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AutoencoderError {
    /// A setting that cannot be.
    #[error("{setting}: expected {expected}, found {found}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What can be.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A value that is not finite, or no count where counts are needed.
    #[error("cell {cell}, gene {gene}: expected {expected}, found {found}")]
    Value {
        /// 0-based row.
        cell: usize,
        /// 0-based column.
        gene: usize,
        /// What can be.
        expected: &'static str,
        /// What was there.
        found: f32,
    },
    /// Cells without any count.
    #[error("cell {cell}: expected counts, found none\nhint: leave out cells without counts first")]
    Empty {
        /// 0-based row.
        cell: usize,
    },
    /// Too few cells to train on.
    #[error("expected at least {expected} cells to train on, found {found}")]
    Few {
        /// The least number.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Another number of genes or batches than in training.
    #[error("expected {expected} {what}, as in training, found {found}")]
    Size {
        /// Genes or batches.
        what: &'static str,
        /// As in training.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// Training left the numbers.
    #[error("epoch {epoch}: expected a finite loss, found {loss}\nhint: a lower learning rate may help")]
    Diverged {
        /// From 1.
        epoch: usize,
        /// What it was.
        loss: f64,
    },
}
