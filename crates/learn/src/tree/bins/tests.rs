use super::*;
use crate::tree::statistics::Statistics;
use proptest::prelude::*;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("f{i}")).collect()
}

/// The same numbers as a sparse matrix.
fn sparse(dense: &Features) -> Features {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..dense.rows() {
        for (column, value) in dense.row(row).filter(|&(_, value)| value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        starts.push(values.len());
    }
    Features::sparse(dense.names().to_vec(), starts, columns, values).unwrap()
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![4 => Just(0.0f32), 1 => Just(f32::NAN), 3 => (-4i8..5).prop_map(f32::from), 2 => -1.0f32..1.0]
}

/// Histograms of all features from their definition.
fn naive(features: &Features, binned: &Binned, rows: &[u32], statistics: &Statistics) -> Vec<i64> {
    let lanes = statistics.units().lanes;
    let mut histogram = vec![0; binned.all_bins() * lanes];
    for &row in rows {
        for feature in 0..features.columns() {
            let bin = usize::from(binned.edges[feature].bin(features.get(row as usize, feature)));
            let place = (binned.offsets[feature] + bin) * lanes;
            add(&mut histogram[place..place + lanes], &statistics.total(&[row]));
        }
    }
    histogram
}

fn filled(binned: &Binned, rows: &[u32], statistics: &Statistics) -> Vec<i64> {
    let (lanes, mut ordered) = (statistics.units().lanes, Vec::new());
    statistics.gather(rows, &mut ordered);
    let total = statistics.total(rows);
    let mut histogram = vec![7; binned.all_bins() * lanes];
    let wanted = vec![true; binned.features()];
    for group in binned.groups() {
        let place = binned.offsets[group.start] * lanes..binned.offsets[group.end] * lanes;
        binned.fill_group(group, &wanted, (rows, &ordered, &total), &mut histogram[place]);
    }
    for feature in 0..binned.features() {
        let place = binned.place(feature);
        let mut own = vec![7; place.len() * lanes];
        binned.fill_feature(feature, rows, &ordered, &total, &mut own);
        assert_eq!(own, histogram[place.start * lanes..place.end * lanes]);
    }
    histogram
}

proptest! {
    #[test]
    fn all_layouts_fill_the_histograms_of_the_definition(
        (rows, columns, lanes, most) in (1usize..90, 1usize..40, 2usize..5, 2usize..20),
        numbers in proptest::collection::vec(number(), 90 * 40),
        kept in proptest::collection::vec(any::<bool>(), 90),
    ) {
        let dense = Features::dense(names(columns), rows, numbers[..rows * columns].to_vec()).unwrap();
        let weights: Vec<f64> = (0..rows).map(|row| 1.0 + row as f64).collect();
        let values: Vec<f64> = (0..rows * (lanes - 1)).map(|i| (i as f64).sin()).collect();
        let statistics = Statistics::new(lanes, &values, &weights);
        let rows: Vec<u32> = (0..rows as u32).filter(|&row| kept[row as usize]).collect();
        let one = Binned::new(&dense, most, Layout::DenseUpTo(usize::MAX >> 3), 1).unwrap();
        let blocks = Binned::new(&sparse(&dense), most, Layout::Blocks, 1).unwrap();
        let by_column = Binned::new(&sparse(&dense), most, Layout::DenseUpTo(0), 1).unwrap();
        prop_assert!(matches!((&one.store, &blocks.store), (Store::Dense(_), Store::Sparse(_))));
        prop_assert!(matches!(&by_column.store, Store::Columns(_)));
        prop_assert_eq!(&one.edges, &blocks.edges);
        let expected = naive(&dense, &one, &rows, &statistics);
        for binned in [&one, &blocks, &by_column] {
            prop_assert_eq!(&filled(binned, &rows, &statistics), &expected);
        }
        for feature in 0..columns {
            for (bin, missing_left) in [(0, false), (one.bins(feature) / 2, true)] {
                let mut first = rows.clone();
                let left = one.partition(feature, (bin, missing_left), &mut first, &mut Vec::new());
                for other in [&blocks, &by_column] {
                    let mut second = rows.clone();
                    prop_assert_eq!(left, other.partition(feature, (bin, missing_left), &mut second, &mut Vec::new()));
                    prop_assert_eq!(&first, &second);
                }
                for (place, &row) in first.iter().enumerate() {
                    let value = dense.get(row as usize, feature);
                    let is_left = if value.is_nan() { missing_left } else { usize::from(one.edges[feature].bin(value)) <= bin };
                    prop_assert_eq!(is_left, place < left);
                }
            }
        }
    }
}

#[test]
fn long_columns_with_few_and_many_values_are_summed_in_every_way() {
    let rows = 3000;
    let numbers = (0..rows).flat_map(|row| [(row % 3) as f32, (row % 40) as f32, (row % 200) as f32, 5.0]).collect();
    let features = Features::dense(names(4), rows, numbers).unwrap();
    let binned = Binned::new(&features, 255, Layout::ByShare, 1).unwrap();
    assert_eq!((0..4).map(|feature| binned.bins(feature)).collect::<Vec<_>>(), [3, 40, 200, 1]);
    let all: Vec<u32> = (0..rows as u32).filter(|row| row % 5 > 0).collect();
    for lanes in [2, 3] {
        let values: Vec<f64> = (0..rows * (lanes - 1)).map(|i| (i as f64).cos()).collect();
        let statistics = Statistics::new(lanes, &values, &vec![1.0; rows]);
        assert_eq!(filled(&binned, &all, &statistics), naive(&features, &binned, &all, &statistics));
    }
}

#[test]
fn a_split_lies_in_the_middle_of_a_gap() {
    let features = Features::dense(names(1), 7, (0..7).map(|i| i as f32).collect()).unwrap();
    let binned = Binned::new(&features, 255, Layout::ByShare, 1).unwrap();
    assert_eq!(binned.settle(0, 1, Some(2)), (1, 1.5));
    assert_eq!(binned.settle(0, 1, Some(5)), (3, 3.0));
    assert_eq!(binned.settle(0, 1, Some(4)), (2, 2.5));
    assert_eq!(binned.settle(0, 6, None), (6, f32::MAX));
    let few = Binned::new(&features, 4, Layout::ByShare, 1).unwrap();
    assert_eq!(few.settle(0, 0, Some(3)), (1, few.edges[0].between[1]));
}

#[test]
fn infinite_numbers_are_refused_by_name() {
    let features = Features::dense(names(2), 2, vec![0.0, 1.0, 2.0, f32::INFINITY]).unwrap();
    let error = Binned::new(&features, 255, Layout::ByShare, 1).unwrap_err().to_string();
    assert!(error.contains("\"f1\"") && error.contains("row 1"), "{error}");
}

#[test]
fn wide_sparse_features_stay_sparse() {
    let (rows, width) = (500, 4096);
    let columns: Vec<u32> = (0..rows as u32).flat_map(|row| [row % 7, 9 + row * 8 % 4000]).collect();
    let starts = (0..=rows).map(|row| 2 * row).collect();
    let features = Features::sparse(names(width), starts, columns, vec![1.0; 2 * rows]).unwrap();
    let binned = Binned::new(&features, 255, Layout::ByShare, 1).unwrap();
    assert!(binned.bytes() < 16 * 8 * (rows + 1) + 4 * rows + 1, "{}", binned.bytes());
}
