//! What is known of cells and of genes: named columns beside their names.

/// Names and described properties of cells, or of genes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// A name a row.
    pub ids: Vec<String>,
    /// Columns by name, each as long as `ids`.
    pub columns: Vec<(String, Column)>,
}

/// A column; `None` and NaN are missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Any text.
    Text(Vec<Option<String>>),
    /// Numbers with a fraction.
    Number(Vec<f64>),
    /// Whole numbers.
    Whole(Vec<Option<i64>>),
    /// Yes or no.
    Flag(Vec<Option<bool>>),
    /// One of a few names.
    Category {
        /// The names.
        names: Vec<String>,
        /// Which of them each row has.
        codes: Vec<Option<u32>>,
        /// Whether the order of the names means something.
        ordered: bool,
    },
}

/// All digits; those of a p-value may begin with 300 zeros.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-5 { format!("{value:e}") } else { value.to_string() }
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Category { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A category of `codes` into `names`.
    pub fn category(names: Vec<String>, codes: impl IntoIterator<Item = Option<u32>>) -> Self {
        Self::Category { names, codes: codes.into_iter().collect(), ordered: false }
    }

    /// The value of a row as text; `None` is missing.
    pub fn text(&self, row: usize) -> Option<String> {
        match self {
            Self::Text(values) => values[row].clone(),
            Self::Number(values) => Some(values[row]).filter(|value| !value.is_nan()).map(number),
            Self::Whole(values) => values[row].map(|value| value.to_string()),
            Self::Flag(values) => values[row].map(|value| value.to_string()),
            Self::Category { names, codes, .. } => codes[row].and_then(|code| names.get(code as usize)).cloned(),
        }
    }

    /// The rows `kept` alone, in that order.
    #[must_use]
    pub fn select(&self, kept: &[usize]) -> Self {
        fn of<T: Clone>(values: &[T], kept: &[usize]) -> Vec<T> {
            kept.iter().map(|&row| values[row].clone()).collect()
        }
        match self {
            Self::Text(values) => Self::Text(of(values, kept)),
            Self::Number(values) => Self::Number(of(values, kept)),
            Self::Whole(values) => Self::Whole(of(values, kept)),
            Self::Flag(values) => Self::Flag(of(values, kept)),
            Self::Category { names, codes, ordered } => {
                Self::Category { names: names.clone(), codes: of(codes, kept), ordered: *ordered }
            }
        }
    }

    /// A column of `rows` rows with these values at `kept`, in that order, and nothing elsewhere (flags are false there).
    #[must_use]
    pub fn scatter(&self, kept: &[usize], rows: usize) -> Self {
        fn to<T: Clone>(values: &[T], kept: &[usize], rows: usize, missing: T) -> Vec<T> {
            let mut all = vec![missing; rows];
            for (value, &row) in values.iter().zip(kept) {
                all[row] = value.clone();
            }
            all
        }
        match self {
            Self::Text(values) => Self::Text(to(values, kept, rows, None)),
            Self::Number(values) => Self::Number(to(values, kept, rows, f64::NAN)),
            Self::Whole(values) => Self::Whole(to(values, kept, rows, None)),
            Self::Flag(values) => Self::Flag(to(values, kept, rows, Some(false))),
            Self::Category { names, codes, ordered } => {
                Self::Category { names: names.clone(), codes: to(codes, kept, rows, None), ordered: *ordered }
            }
        }
    }
}

impl Frame {
    /// Names alone.
    pub fn named(ids: Vec<String>) -> Self {
        Self { ids, columns: Vec::new() }
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(own, _)| own == name).map(|(_, column)| column)
    }

    /// The rows `kept` alone, in that order.
    #[must_use]
    pub fn select(&self, kept: &[usize]) -> Self {
        let ids = kept.iter().map(|&row| self.ids[row].clone()).collect();
        let columns = self.columns.iter().map(|(name, column)| (name.clone(), column.select(kept))).collect();
        Self { ids, columns }
    }
}
