//! Why nothing was found.

/// What is wrong with rows, settings or labels. Rows and columns count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnsupervisedError {
    /// A setting out of its range.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// Name of the field.
        name: &'static str,
        /// Its range.
        expected: String,
        /// The value.
        found: String,
    },
    /// A value that is infinite or missing.
    #[error("row {row}, column {column}: expected a finite number, found {found}")]
    NotFinite {
        /// Row of the input.
        row: usize,
        /// Column of the input.
        column: usize,
        /// The value.
        found: f32,
    },
    /// Too little to work with.
    #[error("expected at least {expected} {what}, found {found}")]
    TooFew {
        /// `rows`, `columns` or `different rows`.
        what: &'static str,
        /// The least number.
        expected: usize,
        /// The number there is.
        found: usize,
    },
    /// Another number of columns than the model was fitted on.
    #[error(
        "expected the {expected} columns of the fit, found {found}\nhint: give the columns of the fit, in its order"
    )]
    Columns {
        /// Columns of the fit.
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// Labels that do not go with the rows.
    #[error("expected {expected} {what}, one for each row, found {found}")]
    Lengths {
        /// What there should be one of for each row.
        what: &'static str,
        /// Rows.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A value below 0 where counts or weights are expected.
    #[error("row {row}, column {column}: expected a number that is not negative, found {found}\nhint: {hint}")]
    Negative {
        /// Row of the input.
        row: usize,
        /// Column of the input.
        column: usize,
        /// The value.
        found: f32,
        /// What to give instead.
        hint: &'static str,
    },
    /// Eigenvalues that were not found.
    #[error(
        "the eigenvalues of a {size} x {size} matrix did not converge\nhint: look for columns of very different scale"
    )]
    Eigen {
        /// Rows of the matrix.
        size: usize,
    },
}

impl UnsupervisedError {
    /// Refuses a setting unless `fine`.
    pub(super) fn unless(
        fine: bool,
        name: &'static str,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Result<(), Self> {
        if fine { Ok(()) } else { Err(Self::Setting { name, expected: expected.into(), found: found.to_string() }) }
    }

    /// Refuses fewer than `expected`.
    pub(super) fn at_least(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if found >= expected { Ok(()) } else { Err(Self::TooFew { what, expected, found }) }
    }
}
