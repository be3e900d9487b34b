//! Why no tree could be grown, or why a tree cannot read these features.

/// What is wrong with examples, settings or features. Rows count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// Labels or weights do not go with the rows of the features.
    #[error("expected {expected} {what}, one for each row of the features, found {found}")]
    Lengths {
        /// `labels` or `weights`.
        what: &'static str,
        /// Rows of the features.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A label that the criterion or the loss has no meaning for.
    #[error("label of row {row}: expected {expected}, found {found}")]
    Label {
        /// Row of the features.
        row: usize,
        /// What a label may be.
        expected: String,
        /// The label.
        found: f64,
    },
    /// A weight below 0 or not finite.
    #[error("weight of row {row}: expected a finite number that is not negative, found {found}")]
    Weight {
        /// Row of the features.
        row: usize,
        /// The weight.
        found: f64,
    },
    /// A feature that is infinite.
    #[error("feature {name:?}, row {row}: expected a finite number, or NaN where it is missing, found {found}")]
    Infinite {
        /// Name of the column.
        name: String,
        /// Row of the features.
        row: usize,
        /// The value.
        found: f32,
    },
    /// Nothing to learn from.
    #[error("expected an example with a known label and a weight above 0, found none in {rows} rows")]
    NoExamples {
        /// Rows of the features.
        rows: usize,
    },
    /// Nothing to split on.
    #[error("expected at least one feature, found none")]
    NoFeatures,
    /// More rows than the sums of a histogram can hold.
    #[error("expected fewer than {most} rows, found {found}")]
    TooManyRows {
        /// First number that is too large.
        most: usize,
        /// Rows of the features.
        found: usize,
    },
    /// A class without examples.
    #[error(
        "class {class} of {classes}: expected an example with a weight above 0, found none\nhint: leave the class out, \
         or split the data so that each class has training examples"
    )]
    EmptyClass {
        /// Number of the class, from 0.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A setting out of its range.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// Name of the field.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// Another number of features than in training.
    #[error(
        "expected the {expected} features of training, found {found}\nhint: extract features with the settings that \
         the model was trained with"
    )]
    Columns {
        /// Features in training.
        expected: usize,
        /// Features given.
        found: usize,
    },
    /// Another feature than in training.
    #[error(
        "feature {column}: expected {expected:?} as in training, found {found:?}\nhint: extract features with the \
         settings that the model was trained with"
    )]
    Name {
        /// Place of the column, from 0.
        column: usize,
        /// Its name in training.
        expected: String,
        /// Its name now.
        found: String,
    },
}

impl TreeError {
    /// Refuses a setting unless `fine`.
    pub(super) fn unless(
        fine: bool,
        name: &'static str,
        expected: &'static str,
        found: impl ToString,
    ) -> Result<(), Self> {
        if fine { Ok(()) } else { Err(Self::Setting { name, expected, found: found.to_string() }) }
    }
}
