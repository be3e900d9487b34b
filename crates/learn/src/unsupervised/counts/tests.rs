use super::*;

fn counts() -> Csr {
    Csr::from_dense(&Matrix::new(3, 2, vec![1.0, 3.0, 0.0, 0.0, 4.0, 4.0]))
}

#[test]
fn rows_get_the_median_of_their_sums() {
    let mut x = counts();
    assert_eq!(normalize(&mut x, None).unwrap(), 6.0);
    assert_eq!(x.to_dense().data(), [1.5, 4.5, 0.0, 0.0, 3.0, 3.0]);
    assert_eq!(normalize(&mut x, Some(1.0)).unwrap(), 1.0);
    assert_eq!(totals(&x), [1.0, 0.0, 1.0]);
    log1p(&mut x).unwrap();
    assert!((x.values[0] - 0.25f32.ln_1p()).abs() < 1e-7);
    assert!(normalize(&mut x, Some(0.0)).is_err());
    assert_eq!(normalize(&mut Csr { rows: 1, columns: 1, starts: vec![0, 0], ..Csr::default() }, None).unwrap(), 1.0);
}

#[test]
fn values_that_are_no_counts_are_refused() {
    let mut x = counts();
    x.values[2] = -1.0;
    let error = normalize(&mut x, None).unwrap_err().to_string();
    assert!(error.starts_with("row 2, column 0: expected a number that is not negative, found -1"), "{error}");
    assert!(highly_variable(&x, &VariableOptions::default()).is_err());
}

#[test]
fn standardized_columns_have_mean_0_and_variance_1() {
    let x = standardize(&counts(), None).unwrap();
    for j in 0..2 {
        let column: Vec<f64> = x.column(j).map(f64::from).collect();
        let squares: f64 = column.iter().map(|v| v * v).sum();
        assert!(column.iter().sum::<f64>().abs() < 1e-6 && (squares - 2.0).abs() < 1e-6);
    }
    assert!(standardize(&counts(), Some(0.5)).unwrap().data().iter().all(|v| v.abs() <= 0.5));
}

#[test]
fn a_column_that_varies_more_than_its_like_is_chosen() {
    // 8 or 12 in turns, times 1 to 4; in the last column 1 or 19 times 4, with the mean of nine others.
    let value = |i: usize, j: usize| match (i % 2, j) {
        (0, 39) => 1.0,
        (1, 39) => 19.0,
        (0, _) => 8.0 + j as f32 / 20.0,
        _ => 12.0 - j as f32 / 20.0,
    };
    let scaled = |at: usize| value(at / 40, at % 40) * (1 + at % 4) as f32;
    let mut x = Csr::from_dense(&Matrix::new(20, 40, (0..800).map(scaled).collect()));
    for flavor in [Flavor::SeuratV3, Flavor::Seurat] {
        if flavor == Flavor::Seurat {
            log1p(&mut x).unwrap();
        }
        let options = VariableOptions { flavor, top: Some(1), ..VariableOptions::default() };
        let found = highly_variable(&x, &options).unwrap();
        assert!((0..40).all(|j| found[j].chosen == (j == 39)), "{flavor:?}");
    }
}

#[test]
fn blocks_of_rows_give_the_same_variable_columns() {
    let value = |at: usize| if at.is_multiple_of(3) { 0.0 } else { ((at * 7919) % 23) as f32 / 4.0 };
    let x = Csr::from_dense(&Matrix::new(30, 700, (0..21_000).map(value).collect()));
    let options = VariableOptions { top: Some(50), ..VariableOptions::default() };
    let all = highly_variable(&x, &options).unwrap();
    // By the moments of whole columns.
    let (mean, variance) = moments(&x, |x| f64::from(x).exp_m1());
    let dispersion = |j: usize| (variance[j] / mean[j]).ln();
    assert!((0..700).all(|j| all[j].mean == mean[j].ln_1p() && all[j].dispersion == Some(dispersion(j))));
    let mut sums = VariableSums::new(700);
    for pass in 0..2 {
        for range in [0..1, 1..1, 1..17, 17..29, 29..30] {
            sums.add(&x.slice_rows(range)).unwrap();
        }
        if pass == 0 {
            sums.centre();
        }
    }
    assert_eq!(sums.finish(&options).unwrap(), all);
    assert!(VariableSums::new(3).finish(&options).is_err());
    assert!(VariableSums::new(3).add(&x).is_err());
}
